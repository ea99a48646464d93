"""Settings from `TALLYSTICK_…` environment variables, checked before anything listens.

Each service has one frozen class of its own, made from the parts below. A secret may be given by a file instead: for
`POSTGRES_DSN` that is `POSTGRES_DSN_FILE`.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from tallystick.runtime.forwarded import TrustedProxies

PREFIX = "TALLYSTICK_"
DEFAULT_TRUST_DOMAIN = "tallystick"
# What Kubernetes injects for a Service of our name, and the switches of the tests.
_NOT_OURS = re.compile(r"_SERVICE_|_PORT|TALLYSTICK_TEST_")

KNOWN = frozenset(
    {
        "ACCESS_TOKEN_LIFETIME_SECONDS",
        "ADMIN_TOKEN_FILE",
        "ALLOW_PLAINTEXT",
        "AUDIT_REFUSALS_PER_SOURCE",
        "AUDIT_RETENTION_DAYS",
        "AUTHORIZE_TARGET",
        "BRANDING_FOOTER",
        "BRANDING_HEADER",
        "BRANDING_LOGO_FILE",
        "BRANDING_TITLE",
        "CODE_LIFETIME_SECONDS",
        "DRAIN_SECONDS",
        "GRPC_LISTEN",
        "GRPC_MUTUAL_LISTEN",
        "HEALTH_LISTEN",
        "HTTP_LISTEN",
        "INTROSPECT_TARGET",
        "INTROSPECT_URL",
        "ISSUER",
        "LOG_LEVEL",
        "METRICS_LISTEN",
        "MIGRATE_DSN",
        "PARTITION_DSN",
        "POSTGRES_DSN",
        "POSTGRES_POOL_SIZE",
        "POSTGRES_PREPARE",
        "QUESTIONS_PER_CALLER",
        "REDIS_URL",
        "REFRESH_GRACE_SECONDS",
        "REFRESH_IDLE_LIFETIME_SECONDS",
        "REFRESH_KEY_FILE",
        "REFRESH_LIFETIME_SECONDS",
        "REMEMBERED_TOKENS",
        "REQUIRE_PKCE",
        "SECRET_FAILURES_PER_SOURCE",
        "SERVICE_CALLERS_FILE",
        "SERVICE_TOKEN_FILE",
        "SESSION_IDLE_LIFETIME_SECONDS",
        "SESSION_LIFETIME_SECONDS",
        "SIGN_IN_FAILURES_PER_SOURCE",
        "TLS_CA_FILE",
        "TLS_CERT_FILE",
        "TLS_KEY_FILE",
        "TLS_TRUST_DOMAIN",
        "TOKEN_TARGET",
        "TOKEN_URL",
        "TRACES_ENDPOINT",
        "TRACES_RATIO",
        "TRUSTED_PROXIES",
    }
)
"""Every setting of the project, so that one environment can serve all its programs and a misspelt name is noticed."""


class SettingsError(Exception):
    """The settings cannot be used; the text is one line that says what to do."""


class ListenAddress(BaseModel):
    """Where to listen: `host:port`, with an IPv6 host in brackets."""

    model_config = ConfigDict(frozen=True)

    host: str
    port: int

    @classmethod
    def parse(cls, text: object) -> object:
        """Read `host:port`."""
        if not isinstance(text, str):
            return text
        match = re.fullmatch(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[^:\[\]]+)):(?P<port>[0-9]{1,5})", text)
        if match is None or int(match["port"]) > 65535:
            raise ValueError("must be host:port, such as 127.0.0.1:8080")
        return cls(host=match["six"] or match["four"], port=int(match["port"]))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.query
        or parts.fragment
        or url.endswith("/")
    ):
        raise ValueError("must be an http or https URL without query, fragment or slash at the end")
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise ValueError("must use https (http is for loopback addresses)")
    return url


def _postgres_dsn(dsn: SecretStr) -> SecretStr:
    try:
        conninfo_to_dict(dsn.get_secret_value())
    except ProgrammingError:
        # Its text quotes the value.
        raise ValueError("must be a connection URL such as postgresql://user:password@host:5432/tallystick") from None
    return dsn


def _traces_endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or parts.fragment:
        raise ValueError("must be a URL without path, such as http://collector:4317")
    if "@" in parts.netloc:
        # The exporter would repeat it in the log each time that it cannot send.
        raise ValueError("must hold no user or password: let a collector of yours send them on")
    return url


def check_scheme(issuer: str, proxies: TrustedProxies) -> None:
    """Raise `SettingsError` when nothing could come over https as the issuer says, so that all would be refused."""
    if urlsplit(issuer).scheme == "https" and not proxies.networks:
        raise SettingsError(
            f"{PREFIX}TRUSTED_PROXIES is not set, and {issuer} is https: name the addresses of the proxy that "
            "terminates TLS and sets X-Forwarded-Proto, or every request would be refused as plain HTTP"
        )


Listen = Annotated[ListenAddress, BeforeValidator(ListenAddress.parse)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Proxies = Annotated[TrustedProxies, BeforeValidator(TrustedProxies.parse)]
FailuresPerSource = Annotated[int, Field(ge=1, le=1_000_000)]
TracesEndpoint = Annotated[str, AfterValidator(_traces_endpoint)]
# SPIFFE ID §2.1.
TrustDomain = Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,255}$")]
PostgresDsn = Annotated[SecretStr, AfterValidator(_postgres_dsn)]


class Settings(BaseModel):
    """What every service needs; each adds its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    service: ClassVar[str]

    issuer: BaseUrl
    """The issuer (RFC 8414 §2): the base URL under which authorize is reached. All services must agree on it."""
    http_listen: Listen
    """Where HTTP is served."""
    grpc_listen: Listen
    """Where gRPC is served."""
    health_listen: Listen | None = None
    """Where the gRPC health service is served in plaintext as well, for probes; it tells nothing else."""
    metrics_listen: Listen | None = None
    """Where Prometheus reads `/metrics`, over plain HTTP; there is nothing secret in it."""
    postgres_dsn: PostgresDsn
    """The shared database, with this service's role."""
    postgres_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    """Connections at the most."""
    postgres_prepare: bool = True
    """Whether statements that are run often are prepared; a pooler in transaction mode may not know them again."""
    tls_cert_file: Path | None = None
    """This service's certificate and its chain, for gRPC over TLS."""
    tls_key_file: Path | None = None
    """The certificate's key."""
    tls_ca_file: Path | None = None
    """The authorities whose certificates other services show."""
    tls_trust_domain: TrustDomain = DEFAULT_TRUST_DOMAIN
    """Whose services are known by `spiffe://TRUST_DOMAIN/SERVICE` in their certificates. All must agree on it."""
    allow_plaintext: bool = False
    """Whether something else encrypts, so that plaintext may be served off loopback."""
    trusted_proxies: Proxies = TrustedProxies()
    """Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."""
    drain_seconds: Annotated[float, Field(ge=0, le=300)] = 10
    """How long requests in flight may take after SIGTERM."""
    traces_endpoint: TracesEndpoint | None = None
    """Where a collector takes OpenTelemetry's traces (OTLP over gRPC); `http` is plaintext."""
    traces_ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Which part of the traces that begin here is sent; those that are asked for by their headers all are."""
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"

    @property
    def is_https(self) -> bool:
        """Whether everything must come over TLS; if not, clients are on this machine."""
        return urlsplit(self.issuer).scheme == "https"

    @property
    def is_grpc_over_tls(self) -> bool:
        """Whether gRPC is served over TLS, and services know one another by certificates."""
        return self.tls_cert_file is not None

    def _in_plaintext(self) -> Mapping[str, ListenAddress]:
        addresses = {"HTTP_LISTEN": self.http_listen}
        return addresses if self.is_grpc_over_tls else addresses | {"GRPC_LISTEN": self.grpc_listen}

    def check_known_by_one_way(self, name: str, file: Path | None) -> None:
        """Raise `SettingsError` unless services know one another by certificates, or else by what is in this file."""
        if self.is_grpc_over_tls and file is not None:
            raise SettingsError(f"{PREFIX}{name} and {PREFIX}TLS_CERT_FILE are both set: with TLS unset {PREFIX}{name}")
        if not self.is_grpc_over_tls and file is None:
            raise SettingsError(
                f"{PREFIX}{name} is not set: see docs/settings.md for what belongs there, or set up TLS instead"
            )

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read and check the settings; raise `SettingsError` with one line about the first thing that is wrong."""
        values = {
            name.lower(): value
            for name, value in named_values(cls, environ).items()
            if name.lower() in cls.model_fields
        }
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(_first_problem(error)) from None
        settings.check()
        return settings

    def check(self) -> None:
        """Raise `SettingsError` when settings contradict one another."""
        files = {"CERT": self.tls_cert_file, "KEY": self.tls_key_file, "CA": self.tls_ca_file}
        missing = [f"{PREFIX}TLS_{name}_FILE" for name, file in files.items() if file is None]
        if 0 < len(missing) < len(files):
            raise SettingsError(
                f"{' and '.join(missing)} not set: TLS needs certificate, key and authorities, all three"
            )
        for name, address in self._in_plaintext().items():
            if not address.is_loopback and not self.allow_plaintext:
                raise SettingsError(
                    f"{PREFIX}{name}: {address} would be served in plaintext beyond this machine; listen on loopback, "
                    f"or set {PREFIX}ALLOW_PLAINTEXT=true if something in front encrypts"
                )
        check_scheme(self.issuer, self.trusted_proxies)


