"""What each program of a run is told, in its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from tallystick.local.given_settings import GivenSettings
from tallystick.local.ports import HOST
from tallystick.local.run_options import RunOptions
from tallystick.local.stores import Stores
from tallystick.runtime.settings import PREFIX

# How long a service that is told to stop waits for those who are still talking to it.
DRAIN_SECONDS = "0.5"
_PER_SERVICE = ("HTTP_LISTEN", "GRPC_LISTEN", "HEALTH_LISTEN")


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Makes the settings of each program from the options, what was given, and where the stores are."""

    options: RunOptions
    given: GivenSettings
    stores: Stores

    @property
    def issuer(self) -> str:
        """The issuer (RFC 8414 §2)."""
        return self.given.issuer or self._url("authorize")

    def of_service(self, service: str) -> dict[str, str]:
        """Return the settings of one service: what it needs, and no more."""
        credentials, stores = self.options.credentials, self.stores
        own = {
            **self._addresses(),
            "HTTP_LISTEN": f"{HOST}:{self.options.ports[service]}",
            "GRPC_LISTEN": self._target(service),
            "POSTGRES_DSN": stores.dsn(f"tallystick_{service}"),
        }
        match service:
            case "authorize":
                own |= {"REDIS_URL": stores.redis_url, "SERVICE_CALLERS_FILE": str(credentials.service_callers)}
            case "token":
                own |= {
                    "PARTITION_DSN": stores.partition_dsn,
                    "REFRESH_KEY_FILE": str(credentials.refresh_key),
                    "SERVICE_CALLERS_FILE": str(credentials.service_callers),
                    "SERVICE_TOKEN_FILE": str(credentials.service_token("token")),
                }
        return _prefixed(own)

    def of_operator(self) -> dict[str, str]:
        """Return what `tallystick doctor` and its like need to find this run."""
        credentials, stores = self.options.credentials, self.stores
        return _prefixed(
            {
                **self._addresses(),
                "POSTGRES_DSN": stores.postgres_dsn,
                "MIGRATE_DSN": stores.migrate_dsn,
                "PARTITION_DSN": stores.partition_dsn,
                "REDIS_URL": stores.redis_url,
                "REFRESH_KEY_FILE": str(credentials.refresh_key),
                "SERVICE_CALLERS_FILE": str(credentials.service_callers),
                "SERVICE_TOKEN_FILE": str(credentials.service_token("token")),
                "ADMIN_TOKEN_FILE": str(self.options.admin_token),
            }
        )

    def inherited(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the caller's environment without what each program is told for itself, by value or by file."""
        ours = self.of_operator().keys() | _prefixed(dict.fromkeys(_PER_SERVICE, "")).keys()
        kept = {name: value for name, value in environ.items() if not {name, name.removesuffix("_FILE")} & ours}
        return {f"{PREFIX}DRAIN_SECONDS": DRAIN_SECONDS, **kept}

    def _addresses(self) -> dict[str, str]:
        return {
            "ISSUER": self.issuer,
            "TOKEN_URL": self.given.token_url or self._url("token"),
            "INTROSPECT_URL": self.given.introspect_url or self._url("introspect"),
            "AUTHORIZE_TARGET": self._target("authorize"),
            "TOKEN_TARGET": self._target("token"),
            "INTROSPECT_TARGET": self._target("introspect"),
        }

    def _url(self, service: str) -> str:
        return f"http://{HOST}:{self.options.ports[service]}"

    def _target(self, service: str) -> str:
        return f"{HOST}:{self.options.ports[f'{service}-grpc']}"


def _prefixed(settings: Mapping[str, str]) -> dict[str, str]:
    return {PREFIX + name: value for name, value in settings.items()}
