"""Which protected resource a token is for (RFC 8707): the one that its scopes cover."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tallystick.oauth2.errors import InvalidTarget

_LONGEST = 2000
# RFC 3986 §2 without "#", with which a fragment begins.
_URI_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")


@dataclass(frozen=True, slots=True)
class Targeted:
    """Scopes that may stand together in one token, and the audience they give it."""

    scopes: tuple[str, ...]
    audience: str


def is_resource_identifier(uri: str) -> bool:
    """Tell whether a URI may identify a protected resource: absolute, without fragment (RFC 8707 §2).

    It holds no character that a URI cannot have, so it may stand in quotes in a header.
    """
    if len(uri) > _LONGEST or _URI_CHARACTERS.fullmatch(uri) is None:
        return False
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path))


def target(
    scopes: Iterable[str], resources_of: Mapping[str, frozenset[str]], *, requested: tuple[str, ...], issuer: str
) -> Targeted:
    """Choose the audience of a token and the scopes that it may carry there.

    `resources_of` names the resources that each scope covers; a scope without an entry covers none. `requested` holds
    the `resource` parameters. Scopes that cover several resources need one of them to be asked for; the token then
    carries that one's scopes and the uncovered ones. Raise `InvalidTarget` otherwise.
    """
    asked = tuple(dict.fromkeys(scopes))
    covered = {resource for scope in asked for resource in resources_of.get(scope, frozenset())}
    if not all(is_resource_identifier(resource) for resource in requested):
        raise InvalidTarget("resource must be an absolute URI without fragment")
    if len(set(requested)) > 1:
        raise InvalidTarget("one token is for one resource: ask for each in a request of its own")
    if requested:
        audience = requested[0]
        if audience not in covered and not (audience == issuer and not covered):
            raise InvalidTarget("no requested scope covers this resource")
    elif len(covered) > 1:
        raise InvalidTarget("the scopes span several resources: name one with the parameter resource")
    else:
        audience = next(iter(covered), issuer)
    kept = tuple(s for s in asked if not resources_of.get(s) or audience in resources_of[s])
    return Targeted(kept, audience)
