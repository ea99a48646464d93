"""Garbage in what operators write: names of services, identifiers, texts for people, and page tokens."""

import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import strategies as st

from services.authorize.adapters.json_record import JsonRecord
from services.authorize.pages.display_text import display_text
from services.authorize.registry import identifiers
from services.authorize.registry.page import PageRequest, page_request
from services.authorize.registry.text import line
from services.authorize.request import AuthorizationRequest, Interaction
from services.token.grant_page import page_token, position
from services.token.model import GrantPosition
from tallystick.oauth2.service_name import MalformedServiceName, parse_service_name
from tallystick.runtime.failures import Invalid
from tests.support.fuzz import TEXT, damaged, fuzzed, garbage

SEGMENTS = st.one_of(
    st.sampled_from(["photos.v1.Albums", "Get", "albums", "{id}", "{other}", "%20", "a%3Ab", "@x", "", "."]),
    st.from_regex(r"[A-Za-z0-9._~!$&'()+,=:@-]{1,8}", fullmatch=True),
)
SERVICES = st.builds(
    lambda method, segments, end: f"{method}{''.join(f'/{segment}' for segment in segments)}{end}",
    st.sampled_from(["", "GET ", "POST ", "VERSION-CONTROL "]),
    st.lists(SEGMENTS, min_size=1, max_size=4),
    st.sampled_from(["", "", "/*", "/"]),
)
POSITIONS = st.builds(
    GrantPosition,
    st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - the zone is drawn
    st.binary(min_size=16, max_size=16).map(lambda octets: UUID(bytes=octets)),
)
INTERACTIONS: JsonRecord[Interaction] = JsonRecord(Interaction)
INTERACTION = Interaction(AuthorizationRequest("c", "https://a.example/cb", state="é&\n"), b"\x00\xff")


@fuzzed(text=garbage(SERVICES), long=10_000)
def test_a_service_is_read_or_malformed(text: str) -> None:
    """Any text is malformed, or a service that is written so that it reads alike again (RS-05)."""
    try:
        service = parse_service_name(text)
    except MalformedServiceName:
        return
    assert parse_service_name(str(service)) == service
    assert str(service) in {text, f"POST {text}"}
    assert service.covers(service)
    assert not {".", ".."} & set(service.segments)
    assert text.isascii()
    assert text.isprintable()


@fuzzed(texts=st.lists(SERVICES, min_size=3, max_size=3), long=10_000)
def test_covering_is_an_order(texts: list[str]) -> None:
    """What covers a folder covers what that covers, and two that cover each other are of one shape (RS-05)."""
    try:
        above, middle, below = (parse_service_name(text) for text in texts)
    except MalformedServiceName:
        return
    if above.covers(middle) and middle.covers(below):
        assert above.covers(below)
    if above.covers(middle) and middle.covers(above):
        assert above.shape == middle.shape
    if above.covers(middle) and not above.is_folder:
        assert not middle.is_folder


@fuzzed(last=POSITIONS)
def test_a_page_of_grants_follows_the_one_before(last: GrantPosition) -> None:
    """A page token says where the next page begins, to the microsecond (GRPC-03)."""
    assert position(page_token(last)) == last


@fuzzed(token=garbage(POSITIONS.map(page_token)))
def test_a_page_token_of_grants_is_read_or_invalid(token: str) -> None:
    """Any other token is refused as such, or is the very one of a position (GRPC-03)."""
    with suppress(Invalid):
        found = position(token)
        assert token == ("" if found is None else page_token(found))


@fuzzed(key=TEXT.filter(lambda text: text != "" and "\0" not in text), kind=st.sampled_from(["client", "scope"]))
def test_a_page_of_records_follows_the_one_before(key: str, kind: str) -> None:
    """A page token says after which key the next page begins, for the list that it came from (GRPC-03)."""
    token = PageRequest(kind, 1, "").page([key, key], str).next_page_token
    assert page_request(kind, 0, token).after == key
    with suppress(Invalid):
        page_request("other", 0, token)
        raise AssertionError("a token of one list was taken for another")


@fuzzed(
    size=st.integers(-(2**31), 2**31 - 1),
    token=st.one_of(
        garbage(st.builds(lambda key: PageRequest("client", 1, "").page([key] * 2, str).next_page_token, TEXT)),
        st.from_regex(r"[A-Za-z0-9_-]{1,80}", fullmatch=True),
    ),
)
def test_a_page_token_of_records_is_read_or_invalid(size: int, token: str) -> None:
    """Any size and token is refused, or asks for a page of a bounded size (GRPC-03)."""
    with suppress(Invalid):
        asked = page_request("client", size, token)
        assert 1 <= asked.size <= 1000
        assert "\0" not in asked.after


@fuzzed(text=st.text(max_size=100), limit=st.integers(1, 60), long=10_000)
def test_shown_text_is_harmless(text: str, limit: int) -> None:
    """Whatever is shown is short, on one line, free of what nobody can see, and the same when cleaned again (UI-06)."""
    shown = display_text(text, limit=limit)
    assert len(shown) <= limit
    assert not {unicodedata.category(each) for each in shown} & {"Cc", "Cs", "Co", "Zl", "Zp"}
    assert not any(unicodedata.bidirectional(each) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI"} for each in shown)
    assert display_text(shown, limit=limit) == shown


@fuzzed(text=garbage(st.from_regex(r"[a-z2-7]{26}", fullmatch=True)))
def test_identifiers_are_taken_or_invalid(text: str) -> None:
    """Any identifier is returned as it is, or refused as invalid (GRPC-03)."""
    for rule in (
        identifiers.client_id,
        identifiers.scope_name,
        identifiers.resource_identifier,
        identifiers.username,
        identifiers.operator_name,
        lambda each: line("field", each, limit=50),
    ):
        with suppress(Invalid):
            assert rule(text) == text


@fuzzed(stored=st.one_of(damaged(st.just(INTERACTIONS.write(INTERACTION).decode())).map(str.encode), st.binary()))
def test_a_damaged_record_is_no_record(stored: bytes) -> None:
    """Whatever Redis brings back is read strictly, or as if it were not there (GEN-13)."""
    assert INTERACTIONS.read(INTERACTIONS.write(INTERACTION)) == INTERACTION
    found = INTERACTIONS.read(stored)
    assert found is None or isinstance(found.request.redirect_uri, str)
