"""What a code and a refresh token buy, what ends them, and what introspection says of it."""

from collections.abc import Callable
from typing import Any

from tests.interop.black_box.case import Case, told_to_program
from tests.interop.black_box.parties import Parties
from tests.support.flow import Pkce

_RFC_6749_CODE = "RFC 6749 §4.1.3"
_DEAD = "400 invalid_grant"


def _redeems(**changes: str | None) -> Callable[[Parties], str]:
    def observe(parties: Parties) -> str:
        client = parties.target.public
        return told_to_program(parties.post("token_endpoint", client, parties.code(client).form(**changes)))

    return observe


def _with_verifier_of(length: int) -> Callable[[Parties], str]:
    return lambda parties: told_to_program(parties.redeem(parties.code(parties.target.public, verifier="v" * length)))


def _challenge_as_verifier(parties: Parties) -> str:
    code = parties.code(parties.target.public)
    return told_to_program(parties.redeem(code, code_verifier=Pkce(code.verifier).challenge))


def _confidential_without_verifier(parties: Parties) -> str:
    return told_to_program(parties.redeem(parties.code(parties.target.confidential), code_verifier=None))


def _stolen(parties: Parties) -> str:
    code = parties.code(parties.target.public)
    stolen = told_to_program(parties.redeem(code, by=parties.target.other_public))
    return f"{stolen}; owner {told_to_program(parties.redeem(code))}"


def _guessed(parties: Parties) -> str:
    code = parties.code(parties.target.public)
    guessed = told_to_program(parties.redeem(code, code_verifier="w" * 43))
    return f"{guessed}; owner {told_to_program(parties.redeem(code))}"


def _replayed(parties: Parties) -> str:
    client = parties.target.confidential
    code = parties.code(client)
    tokens = parties.redeem(code).json()
    return f"{told_to_program(parties.redeem(code))}; {_state(parties, tokens)}"


def _replayed_badly(parties: Parties) -> str:
    client = parties.target.confidential
    code = parties.code(client)
    tokens = parties.redeem(code).json()
    replay = told_to_program(parties.redeem(code, code_verifier="w" * 43))
    return f"{replay}; {_state(parties, tokens)}"


def _members(parties: Parties) -> str:
    tokens = parties.tokens(parties.target.public)
    return f"{tokens['token_type']} {' '.join(sorted(tokens))}"


def _refreshes(**changes: str) -> Callable[[Parties], str]:
    def observe(parties: Parties) -> str:
        client = parties.target.public
        tokens = parties.tokens(client)
        answer = parties.refresh(client, tokens["refresh_token"], **changes)
        if answer.is_error:
            return told_to_program(answer)
        rotated = "rotated" if answer.json()["refresh_token"] != tokens["refresh_token"] else "kept"
        return f"{told_to_program(answer)}, {rotated}"

    return observe


def _refreshed_twice(parties: Parties) -> str:
    client = parties.target.confidential
    first = parties.tokens(client)
    second = parties.refresh(client, first["refresh_token"]).json()
    again = parties.refresh(client, first["refresh_token"])
    same = ", same successor" if again.is_success and again.json()["refresh_token"] == second["refresh_token"] else ""
    return f"{told_to_program(again)}{same}; {_state(parties, second)}"


def _narrowed(parties: Parties) -> str:
    client, (first, second) = parties.target.public, parties.target.scopes
    tokens = parties.tokens(client)
    narrow = parties.refresh(client, tokens["refresh_token"], scope=first).json()
    full = parties.refresh(client, narrow["refresh_token"]).json()
    told = {frozenset((first,)): "one", frozenset((first, second)): "both"}
    return ", then ".join(told[frozenset(each["scope"].split())] for each in (narrow, full))


def _refreshed_by_another(parties: Parties) -> str:
    tokens = parties.tokens(parties.target.public)
    stolen = parties.refresh(parties.target.other_public, tokens["refresh_token"])
    owner = parties.refresh(parties.target.public, tokens["refresh_token"])
    return f"{told_to_program(stolen)}; owner {told_to_program(owner)}"


def _access_token_as_refresh_token(parties: Parties) -> str:
    tokens = parties.tokens(parties.target.public)
    return told_to_program(parties.refresh(parties.target.public, tokens["access_token"]))


