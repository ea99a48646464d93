"""Garbage in forms, queries and headers: read without guessing, or refused by the one exception that says so."""

import re
from base64 import b64encode
from contextlib import suppress
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import strategies as st

from tallystick.oauth2.bearer_token import bearer_token
from tallystick.oauth2.client import AuthMethod
from tallystick.oauth2.client_authentication import basic_credentials, presented_credentials
from tallystick.oauth2.errors import InvalidClient, InvalidRequest, OAuthError
from tallystick.oauth2.parameters import MalformedForm, Parameters, form_decode, parse_form, parse_query
from tallystick.runtime import request_id
from tallystick.runtime.callers import bearer_credential
from tallystick.runtime.failures import Unauthenticated
from tests.support.fuzz import TEXT, fuzzed, garbage

NAMES = st.sampled_from(["client_id", "client_secret", "scope", "resource", "code", "Scope", "zz", ""])
PAIRS = st.lists(st.tuples(NAMES | TEXT, TEXT), max_size=20)
FORMS = PAIRS.map(urlencode)
BODIES = st.one_of(garbage(FORMS).map(str.encode), st.binary(max_size=400))
SENDABLE = TEXT.filter(lambda text: "\0" not in text)
BASIC = st.builds(
    lambda client_id, secret: "Basic " + b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode(),
    SENDABLE,
    SENDABLE,
)
HEADERS = st.one_of(garbage(BASIC), st.binary(max_size=200).map(lambda octets: "Basic " + b64encode(octets).decode()))
BEARERS = garbage(st.from_regex(r"[Bb]earer +[A-Za-z0-9._~+/-]+=*", fullmatch=True))


@fuzzed(pairs=PAIRS)
def test_a_form_is_read_as_it_was_written(pairs: list[tuple[str, str]]) -> None:
    """Every name and value of a form arrives as it was, whatever characters it has, NUL excepted (GEN-05)."""
    encoded = urlencode(pairs).encode()
    if any("\0" in name + value for name, value in pairs):
        with pytest.raises(MalformedForm):
            parse_form(encoded)
    else:
        assert parse_form(encoded).pairs == tuple(pairs)


@fuzzed(body=BODIES)
def test_a_form_is_read_or_malformed(body: bytes) -> None:
    """Any bytes are either malformed or pairs that are written and read alike again (GEN-05, GEN-06)."""
    try:
        form = parse_form(body)
    except MalformedForm:
        return
    assert parse_form(urlencode(form.pairs).encode()) == form
    assert not any("\0" in text for pair in form.pairs for text in pair)


@fuzzed(body=BODIES)
def test_a_query_is_read_like_a_form(body: bytes) -> None:
    """A query is read like a form, but keeps the names of values that cannot be decoded (GEN-06, AUTHZ-09)."""
    try:
        query, unreadable = parse_query(body)
    except MalformedForm:
        with pytest.raises(MalformedForm):
            parse_form(body)
        return
    if unreadable:
        assert unreadable <= {name for name, _ in query.pairs}
        with pytest.raises(MalformedForm):
            parse_form(body)
    else:
        assert parse_form(body) == query


@fuzzed(encoded=st.binary(max_size=100))
def test_a_value_is_decoded_or_malformed(encoded: bytes) -> None:
    """Any bytes decode to a text that encodes to something of the same meaning, or are malformed (GEN-06)."""
    with suppress(MalformedForm):
        text = form_decode(encoded)
        assert form_decode(quote_plus(text).encode()) == text


@fuzzed(pairs=PAIRS, name=NAMES)
def test_a_parameter_is_one_value_or_none(pairs: list[tuple[str, str]], name: str) -> None:
    """A parameter is its only value, nothing when that is empty, and an error when it was repeated (GEN-03)."""
    parameters = Parameters(tuple(pairs))
    sent = [value for key, value in pairs if key == name]
    if len(sent) > 1:
        with pytest.raises(InvalidRequest):
            parameters.optional(name)
    else:
        assert parameters.optional(name) == (sent[0] or None if sent else None)
    assert parameters.all(name) == tuple(filter(None, sent))


@fuzzed(client_id=SENDABLE, secret=SENDABLE)
def test_a_basic_header_is_read_as_it_was_written(client_id: str, secret: str) -> None:
    """Any id and secret, form-encoded and in base64, arrive as they were (CAUTH-01)."""
    header = "Basic " + b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
    if not client_id:
        with pytest.raises(InvalidClient):
            basic_credentials(header)
    else:
        read = basic_credentials(header)
        assert (read.client_id, read.auth_method, read.secret) == (client_id, AuthMethod.CLIENT_SECRET_BASIC, secret)


@fuzzed(header=HEADERS)
def test_a_basic_header_is_read_or_invalid(header: str) -> None:
    """Any other header is `invalid_client`, never another failure (CAUTH-06)."""
    try:
        read = basic_credentials(header)
    except InvalidClient:
        return
    assert read.client_id
    assert "\0" not in f"{read.client_id}{read.secret}"
    assert basic_credentials(
        "Basic " + b64encode(f"{quote_plus(read.client_id)}:{quote_plus(read.secret or '')}".encode()).decode()
    ) == read  # fmt: skip


@fuzzed(header=st.none() | HEADERS, pairs=PAIRS)
def test_credentials_are_presented_in_one_way(header: str | None, pairs: list[tuple[str, str]]) -> None:
    """However header and form are filled, one method is found or the request is refused (CAUTH-03)."""
    try:
        presented = presented_credentials(header, Parameters(tuple(pairs)))
    except (InvalidClient, InvalidRequest):
        return
    assert presented.client_id
    assert (presented.secret is None) is (presented.auth_method is AuthMethod.NONE)
    assert (presented.auth_method is AuthMethod.CLIENT_SECRET_BASIC) is (header is not None)


@fuzzed(header=BEARERS)
def test_a_bearer_header_is_read_or_refused(header: str) -> None:
    """Any header holds a token of RFC 6750's characters, uses another scheme, or is malformed (RS-01, GEN-06)."""
    try:
        token = bearer_token(header)
    except InvalidRequest:
        assert header.lower().startswith("bearer")
        return
    if token is None:
        assert not header.lower().startswith("bearer ")
    else:
        assert re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", token)
        assert bearer_token(f"Bearer {token}") == token


@fuzzed(metadata=st.none() | BEARERS)
def test_call_metadata_holds_a_credential_or_nobody(metadata: str | None) -> None:
    """Any `authorization` metadata is one credential without spaces, or the caller is nobody (GRPC-01)."""
    with suppress(Unauthenticated):
        credential = bearer_credential(metadata)
        assert credential == "".join(credential.split()) != ""


@fuzzed(presented=st.none() | garbage(st.from_regex(r"[A-Za-z0-9._-]{8,64}", fullmatch=True)))
def test_a_request_id_is_harmless(presented: str | None) -> None:
    """An id that is kept has nothing that could end a line of a log, and any other is replaced (GEN-06)."""
    kept = request_id.accepted(presented, "fresh-id")
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", kept)
    assert kept in {presented, "fresh-id"}


@fuzzed(text=st.text(max_size=200))
def test_an_error_says_only_what_may_be_said(text: str) -> None:
    """Whatever gets into a description, it leaves with the characters of RFC 6749 §5.2 (GEN-06)."""
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*", OAuthError(text).description)
