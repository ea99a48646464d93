"""The settings that `migrate` and `doctor` read: where stores and services are, as the services themselves read it."""

from collections.abc import Mapping
from typing import Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator

from tallystick.runtime.forwarded import TrustedProxies
from tallystick.runtime.settings import PREFIX, BaseUrl, Proxies, SettingsError, named_values


class DeploymentSettings(BaseModel):
    """Whatever of a deployment is named in an environment; nothing is required."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    issuer: BaseUrl | None = None
    migrate_dsn: SecretStr | None = None
    """The database, as its owner."""
    postgres_dsn: SecretStr | None = None
    """The database, as a service or its owner."""
    redis_url: SecretStr | None = None
    trusted_proxies: Proxies = TrustedProxies()

    @field_validator("migrate_dsn", "postgres_dsn")
    @classmethod
    def _is_dsn(cls, secret: SecretStr | None) -> SecretStr | None:
        # What is wrong is looked for here, as the driver would repeat it, and with it perhaps the password.
        try:
            ports = conninfo_to_dict(secret.get_secret_value()).get("port") if secret else None
        except psycopg.ProgrammingError:
            ports = "none"
        if not all(port.isdecimal() for port in str(ports or "").split(",") if port):
            raise ValueError("is no address of a PostgreSQL database: write postgresql://user@host/database")
        return secret

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read what is there; raise `SettingsError` with one line about the first thing that is wrong."""
        values = {name.lower(): value for name, value in named_values(cls, environ).items()}
        try:
            return cls.model_validate({name: value for name, value in values.items() if name in cls.model_fields})
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            message = str(problem["msg"]).removeprefix("Value error, ")
            raise SettingsError(f"{PREFIX}{str(problem['loc'][0]).upper()} {message}") from None

    def dsn(self) -> str | None:
        """Return the address of the database, whoever it names."""
        secret = self.migrate_dsn or self.postgres_dsn
        return None if secret is None else secret.get_secret_value()