def _client_credentials(parties: Parties) -> str:
    form = {"grant_type": "client_credentials", "scope": parties.target.scopes[0]}
    answer = parties.post("token_endpoint", parties.target.confidential, form)
    return f"{told_to_program(answer)} {' '.join(sorted(answer.json()))}"


def _token_request(**form: str) -> Callable[[Parties], str]:
    return lambda parties: told_to_program(parties.post("token_endpoint", parties.target.confidential, form))


def _public_client_credentials(parties: Parties) -> str:
    return told_to_program(parties.post("token_endpoint", parties.target.public, {"grant_type": "client_credentials"}))


def _revokes(kind: str, *, by: str = "confidential", **form: str) -> Callable[[Parties], str]:
    def observe(parties: Parties) -> str:
        tokens = parties.tokens(parties.target.confidential)
        client = getattr(parties.target, by)
        answer = parties.post("revocation_endpoint", client, {"token": tokens[kind], **form})
        return f"{told_to_program(answer)}; {_state(parties, tokens)}"

    return observe


def _revokes_twice(parties: Parties) -> str:
    client = parties.target.confidential
    form = {"token": parties.tokens(client)["refresh_token"]}
    return ", then ".join(told_to_program(parties.post("revocation_endpoint", client, form)) for _ in range(2))


def _introspects(kind: str, *, by: str = "confidential", **form: str) -> Callable[[Parties], str]:
    def observe(parties: Parties) -> str:
        tokens = parties.tokens(parties.target.confidential)
        client = getattr(parties.target, by)
        answer = parties.post("introspection_endpoint", client, {"token": tokens[kind], **form})
        return told_to_program(answer) if answer.is_error else f"200 active {answer.json()['active']}"

    return observe


def _introspected_members(parties: Parties) -> str:
    client = parties.target.confidential
    tokens = parties.tokens(client)
    record = parties.post("introspection_endpoint", client, {"token": tokens["access_token"]}).json()
    wanted = ("active", "aud", "client_id", "exp", "iat", "iss", "scope", "sub", "token_type")
    return " ".join(name for name in wanted if name in record)


def _introspects_unknown(parties: Parties) -> str:
    answer = parties.post("introspection_endpoint", parties.target.confidential, {"token": "unknown"})
    return answer.text.replace(" ", "")


def _state(parties: Parties, tokens: dict[str, Any]) -> str:
    client = parties.target.confidential
    access = "live" if parties.is_active(tokens["access_token"], client) else "dead"
    refresh = "live" if parties.refresh(client, tokens["refresh_token"]).is_success else "dead"
    return f"access {access}, refresh {refresh}"


