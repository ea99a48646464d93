"""Names of services that a protected resource offers, and what a scope covers by naming one.

    POST /photos.v1.Albums/Get     one HTTP method on one path; a gRPC method is just that
    /photos.v1.Albums/Get          the same: an exact path without method means POST
    GET /albums/{id}               {id} stands for exactly one segment that is not empty
    /photos.v1.Albums/*            a folder: everything below, by every method
    GET /albums/*                  everything below, by one method

Paths are taken as they stand and never normalised: what two programs could read differently is refused.
"""

import re
from dataclasses import dataclass

from tallystick.oauth2.path_segment import ambiguous_escape

LIMIT = 500
"""The longest name of a service, in characters."""

_NAME = re.compile(r"(?:(?P<method>\S*) )?(?P<path>/\S*)", re.ASCII)
_METHOD = re.compile(r"[A-Z]+(?:-[A-Z]+)*")
_TEMPLATE = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")
# RFC 3986 §3.3 without ";", which some programs cut a segment at, and "*", which would look like a folder.
_LITERAL = re.compile(r"(?:[A-Za-z0-9._~!$&'()+,=:@-]|%[0-9A-Fa-f]{2})*")


class MalformedServiceName(ValueError):
    """A text names no service; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class ServiceName:
    """A service, or a folder of services. `method` is None for a folder that is meant by every method."""

    method: str | None
    segments: tuple[str, ...]
    is_folder: bool

    def __str__(self) -> str:
        path = "".join(f"/{segment}" for segment in self.segments) + ("/*" if self.is_folder else "")
        return path if self.method is None else f"{self.method} {path}"

    @property
    def shape(self) -> "ServiceName":
        """The same service, whatever its templates are called: two services of one shape are one service."""
        unnamed = tuple("{}" if is_template(segment) else segment for segment in self.segments)
        return ServiceName(self.method, unnamed, self.is_folder)

    def covers(self, other: "ServiceName") -> bool:
        """Tell whether this service is the other one, or a folder above it."""
        if self.method not in {None, other.method}:
            return False
        if not self.is_folder:
            return self.shape == other.shape
        deep_enough = len(other.segments) >= len(self.segments) + (not other.is_folder)
        return deep_enough and all(
            ours == theirs or (is_template(ours) and theirs != "")
            for ours, theirs in zip(self.shape.segments, other.shape.segments, strict=False)
        )


def is_template(segment: str) -> bool:
    """Tell whether a segment stands for any one that is not empty."""
    return segment.startswith("{")


def parse_service_name(text: str) -> ServiceName:
    """Read a service; raise `MalformedServiceName` for anything that could be read in two ways."""
    if len(text) > LIMIT:
        raise MalformedServiceName(f"is longer than {LIMIT} characters")
    match = _NAME.fullmatch(text)
    if match is None:
        raise MalformedServiceName("must read like POST /photos.v1.Albums/Get, GET /albums/{id} or /photos.v1.Albums/*")
    method, path = match["method"], match["path"]
    if method is not None and (_METHOD.fullmatch(method) is None or len(method) > 20):
        raise MalformedServiceName("must begin with an HTTP method in capital letters, or with the path")
    is_folder = path.endswith("/*")
    segments = tuple((path.removesuffix("/*") if is_folder else path).split("/")[1:])
    for position, segment in enumerate(segments):
        _check_segment(segment, may_be_empty=position == len(segments) - 1 and not is_folder)
    if method is None and not is_folder:
        method = "POST"
    return ServiceName(method, segments, is_folder)


def parse_registered(text: str) -> ServiceName | None:
    """Read a service that is registered; None for one that only an earlier version took: no request is for it."""
    try:
        return parse_service_name(text)
    except MalformedServiceName:
        return None


def _check_segment(segment: str, *, may_be_empty: bool) -> None:
    if not segment and not may_be_empty:
        raise MalformedServiceName("must not hold an empty segment")
    if segment in {".", ".."}:
        raise MalformedServiceName("must not hold the segments . and ..")
    if _TEMPLATE.fullmatch(segment) is not None:
        return
    if "*" in segment:
        raise MalformedServiceName("may hold * only as its last segment, where it makes a folder")
    if _LITERAL.fullmatch(segment) is None:
        raise MalformedServiceName("holds a character that a path cannot have, or a template that fills no segment")
    escaped = ambiguous_escape(segment)
    if escaped is not None:
        raise MalformedServiceName(f"must not hold {escaped}, which programs read differently")
