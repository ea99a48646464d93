"""The settings that stand in for what a run would make itself."""

from collections.abc import Mapping
from typing import Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from tallystick.runtime.settings import PREFIX, BaseUrl, SettingsError, named_values


class GivenSettings(BaseModel):
    """Data services to use instead of the embedded ones, and addresses as they are seen from outside."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    postgres_dsn: SecretStr | None = None
    migrate_dsn: SecretStr | None = None
    partition_dsn: SecretStr | None = None
    redis_url: SecretStr | None = None
    issuer: BaseUrl | None = None
    token_url: BaseUrl | None = None
    introspect_url: BaseUrl | None = None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read what is there; raise `SettingsError` for a wrong value or an unknown name."""
        values = {name.lower(): value for name, value in named_values(cls, environ).items()}
        try:
            given = cls.model_validate({name: value for name, value in values.items() if name in cls.model_fields})
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            name = str(problem["loc"][0]).upper()
            raise SettingsError(f"{PREFIX}{name}: {str(problem['msg']).removeprefix('Value error, ')}") from None
        for dsn in ("postgres_dsn", "migrate_dsn", "partition_dsn"):
            try:
                conninfo_to_dict(given.secret(dsn))
            except psycopg.ProgrammingError:
                raise SettingsError(f"{PREFIX}{dsn.upper()} is no address of a PostgreSQL database") from None
        return given

    def secret(self, name: str) -> str:
        """Return the text of a setting, empty if it is not given."""
        value = getattr(self, name)
        return value.get_secret_value() if isinstance(value, SecretStr) else ""

    @property
    def database(self) -> str:
        """The database that replaces the embedded one; empty if none does."""
        return self.secret("postgres_dsn") or self.secret("migrate_dsn")

    @property
    def database_setting(self) -> str:
        """The setting by which a database is prepared."""
        return f"{PREFIX}{'MIGRATE_DSN' if self.migrate_dsn else 'POSTGRES_DSN'}"