TOKEN_CASES = [
    Case("a code", "RFC 6749 §5.1", "Bearer access_token expires_in refresh_token scope token_type", _members),
    Case("a code without redirect_uri", "RFC 6749 §4.1.3, OAuth 2.1 §10.2", "200", _redeems(redirect_uri=None)),
    Case("a code with another redirect_uri", _RFC_6749_CODE, _DEAD, _redeems(redirect_uri="https://evil.example/cb")),
    Case("a code with a scope", _RFC_6749_CODE, "200", _redeems(scope="something-unknown")),
    Case("no code", "RFC 6749 §5.2", "400 invalid_request", _redeems(code=None)),
    Case("an unknown code", "RFC 6749 §5.2", _DEAD, _redeems(code="unknown")),
    Case("no code_verifier", "RFC 7636 §4.6", _DEAD, _redeems(code_verifier=None)),
    Case("an empty code_verifier", "RFC 7636 §4.6", _DEAD, _redeems(code_verifier="")),
    Case("a confidential client's code without verifier", "RFC 9700 §2.1.1", _DEAD, _confidential_without_verifier),
    Case("a wrong code_verifier, then the right one", "OAuth 2.1 §7.5.2", f"{_DEAD}; owner 200", _guessed),
    Case("the challenge as verifier", "RFC 7636 §4.6", _DEAD, _challenge_as_verifier),
    Case("a verifier of 42 characters", "RFC 7636 §4.1", _DEAD, _with_verifier_of(42)),
    Case("a verifier of 43 characters", "RFC 7636 §4.1", "200", _with_verifier_of(43)),
    Case("a verifier of 128 characters", "RFC 7636 §4.1", "200", _with_verifier_of(128)),
    Case("a verifier of 129 characters", "RFC 7636 §4.1", _DEAD, _with_verifier_of(129)),
    Case("a code at another client, then at its own", _RFC_6749_CODE, f"{_DEAD}; owner 200", _stolen),
    Case("a replay", "RFC 6749 §4.1.2", f"{_DEAD}; access dead, refresh dead", _replayed),
    Case("a replay with a wrong verifier", "OAuth 2.1 §7.5.2", f"{_DEAD}; access live, refresh live", _replayed_badly),
    Case("a refresh", "RFC 9700 §4.14.2", "200, rotated", _refreshes()),
    Case(
        "a refresh repeated at once",
        "RFC 9700 §4.14.2",
        "200, same successor; access live, refresh live",
        _refreshed_twice,
    ),
    Case("a refresh with an unknown scope", "RFC 6749 §6", "400 invalid_scope", _refreshes(scope="something-unknown")),
    Case("a refresh with less scope, then without", "OAuth 2.1 §4.3.1", "one, then both", _narrowed),
    Case("a refresh by another client", "RFC 6749 §6", f"{_DEAD}; owner 200", _refreshed_by_another),
    Case("an access token as refresh token", "RFC 6749 §6", _DEAD, _access_token_as_refresh_token),
    Case("no refresh token", "RFC 6749 §5.2", "400 invalid_request", _token_request(grant_type="refresh_token")),
    Case("client credentials", "RFC 6749 §4.4.3", "200 access_token expires_in scope token_type", _client_credentials),
    Case(
        "client credentials of a public client",
        "RFC 6749 §4.4",
        "400 unauthorized_client",
        _public_client_credentials,
    ),
    Case(
        "client credentials with an unknown scope",
        "RFC 6749 §3.3",
        "400 invalid_scope",
        _token_request(grant_type="client_credentials", scope="something-unknown"),
    ),
    Case("no grant_type", "RFC 6749 §5.2", "400 invalid_request", _token_request(code="x")),
    Case("an unknown grant_type", "RFC 6749 §5.2", "400 unsupported_grant_type", _token_request(grant_type="x")),
    Case(
        "grant_type password",
        "RFC 9700 §2.4",
        "400 unsupported_grant_type",
        _token_request(grant_type="password", username="x", password="y"),
    ),
    Case("a revoked refresh token", "RFC 7009 §2.1", "200; access dead, refresh dead", _revokes("refresh_token")),
    Case(
        "a revoked refresh token, wrong hint",
        "RFC 7009 §2.1",
        "200; access dead, refresh dead",
        _revokes("refresh_token", token_type_hint="access_token"),
    ),
    Case(
        "a revoked refresh token, unknown hint",
        "RFC 7009 §2.1",
        "200; access dead, refresh dead",
        _revokes("refresh_token", token_type_hint="something"),
    ),
    Case("a revoked access token", "RFC 7009 §2.1", "200; access dead, refresh dead", _revokes("access_token")),
    Case(
        "another client's token revoked",
        "RFC 7009 §2.1",
        f"{_DEAD}; access live, refresh live",
        _revokes("access_token", by="other_confidential"),
    ),
    Case("a token revoked twice", "RFC 7009 §2.2", "200, then 200", _revokes_twice),
    Case("an access token introspected", "RFC 7662 §2.2", "200 active True", _introspects("access_token")),
    Case(
        "a token introspected, wrong hint",
        "RFC 7662 §2.1",
        "200 active True",
        _introspects("access_token", token_type_hint="refresh_token"),
    ),
    Case("a refresh token introspected", "RFC 7662 §2.1", "200 active True", _introspects("refresh_token")),
    Case(
        "another client's token introspected",
        "RFC 7662 §4",
        "200 active False",
        _introspects("access_token", by="other_confidential"),
    ),
    Case(
        "a token introspected by a public client",
        "RFC 7662 §2.1",
        "401 invalid_client",
        _introspects("access_token", by="public"),
    ),
    Case("an unknown token introspected", "RFC 7662 §2.2", '{"active":false}', _introspects_unknown),
    Case(
        "what introspection tells",
        "RFC 7662 §2.2",
        "active aud client_id exp iat iss scope sub token_type",
        _introspected_members,
    ),
]
