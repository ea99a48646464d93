"""The authorization endpoint: who is told of a bad request, and in which words."""

from collections.abc import Callable

from tests.interop.black_box.case import Case, told_to_client
from tests.interop.black_box.parties import Changes, Parties
from tests.support.flow import Pkce

_RFC_9700 = "RFC 9700 §2.1"


def _asks(changes: Changes, more: str = "") -> Callable[[Parties], str]:
    def observe(parties: Parties) -> str:
        client = parties.target.public
        answer = parties.ask(parties.authorization_url(client, Pkce().verifier, changes) + more)
        return told_to_client(answer, client.redirect_uri, parties.target.metadata["issuer"])

    return observe


def _asks_elsewhere(suffix: str) -> Callable[[Parties], str]:
    def observe(parties: Parties) -> str:
        client = parties.target.public
        changes = {"redirect_uri": client.redirect_uri + suffix}
        answer = parties.ask(parties.authorization_url(client, Pkce().verifier, changes))
        return told_to_client(answer, client.redirect_uri, parties.target.metadata["issuer"])

    return observe


def _asks_at_another_port(parties: Parties) -> str:
    client = parties.target.public
    elsewhere = client.redirect_uri.replace(":8090/", ":18099/")
    answer = parties.ask(parties.authorization_url(client, Pkce().verifier, {"redirect_uri": elsewhere}))
    return told_to_client(answer, elsewhere, parties.target.metadata["issuer"])


AUTHORIZATION_CASES = [
    Case("a good request", "RFC 6749 §4.1.1", "asks", _asks({})),
    Case("no client_id", "RFC 6749 §4.1.2.1", "page", _asks({"client_id": None})),
    Case("an unknown client", "RFC 6749 §4.1.2.1", "page", _asks({"client_id": "unknown"})),
    Case("a repeated client_id", "RFC 6749 §3.1", "page", _asks({}, "&client_id=another")),
    Case("an unregistered redirect_uri", _RFC_9700, "page", _asks({"redirect_uri": "https://evil.example/cb"})),
    Case("a redirect_uri with a path more", _RFC_9700, "page", _asks_elsewhere("/more")),
    Case("a redirect_uri with a query more", _RFC_9700, "page", _asks_elsewhere("?more=1")),
    Case("a redirect_uri with a fragment", "RFC 6749 §3.1.2", "page", _asks_elsewhere("#more")),
    Case("a loopback redirect_uri at another port", "RFC 8252 §7.3", "asks", _asks_at_another_port),
    Case("a repeated redirect_uri", "RFC 6749 §3.1", "page", _asks({}, "&redirect_uri=https%3A%2F%2Fevil.example")),
    Case("no redirect_uri where one is registered", "RFC 6749 §3.1.2.3", "asks", _asks({"redirect_uri": None})),
    Case("no response_type", "RFC 6749 §3.1.1", "invalid_request", _asks({"response_type": None})),
    Case(
        "an unknown response_type",
        "RFC 6749 §3.1.1",
        "unsupported_response_type",
        _asks({"response_type": "something"}),
    ),
    Case("response_type token", "RFC 9700 §2.1.2", "unsupported_response_type", _asks({"response_type": "token"})),
    Case("a repeated response_type", "RFC 6749 §3.1", "invalid_request", _asks({}, "&response_type=code")),
    Case("a repeated scope", "RFC 6749 §3.1", "invalid_request", _asks({}, "&scope=more")),
    Case("a repeated state", "RFC 6749 §3.1", "invalid_request, without state", _asks({}, "&state=another")),
    Case("a repeated unknown parameter", "RFC 6749 §3.1", "asks", _asks({}, "&unknown=1&unknown=2")),
    Case("an unknown parameter", "RFC 6749 §3.1", "asks", _asks({"unknown": "1"})),
    Case("an unknown scope", "RFC 6749 §3.3", "invalid_scope", _asks({"scope": "something-unknown"})),
    Case("a scope that is no scope", "RFC 6749 §3.3", "invalid_scope", _asks({"scope": 'a"b'})),
    Case("no scope", "RFC 6749 §3.3", "asks", _asks({"scope": None})),
    Case("an empty scope", "RFC 6749 §3.1", "asks", _asks({"scope": ""})),
    Case("no state", "RFC 6749 §4.1.1", "asks", _asks({"state": None})),
    Case("no code_challenge", "RFC 7636 §4.4.1", "invalid_request", _asks({"code_challenge": None})),
    Case("an empty code_challenge", "RFC 6749 §3.1", "invalid_request", _asks({"code_challenge": ""})),
    Case("a short code_challenge", "RFC 7636 §4.2", "invalid_request", _asks({"code_challenge": "A" * 42})),
    Case("a long code_challenge", "RFC 7636 §4.2", "invalid_request", _asks({"code_challenge": "A" * 44})),
    Case("a padded code_challenge", "RFC 7636 §4.2", "invalid_request", _asks({"code_challenge": "A" * 43 + "="})),
    Case("no code_challenge_method", "RFC 7636 §4.3", "invalid_request", _asks({"code_challenge_method": None})),
    Case(
        "code_challenge_method plain", "RFC 9700 §2.1.1", "invalid_request", _asks({"code_challenge_method": "plain"})
    ),
    Case("code_challenge_method s256", "RFC 7636 §4.3", "invalid_request", _asks({"code_challenge_method": "s256"})),
    Case("an unknown response_mode", "OAuth Response Types §2.1", "invalid_request", _asks({"response_mode": "x"})),
    Case("response_mode query", "OAuth Response Types §2.1", "asks", _asks({"response_mode": "query"})),
    Case("a request object", "OIDC Core §6.1", "request_not_supported", _asks({"request": "x.y.z"})),
    Case(
        "a request_uri",
        "OIDC Core §6.2",
        "request_uri_not_supported",
        _asks({"request_uri": "https://app.example/request"}),
    ),
    Case("a registration", "OIDC Core §7.2.1", "registration_not_supported", _asks({"registration": "{}"})),
    Case("a resource that is relative", "RFC 8707 §2", "invalid_target", _asks({"resource": "photos"})),
    Case("an unknown resource", "RFC 8707 §2", "invalid_target", _asks({"resource": "https://unknown.example"})),
]
