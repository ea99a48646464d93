"""The identifiers by which operators name what is registered. Each rule raises `Invalid` and says what to send."""

import re

from services.authorize.registry.text import NAME_LIMIT, excerpt, required_line
from tallystick.oauth2.audience import is_resource_identifier
from tallystick.oauth2.scope import is_registrable
from tallystick.runtime.failures import Invalid

RESOURCE_LIMIT = 2000
"""The longest identifier of a protected resource, in characters."""

_CLIENT_ID = re.compile(r"[a-z2-7]{26}")
_GROUP_NAME = re.compile(r"[a-z0-9._-]{1,64}")
_OPERATOR_NAME = re.compile(r"[a-z0-9._-]{1,64}")


def client_id(value: str, field: str = "client_id") -> str:
    """Return a client_id that can be one of ours."""
    if _CLIENT_ID.fullmatch(value) is None:
        raise Invalid(f"{field} must be the 26 characters that the client was registered under, not its name")
    return value


def scope_name(value: str, field: str = "name") -> str:
    """Return a scope that can be registered."""
    if not is_registrable(value):
        raise Invalid(
            f"{field}: a scope is at most 100 lower-case letters, digits and the characters . _ : - "
            f"(such as photos.read), not {excerpt(value)!r}"
        )
    return value


def resource_identifier(value: str, field: str = "identifier") -> str:
    """Return the identifier of a protected resource (RFC 8707 §2)."""
    if len(value) > RESOURCE_LIMIT or not is_resource_identifier(value):
        raise Invalid(
            f"{field} must be an absolute URI without fragment and of at most {RESOURCE_LIMIT} characters, "
            f"such as https://photos.example, not {excerpt(value)!r}"
        )
    return value


def username(value: str) -> str:
    """Return a name to sign in by."""
    return required_line("username", value, limit=NAME_LIMIT)


def group_name(value: str, field: str = "name") -> str:
    """Return a group that can be registered."""
    if _GROUP_NAME.fullmatch(value) is None:
        raise Invalid(
            f"{field}: a group is at most 64 lower-case letters, digits and the characters . _ - (such as family), "
            f"not {excerpt(value)!r}"
        )
    return value


def operator_name(value: str) -> str:
    """Return an operator's name."""
    if _OPERATOR_NAME.fullmatch(value) is None:
        raise Invalid("name must be at most 64 lower-case letters, digits and the characters . _ -, such as deploy-bot")
    return value
