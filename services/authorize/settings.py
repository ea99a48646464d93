"""The settings of authorize."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from services.authorize.pages.branding import Branding
from tallystick.oauth2.pkce import RequirePkce
from tallystick.runtime.settings import (
    PREFIX,
    BaseUrl,
    FailuresPerSource,
    Listen,
    ListenAddress,
    Settings,
    SettingsError,
)

_LONGEST_CODE_LIFETIME_SECONDS = 600
_LONGEST_SESSION_LIFETIME_SECONDS = 30 * 24 * 3600


class AuthorizeSettings(Settings):
    """What every service needs, and what authorize needs besides."""

    service: ClassVar[str] = "authorize"

    http_listen: Listen = ListenAddress(host="127.0.0.1", port=8080)
    grpc_listen: Listen = ListenAddress(host="127.0.0.1", port=9080)
    grpc_mutual_listen: Listen = ListenAddress(host="127.0.0.1", port=9180)
    """Where gRPC is served to other services with mutual TLS; only with TLS."""
    redis_url: SecretStr
    """Where codes, interactions and login sessions are kept, the same for all replicas: a server, the master that
    Sentinels name, or a cluster."""
    token_url: BaseUrl | None = None
    """The public base URL of token, for the metadata; the issuer when it is not set."""
    introspect_url: BaseUrl | None = None
    """The public base URL of introspect, for the metadata; the issuer when it is not set."""
    require_pkce: RequirePkce = RequirePkce.ALL
    """Which clients owe a code challenge (RFC 7636): `all`, `public` or `none`. Public ones owe it in any case."""
    code_lifetime_seconds: Annotated[int, Field(ge=1, le=_LONGEST_CODE_LIFETIME_SECONDS)] = 60
    """How long a code can be redeemed, in seconds (RFC 6749 §4.1.2 allows ten minutes at the most)."""
    session_lifetime_seconds: Annotated[int, Field(ge=1, le=_LONGEST_SESSION_LIFETIME_SECONDS)] = 12 * 3600
    """How long after signing in people need not do so again, in seconds."""
    session_idle_lifetime_seconds: Annotated[int, Field(ge=1, le=_LONGEST_SESSION_LIFETIME_SECONDS)] = 3600
    """How long a session lasts without being used, in seconds; it ends with its lifetime in any case."""
    sign_in_failures_per_source: FailuresPerSource = 50
    """How many wrong passwords are taken from one address in five minutes, from devices that are not known."""
    audit_refusals_per_source: FailuresPerSource = 60
    """How many refusals of one kind, of somebody from one address who has not proved who it is, the audit tells in full
    in a minute. Of more it tells the number."""
    service_callers_file: Path | None = None
    """Without TLS the services that may call over gRPC: lines of `service:digest`, the SHA-256 of its credential in
    hexadecimal."""
    branding_title: str | None = None
    """What the pages are headed by and titled with; the project's name when it is not set."""
    branding_logo_file: Path | None = None
    """A PNG, JPEG or WebP image of 64 KiB at the most, shown beside the title."""
    branding_header: str | None = None
    """A line shown at the top of every page."""
    branding_footer: str | None = None
    """A line shown at the bottom of every page."""

    def check(self) -> None:
        """Raise `SettingsError` when settings contradict one another."""
        super().check()
        self.check_known_by_one_way("SERVICE_CALLERS_FILE", self.service_callers_file)

    def branding(self) -> Branding:
        """Return how the pages look unless a client says otherwise; raise `SettingsError` for an unusable logo."""
        try:
            logo = self.branding_logo_file.read_bytes() if self.branding_logo_file else None
            return Branding(self.branding_title, logo, self.branding_header, self.branding_footer)
        except OSError as error:
            problem = f"cannot read {self.branding_logo_file}: {error.strerror}"
        except ValueError as error:
            problem = str(error)
        raise SettingsError(f"{PREFIX}BRANDING_LOGO_FILE: {problem}")