def named_values(model: type[BaseModel], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the project's variables without prefix, `_FILE` twins of secrets read.

    Raises `SettingsError` for a name that no program of the project knows.
    """
    secrets = {name.upper() for name, field in model.model_fields.items() if _is_secret(field.annotation)}
    values: dict[str, str] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX)
        plain = name.removesuffix("_FILE")
        if name in KNOWN:
            values[name] = value
        elif name.endswith("_FILE") and plain in KNOWN:
            if plain in secrets:
                if PREFIX + plain in environ:
                    raise SettingsError(f"{PREFIX}{plain} and {variable} are both set: keep one")
                values[plain] = read_secret_file(variable, Path(value))
        elif not _NOT_OURS.search(variable):
            raise SettingsError(f"{variable} is not a setting of Tallystick: check its spelling or unset it")
    return values


def read_secret_file(variable: str, path: Path) -> str:
    """Return a file's text without the newline at its end; raise `SettingsError`, which never holds the text."""
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{variable}: cannot read {path}: {reason}") from None
    if not text:
        raise SettingsError(f"{variable}: {path} is empty")
    return text


def _is_secret(annotation: object) -> bool:
    return annotation is SecretStr or SecretStr in getattr(annotation, "__args__", ())


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    name = PREFIX + str(problem["loc"][0]).upper()
    if problem["type"] == "missing":
        return f"{name} is not set: see docs/settings.md for what belongs there"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name}: {message[:1].lower()}{message[1:]}"
