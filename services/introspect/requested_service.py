"""What a request asks for: one registered service, or none, from a method and a path as they came.

Paths are never normalised, they are refused (design: two programs that normalise differently let `/public/../admin`
through). The query is cut off; what is left may hold only `/` and the characters of RFC 3986 §3.3 without `;`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from tallystick.oauth2.path_segment import ambiguous_escape
from tallystick.oauth2.service_name import is_template, parse_registered

LONGEST = 8192
"""The longest request, in bytes, method and query included."""

_REQUEST = re.compile(rb"(?:([A-Z]+(?:-[A-Z]+)*) )?(/[^?#]*)(?:\?.*)?", re.DOTALL)
# RFC 3986 §3.3 without ";", which some programs cut a segment at.
_SEGMENT = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})*")
_DEFAULT_METHOD = "POST"


@dataclass(frozen=True, slots=True)
class RequestedService:
    """A method and the segments of a path, byte for byte as they came."""

    method: str
    segments: tuple[str, ...]


def parse_request(octets: bytes) -> RequestedService | None:
    """Read `GET /albums/7?page=2` or a bare path, which means POST; None for what could be read in two ways."""
    if len(octets) > LONGEST:
        return None
    match = _REQUEST.fullmatch(octets)
    if match is None:
        return None
    method, path = match[1], match[2]
    segments = path.split(b"/")[1:]
    if not all(map(_is_clear, segments)) or b"" in segments[:-1]:
        return None
    return RequestedService(
        _DEFAULT_METHOD if method is None else method.decode("ascii"),
        tuple(segment.decode("ascii") for segment in segments),
    )


def _is_clear(segment: bytes) -> bool:
    """Tell whether all programs read a segment alike."""
    if segment in {b".", b".."} or _SEGMENT.fullmatch(segment) is None:
        return False
    return ambiguous_escape(segment.decode("ascii")) is None


@dataclass(slots=True)
class _Node:
    """A place in the tree: what follows it, and the services that end here, by method; folders have one for any.

    `spellings` has, for each literal with its escapes undone, how it is registered.
    """

    literals: "dict[str, _Node]" = field(default_factory=dict)
    spellings: dict[bytes, str] = field(default_factory=dict)
    template: "_Node | None" = None
    exact: dict[str, str] = field(default_factory=dict)
    folders: dict[str | None, str] = field(default_factory=dict)


class RegisteredServices:
    """The services of a resource as a tree, built once; a request selects one of them at the most.

    Segment by segment from the left a literal wins over a template, and a template over a folder. A branch that leads
    to no service of the request's method is left again, so that a request is refused only if nothing registered fits.
    Of a folder by the request's method and one by every method, the former wins.

    A segment that would be one of the literals if its escapes were undone, and is not spelled as that one is
    registered, selects nothing: a program that undoes escapes takes `/users/a%3Apurge` for `/users/a:purge`, whatever
    `/users/{id}` admits.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._root = _Node()
        for name in names:
            service = parse_registered(name)
            if service is None:
                continue
            node = self._root
            for segment in service.segments:
                node = _child(node, segment)
            if service.is_folder:
                node.folders[service.method] = name
            elif service.method is not None:
                node.exact[service.method] = name

    def select(self, request: RequestedService) -> str | None:
        """Return the name of the one service that a request is for; None if there is none."""
        try:
            return _select(self._root, request, 0)
        except _SpelledOtherwise:
            return None


class _SpelledOtherwise(Exception):
    """A segment is a registered one but for its escapes."""


def _child(node: _Node, segment: str) -> _Node:
    if is_template(segment):
        node.template = node.template or _Node()
        return node.template
    node.spellings[unquote_to_bytes(segment)] = segment
    return node.literals.setdefault(segment, _Node())


def _select(node: _Node, request: RequestedService, depth: int) -> str | None:
    if depth == len(request.segments):
        return node.exact.get(request.method)
    segment = request.segments[depth]
    if node.spellings.get(unquote_to_bytes(segment), segment) != segment:
        raise _SpelledOtherwise
    literal = node.literals.get(segment)
    found = None if literal is None else _select(literal, request, depth + 1)
    if found is None and node.template is not None and segment:
        found = _select(node.template, request, depth + 1)
    if found is None:
        # A folder ends at a slash and covers all below it, so there is a segment left, empty or not.
        found = node.folders.get(request.method) or node.folders.get(None)
    return found
