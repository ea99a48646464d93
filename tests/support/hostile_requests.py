"""HTTP requests that are right but for one hostile change, and bytes that are hardly requests at all."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.support.fuzz import NASTY, TEXT, damaged

FORM = "application/x-www-form-urlencoded"
_LONG = "<long>"

_NAMES = (
    "authorization", "cookie", "origin", "content-type", "accept", "accept-language", "x-forwarded-for", "forwarded",
    "x-forwarded-proto", "x-request-id", "sec-purpose", "sec-fetch-dest", "referer", "host", "range", "if-none-match",
    "content-encoding", "x-http-method-override", "access-control-request-method",
)  # fmt: skip
_VALUES = (
    "Basic Og==", "Basic =", "Bearer", "null", "::1", "127.0.0.1, 127.0.0.1", "*", "de;q=0", "prefetch", "iframe",
    "application/json", "multipart/form-data", f"{FORM}; charset=utf-16", f"{FORM}, {FORM}", "gzip", "bytes=0-1",
)  # fmt: skip
_ANY_VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60).map(str.strip)
_LINES = (
    "Host: a", "Host: b", "Connection: close", "Connection: Upgrade", "Upgrade: websocket", "Expect: 100-continue",
    "Content-Length: 5", "Content-Length: -1", "Content-Length: 0x5", f"Content-Length: {'9' * 20}", " folded",
    "Transfer-Encoding: chunked", "Transfer-Encoding: x", f"Content-Type: {FORM}", "Authorization: Basic Og==",
    ": empty", "No colon", "X\0Y: z", f"X: {_LONG}", "Cookie: a=b; a",
)  # fmt: skip
_CHANGES = ("value", "name", "repeat", "drop", "more", "many", "bytes", "query", "header", "none")
_METHODS = st.sampled_from(["GET", "POST", "get", "", "PRI", "POST ", "\0", "OPTIONS", _LONG])
_VERSIONS = st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "HTTP/1.1 x", ""])
_BODIES = st.binary(max_size=60) | st.sampled_from([b"5\r\ngrant\r\n0\r\n\r\n", b"FFFFFFFFFF\r\n", b"a=b&c", b"-1\r\n"])


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its parameters in order, where they travel, and its headers."""

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None

    @property
    def body(self) -> bytes:
        """The body: what was put there byte for byte, or the form."""
        return urlencode(self.parameters).encode() if self.raw is None else self.raw


@st.composite
def hostile(draw: DrawFn, asked: Asked) -> Asked:
    """Draw a request that is right but for one change."""
    parameters = list(asked.parameters)
    place = draw(st.integers(0, len(parameters) - 1))
    name, value = parameters[place]
    match draw(st.sampled_from(_CHANGES)):
        case "value":
            parameters[place] = (name, draw(damaged(st.just(value)) | TEXT | NASTY))
        case "name":
            parameters[place] = (draw(damaged(st.just(name))), value)
        case "repeat":
            parameters.append((name, draw(st.just(value) | NASTY | st.just(""))))
        case "drop":
            del parameters[place]
        case "more":
            parameters.append((draw(TEXT), draw(TEXT)))
        case "many":
            parameters.extend([("a", "b")] * draw(st.sampled_from([90, 100, 1000])))
        case "bytes":
            whole = urlencode(parameters).encode()
            cut = draw(st.integers(0, len(whole)))
            return replace(asked, raw=whole[:cut] + draw(st.binary(max_size=40)) + whole[cut:])
        case "query":
            return replace(asked, query=(*asked.query, (name, draw(st.just(value) | NASTY))))
        case "header":
            names, values = st.sampled_from([*asked.headers, *_NAMES]), st.sampled_from(_VALUES) | _ANY_VALUE
            others = draw(st.dictionaries(names, values, min_size=1, max_size=3))
            return replace(asked, headers={**asked.headers, **others})
        case _:
            pass
    return replace(asked, parameters=tuple(parameters))


@st.composite
def no_requests(draw: DrawFn, path: str) -> bytes:
    """Draw something like an HTTP request, or nothing like it."""
    target = draw(st.sampled_from([path, "*", "//", f"http://evil{path}", f"{path}?%", "/\0", f"/{_LONG}", "/\xe9"]))
    lines = [
        f"{draw(_METHODS)} {target} {draw(_VERSIONS)}",
        *draw(st.lists(st.sampled_from(_LINES), max_size=6)),
        "",
        "",
    ]
    head = draw(st.sampled_from(["\r\n", "\n", "\r"])).join(lines).encode("latin-1")
    body = draw(_BODIES)
    return draw(st.sampled_from([head + body, head + body + head, head[:-2]]) | st.binary(max_size=200))


def at_length(octets: bytes) -> bytes:
    """Write out what is longer than any server reads, and would be too long to be shown when a test fails."""
    return octets.replace(_LONG.encode(), b"a" * 33_000)
