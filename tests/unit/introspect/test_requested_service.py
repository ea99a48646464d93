"""Which registered service a request is for: the corpus, and properties against a reading of its own."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.introspect.requested_service import LONGEST, RegisteredServices, parse_request
from tallystick.oauth2.service_name import is_template, parse_service_name
from tests.support.fuzz import examples
from tests.unit.introspect.hostile_paths import AMBIGUOUS, REGISTERED, SELECTED, UNREGISTERED

services = RegisteredServices(REGISTERED)


def selected(request: bytes, registered: RegisteredServices = services) -> str | None:
    parsed = parse_request(request)
    return None if parsed is None else registered.select(parsed)


@pytest.mark.parametrize("request_", AMBIGUOUS, ids=lambda each: repr(each[:40]))
def test_what_could_be_read_in_two_ways_is_refused(request_: bytes) -> None:
    """Paths are never normalised: what two programs could read differently is for no service."""
    assert parse_request(request_) is None


@pytest.mark.parametrize("request_", UNREGISTERED, ids=repr)
def test_what_is_not_registered_byte_for_byte_is_refused(request_: bytes) -> None:
    """Other cases, slashes, methods, suffixes and escapes are other services."""
    assert selected(request_) is None


@pytest.mark.parametrize(("request_", "service"), SELECTED.items(), ids=repr)
def test_a_request_is_for_one_service(request_: bytes, service: str) -> None:
    """Segment by segment from the left a literal wins over a template, and a template over a folder."""
    assert selected(request_) == service


@pytest.mark.parametrize(
    ("registered", "request_", "service"),
    [
        pytest.param(("/a/*", "GET /a/*"), b"GET /a/x", "GET /a/*", id="a folder by one method before one by any"),
        pytest.param(("/a/*", "GET /a/*"), b"PUT /a/x", "/a/*", id="other methods go to the folder for any"),
        pytest.param(("/a/*", "/a/b/*"), b"/a/b/c", "/a/b/*", id="the folder below before the one above"),
        pytest.param(("/a/*", "/a/b/*"), b"/a/b", "/a/*", id="a folder does not cover its own name"),
        pytest.param(("/{x}/b", "/a/{y}"), b"/a/b", "POST /a/{y}", id="the first segment decides"),
        pytest.param(("/{x}/b", "/a/c"), b"/a/b", "POST /{x}/b", id="a branch that leads nowhere is left again"),
        pytest.param(("/{x}/b/*", "/a/*"), b"/a/b/c", "/a/*", id="a literal folder before a template above it"),
        pytest.param(("GET /{x}", "/a"), b"GET /a", "GET /{x}", id="a literal of another method is left again"),
        pytest.param(("/{x}/{y}",), b"/a/", None, id="a template is never empty"),
        pytest.param(("/*",), b"GET /", "/*", id="the folder of everything"),
        pytest.param((), b"GET /", None, id="nothing is registered"),
    ],
)
def test_which_of_several(registered: tuple[str, ...], request_: bytes, service: str | None) -> None:
    """Of several services that a request fits, the comparison from the left chooses the same one always."""
    canonical = [str(parse_service_name(name)) for name in registered]
    assert selected(request_, RegisteredServices(canonical)) == service
    assert selected(request_, RegisteredServices(reversed(canonical))) == service


def test_deep_paths_are_no_burden() -> None:
    """A path of thousands of segments is read, and neither overflows a stack nor takes long."""
    branching = [f"/{'/'.join(choice)}" for choice in (("a", "{x}") * 20, ("{x}", "a") * 20, ("{x}",) * 40)]
    deep = b"/a" * ((LONGEST - 5) // 2)
    registered = RegisteredServices([str(parse_service_name(name)) for name in branching])
    assert selected(b"POST " + deep, registered) is None
    assert selected(b"/a" * 40, registered) == f"POST {branching[0]}"


# Requests that are for a service but for a few bytes somewhere in them.
NEARLY_SELECTED = st.builds(
    lambda request, at, cut, put: request[: at % len(request)] + put + request[at % len(request) + cut :],
    st.sampled_from(sorted(SELECTED)),
    st.integers(0, 60),
    st.integers(0, 2),
    st.binary(max_size=2) | st.sampled_from([b"/", b"/.", b"..", b"%2e", b"%2F", b"%", b";", b"//", b"\\", b"?", b"#"]),
)


@examples(400)
@given(st.binary(max_size=60) | NEARLY_SELECTED | NEARLY_SELECTED)
def test_any_bytes_select_nothing_unless_registered(octets: bytes) -> None:
    """Whatever the bytes, what is selected is registered, and an independent reading says that it fits."""
    service = selected(octets)
    assert service is None or (service in REGISTERED and fits(service, octets))


SEGMENTS = st.sampled_from(["a", "b", "{x}", "%C3%A9"])
NAMES = st.builds(
    lambda method, segments, folder: f"{method}/{'/'.join(segments)}{'/*' if folder else ''}",
    st.sampled_from(["", "GET ", "POST "]),
    st.lists(SEGMENTS, min_size=1, max_size=3),
    st.booleans(),
).map(lambda name: str(parse_service_name(name)))
REQUESTS = st.builds(
    lambda method, segments, query: f"{method}/{'/'.join(segments)}{query}".encode(),
    st.sampled_from(["", "GET ", "POST ", "PUT "]),
    st.lists(st.sampled_from(["a", "b", "c", "%C3%A9", "%c3%a9", ".", "..", "", "a;", "%61"]), max_size=4),
    st.sampled_from(["", "?", "?/../a"]),
)


@examples(200)
@given(st.lists(NAMES, max_size=8, unique_by=lambda name: parse_service_name(name).shape), REQUESTS)
def test_selecting_is_what_the_words_say(registered: list[str], request_: bytes) -> None:
    """A request selects, of those registered services that fit it, the first in the comparison from the left."""
    best = best_of(registered, request_)
    found = selected(request_, RegisteredServices(registered))
    assert found in {best, None}
    if b"%" not in request_.partition(b"?")[0]:
        assert found == best


@examples(200)
@given(st.lists(NAMES, max_size=8, unique_by=lambda name: parse_service_name(name).shape), REQUESTS)
def test_undoing_escapes_never_leads_elsewhere(registered: list[str], request_: bytes) -> None:
    """Whoever routes by the path with its escapes undone comes to the same service, or nobody is let in."""
    found = selected(request_, RegisteredServices(registered))
    undone = {name.replace("%C3%A9", "e-acute"): name for name in registered}
    elsewhere = best_of(list(undone), re.sub(rb"(?i)%C3%A9", b"e-acute", request_))
    assert found is None or elsewhere is None or found == undone[elsewhere]


def best_of(registered: list[str], request_: bytes) -> str | None:
    """Return the first, in the comparison from the left, of those registered services that a request fits."""
    return min((name for name in registered if fits(name, request_)), key=rank, default=None)


def fits(name: str, octets: bytes) -> bool:
    """Tell by regular expressions, instead of a tree, whether a request fits a registered service."""
    path = rb"(?:[A-Z-]+ )?(?:/[A-Za-z0-9._~!$&'()*+,=:@%-]*)+(?:\?.*)?"
    if re.fullmatch(path, octets, re.DOTALL) is None:
        return False
    before_query = octets.partition(b"?")[0]
    method, blank, rest = before_query.partition(b" ")
    if not blank:
        method, rest = b"POST", before_query
    empty_or_dots = rb"/(?:\.\.?|)(?=/)|/\.\.?$"
    not_two_digits = rb"%(?![0-9A-Fa-f]{2})"
    unescaped_by_some = rb"%(?:2[FfDdEe5]|5[CcFf]|7[EeFf]|[01]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])"
    if re.search(b"|".join((empty_or_dots, not_two_digits, unescaped_by_some)), rest):
        return False
    service = parse_service_name(name)
    if service.method is not None and service.method.encode() != method:
        return False
    pattern = "".join("/[^/]+" if is_template(each) else f"/{re.escape(each)}" for each in service.segments)
    return re.fullmatch((pattern + ("/.*" if service.is_folder else "")).encode(), rest, re.DOTALL) is not None


def rank(name: str) -> tuple[tuple[int, ...], bool]:
    """Order services that fit one request: literals, then templates, then folders; then one method before any."""
    service = parse_service_name(name)
    kinds = tuple(1 if is_template(segment) else 0 for segment in service.segments)
    return (*kinds, *((2,) if service.is_folder else ())), service.method is None
