"""Garbage in scopes, PKCE values, resources and subjects."""

import re
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import strategies as st

from tallystick.oauth2.audience import is_resource_identifier, target
from tallystick.oauth2.errors import InvalidScope, InvalidTarget
from tallystick.oauth2.opaque_token import base64url
from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod, answers, s256
from tallystick.oauth2.scope import is_registrable, narrowed, parse_scope, requested_scopes, scope_string
from tallystick.oauth2.subject import client_subject, user_subject
from tests.support.fuzz import TEXT, damaged, fuzzed, garbage

SCOPE_TOKENS = st.from_regex(r"[\x21\x23-\x5b\x5d-\x7e]{1,20}", fullmatch=True)
NAMES = st.from_regex(r"[a-z0-9._:-]{1,20}", fullmatch=True)
SCOPES = st.lists(NAMES | SCOPE_TOKENS, min_size=1, max_size=6).map(" ".join)
VERIFIERS = st.binary(min_size=32, max_size=96).map(lambda octets: base64url(octets).replace("_A", "~."))
METHODS = st.sampled_from(list(CodeChallengeMethod))
RESOURCES = st.sampled_from(["https://a.example", "https://b.example/x?y=1", "urn:c", "https://i.example"])
ISSUER = "https://i.example"


@fuzzed(value=garbage(SCOPES))
def test_a_scope_is_read_or_invalid(value: str) -> None:
    """Any scope is `invalid_scope`, or tokens of the grammar, each once, that are read alike again (AUTHZ-08)."""
    try:
        scopes = parse_scope(value)
    except InvalidScope:
        assert not re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*", value)
        return
    assert len(set(scopes)) == len(scopes) > 0
    assert set(scopes) == set(value.split(" "))
    assert parse_scope(scope_string(scopes)) == scopes


@fuzzed(value=st.none() | garbage(SCOPES), allowed=st.lists(NAMES, max_size=5))
def test_nothing_is_asked_for_that_is_not_allowed(value: str | None, allowed: list[str]) -> None:
    """Whatever a request asks for is on the list, whole and not in part, or it is refused (AUTHZ-08)."""
    with suppress(InvalidScope):
        asked = requested_scopes(value, allowed)
        assert set() < set(asked) <= set(allowed)
        assert set(narrowed(asked, allowed[1:])) <= set(allowed[1:])


@fuzzed(name=garbage(NAMES))
def test_a_registrable_scope_can_be_asked_for(name: str) -> None:
    """What an operator may register is one token of the grammar (AUTHZ-08)."""
    assert not is_registrable(name) or parse_scope(name) == (name,)


@fuzzed(verifier=VERIFIERS)
def test_a_challenge_is_answered_by_its_verifier(verifier: str) -> None:
    """Every well-formed verifier answers the challenge that is made of it, which is well-formed (PKCE-01, PKCE-05)."""
    challenge = CodeChallenge(s256(verifier), CodeChallengeMethod.S256)
    assert challenge.is_well_formed()
    assert answers(verifier, challenge)
    assert not answers(challenge.value, challenge)
    assert not answers(None, challenge)
    assert not answers(verifier, None)


@fuzzed(verifier=VERIFIERS, other=garbage(VERIFIERS))
def test_a_challenge_is_answered_by_nothing_else(verifier: str, other: str) -> None:
    """No other text answers a challenge, however little it differs (PKCE-02, PKCE-05)."""
    assert answers(other, CodeChallenge(s256(verifier), CodeChallengeMethod.S256)) is (other == verifier)
    assert answers(other, CodeChallenge(verifier, CodeChallengeMethod.PLAIN)) is (other == verifier)


@fuzzed(
    value=garbage(VERIFIERS) | garbage(VERIFIERS.map(s256)), method=METHODS, verifier=st.none() | garbage(VERIFIERS)
)
def test_any_challenge_is_judged(value: str, method: CodeChallengeMethod, verifier: str | None) -> None:
    """Any challenge is well-formed or not, and one that is not is answered by nothing (AUTHZ-10)."""
    challenge = CodeChallenge(value, method)
    if not challenge.is_well_formed():
        assert not answers(verifier, challenge)


@fuzzed(uri=garbage(RESOURCES))
def test_a_resource_identifier_is_harmless(uri: str) -> None:
    """What may identify a resource has a scheme, no fragment, and may stand quoted in a header (RI-02)."""
    if is_resource_identifier(uri):
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21\x24-\x5b\x5d-\x7e]+", uri)


@fuzzed(
    scopes=st.lists(NAMES, max_size=5),
    covers=st.dictionaries(NAMES, st.frozensets(RESOURCES, max_size=3), max_size=5),
    requested=st.lists(RESOURCES | damaged(RESOURCES), max_size=2),
)
def test_a_token_carries_only_what_its_audience_covers(
    scopes: list[str], covers: dict[str, frozenset[str]], requested: list[str]
) -> None:
    """Whatever is asked for, a token's scopes all belong to its audience or to no resource (TOK-11, RI-02)."""
    mixed = [*covers, *scopes]
    try:
        targeted = target(mixed, covers, requested=tuple(requested), issuer=ISSUER)
    except InvalidTarget:
        assert requested or len({each for name in covers for each in covers[name]}) > 1
        return
    assert set(targeted.scopes) <= set(mixed)
    for scope in targeted.scopes:
        assert not covers.get(scope) or targeted.audience in covers[scope]
    assert not requested or {targeted.audience} == set(requested)


@fuzzed(client_id=TEXT, octets=st.binary(min_size=16, max_size=16))
def test_no_client_is_a_user(client_id: str, octets: bytes) -> None:
    """Whatever a client's id is, its subject is no user's, and no two ids share one (CC-03)."""
    assert client_subject(client_id) != user_subject(UUID(bytes=octets))
    assert client_subject(client_id).removeprefix("client:") == client_id


@pytest.mark.parametrize("empty", [{}, {"a": frozenset[str]()}])
def test_a_token_for_no_resource_is_for_the_issuer(empty: dict[str, frozenset[str]]) -> None:
    """Scopes that cover no resource make a token for the issuer itself (TOK-11)."""
    assert target(["a"], empty, requested=(), issuer=ISSUER).audience == ISSUER
