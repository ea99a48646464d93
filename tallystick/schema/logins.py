"""Let the services' roles sign in, with the passwords that their connection URLs hold."""

from collections.abc import Mapping

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

ROLES = ("tallystick_authorize", "tallystick_token", "tallystick_introspect", "tallystick_partitions")
"""The roles that `roles.sql` makes."""


class NoLogin(ValueError):
    """A connection URL cannot be what a role signs in with; the text says why and quotes nothing of it."""


def give_logins(dsn: str, role_dsns: Mapping[str, str]) -> list[str]:
    """Give the role that each URL names its password, as whoever owns the database; return the roles.

    `role_dsns` has the URLs by what they are called in an error.

    The server is told a SCRAM verifier, so that no log of statements holds a password. Raises `NoLogin` before anything
    is changed, or `psycopg.Error`.
    """
    wanted = dict(_role_and_password(name, each) for name, each in role_dsns.items())
    with psycopg.connect(dsn, connect_timeout=10, application_name="tallystick.migrate") as connection:
        for role, password in wanted.items():
            verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
            )
    return sorted(wanted)


def _role_and_password(name: str, dsn: str) -> tuple[str, str]:
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise NoLogin(f"{name}: is no connection URL") from None
    role, password = parts.get("user"), parts.get("password")
    if role not in ROLES:
        raise NoLogin(f"{name}: must name one of the roles {', '.join(ROLES)}")
    if not password:
        raise NoLogin(f"{name}: holds no password")
    return str(role), str(password)
