"""A token request, parsed once (RFC 6749 §3.2). What follows never sees the form again."""

from dataclasses import dataclass, field

from tallystick.oauth2.errors import InvalidRequest
from tallystick.oauth2.parameters import Parameters

ONCE = frozenset(
    {
        "grant_type", "client_id", "client_secret", "scope", "redirect_uri", "code", "code_verifier", "refresh_token",
        "label",
    }
)  # fmt: skip
"""The parameters that may be sent once; `resource` may repeat (RFC 8707 §2)."""

_LONGEST_LABEL = 100


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What was sent besides the client's credentials. Secrets are kept out of `repr`."""

    grant_type: str
    scope: str | None
    resources: tuple[str, ...]
    redirect_uri: str | None
    label: str | None
    code: str | None = field(repr=False)
    code_verifier: str | None = field(repr=False)
    refresh_token: str | None = field(repr=False)


def parse_token_request(parameters: Parameters) -> TokenRequest:
    """Read the parameters of every grant type, so that none goes unnoticed when it is repeated.

    Raises `InvalidRequest`.
    """
    return TokenRequest(
        grant_type=parameters.required("grant_type"),
        scope=parameters.optional("scope"),
        resources=parameters.all("resource"),
        redirect_uri=parameters.optional("redirect_uri"),
        label=_label(parameters),
        code=parameters.optional("code"),
        code_verifier=parameters.optional("code_verifier"),
        refresh_token=parameters.optional("refresh_token"),
    )


def _label(parameters: Parameters) -> str | None:
    """Return what the client wants the access token for, in words of its own that operators read."""
    label = parameters.optional("label")
    if label is not None and (len(label) > _LONGEST_LABEL or not label.isprintable()):
        raise InvalidRequest(f"label must be at most {_LONGEST_LABEL} printable characters")
    return label


def needed(value: str | None, name: str) -> str:
    """Return a parameter that the grant type needs; raise `InvalidRequest` when it was not sent."""
    if value is None:
        raise InvalidRequest(f"{name} is required")
    return value
