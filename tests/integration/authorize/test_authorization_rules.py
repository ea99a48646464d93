"""The rules of the authorization request over HTTP: what is sent by a client, or by whoever imitates one."""

import json
from urllib.parse import quote, urlencode, urlsplit

import httpx
import pytest

from tests.integration.authorize.browser import Browser, changed, shown_here, told
from tests.integration.authorize.conftest import World
from tests.support.cluster import Cluster
from tests.support.flow import SECONDS, AuthorizationRequest, Pkce, Visitor, parameters_of, post_token, redeem
from tests.support.operator_client import Client
from tests.support.redirect_target import running_target

ERROR_MEMBERS = {"error", "error_description", "state", "iss"}
VECTORS = {
    "V-01": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "V-02": "3641a2d12d66101249cdf7a79c000c1f8c05d2aafcf14bf146497bed",
}


@pytest.mark.parametrize(
    "other",
    [
        "HTTPS://photoprint.example/cb?x=1",
        "https://PHOTOPRINT.example/cb?x=1",
        "https://photoprint.example:443/cb?x=1",
        "https://photoprint.example/cb/?x=1",
        "https://photoprint.example/cb",
        "https://photoprint.example/cb?",
        "https://photoprint.example/cb?x=1&y=2",
        "https://photoprint.example/cb?y=2&x=1",
        "https://photoprint.example/cb?x=%31",
        "https://photoprint.example/%63b?x=1",
        "https://photoprint.example/cb%2e?x=1",
        "https://photoprint.example/a/../cb?x=1",
        "https://photoprint.example/./cb?x=1",
        "https://photoprint.example/cb/more?x=1",
        "https://photoprint.example//cb?x=1",
        "https://photoprint.example.evil.com/cb?x=1",
        "https://photoprint.example@evil.com/cb?x=1",
        "https://evil@photoprint.example/cb?x=1",
        "https://evil.com\\@photoprint.example/cb?x=1",
        "https://photoprint.example/cb?x=1#fragment",
        "https://photoprint.example/cb?x=1#",
        "https://photoprint.example/cb?x=1\t",
        "https://photoprint.example/cb?x=1\r\nlocation: https://evil.com",
        "https://photoprint.example/cb?x=1\0",
        " https://photoprint.example/cb?x=1",
        "https://ph\u043etoprint.example/cb?x=1",
        "https://photoprint.example/cb?x=12",
        "https://photoprint.example",
        "http://photoprint.example/cb?x=1",
        "//photoprint.example/cb?x=1",
        "/cb?x=1",
        "javascript:alert(1)",
        "data:text/html,x",
    ],
)
def test_no_other_uri_is_redirected_to(browser: Browser, world: World, other: str) -> None:
    """A URI that is not, to the byte, a registered one is answered by a page that does not repeat it (AUTHZ-03)."""
    page = browser.ask(world.confidential, redirect_uri=other)
    shown_here(page, httpx.codes.BAD_REQUEST)
    assert "photoprint.example" not in page.text
    assert "evil" not in page.text


@pytest.mark.parametrize(
    "other",
    [
        "http://127.0.0.1:51004/callback/",
        "http://127.0.0.1:51004/Callback",
        "http://127.0.0.1:51004/callback?x=1",
        "http://127.0.0.1:51004/callback#",
        "https://127.0.0.1:51004/callback",
        "http://127.0.0.1.evil.com:51004/callback",
        "http://127.0.0.1:51004@evil.com/callback",
        "http://127.0.0.1@evil.com/callback",
        "http://[::1]:51004/callback",
        "http://localhost:51004/callback",
        "http://127.0.0.2:51004/callback",
        "http://0x7f.1:51004/callback",
        "http://2130706433:51004/callback",
        "http://127.1:51004/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:0/callback",
    ],
)
def test_the_port_is_all_that_is_free(browser: Browser, world: World, other: str) -> None:
    """Of a loopback URI nothing but the port may differ, and nothing else is loopback (AUTHZ-04)."""
    shown_here(browser.ask(world.public, redirect_uri=other), httpx.codes.BAD_REQUEST)


def test_the_port_that_was_used_binds_the_code(cluster: Cluster, world: World) -> None:
    """A native client listens where it can, and at the token endpoint only that port is the right one (AUTHZ-04)."""
    registered = world.public.redirect_uris[0]
    used = registered.replace(":8090/", ":51004/")
    request = AuthorizationRequest(cluster.issuer, world.public, used)
    with Visitor(cluster, world.bob) as visitor:
        location = visitor.follow(request.url)
    assert location.startswith(f"{used}?")
    form = request.approval(parameters_of(location)).form()
    for other in (registered, used.replace("51004", "51005")):
        refused = post_token(cluster.token.http_url, world.public, {**form, "redirect_uri": other})
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert post_token(cluster.token.http_url, world.public, form).status_code == httpx.codes.OK


@pytest.mark.parametrize("registered", [1, 2])
def test_an_absent_redirect_uri_is_not_guessed(
    cluster: Cluster, browser: Browser, world: World, registered: int
) -> None:
    """Where one is registered that one is meant, of several none (AUTHZ-06)."""
    uris = [f"https://app-{number}.example/cb" for number in range(registered)]
    client = cluster.operator.create_client(scopes=(world.see,), redirect_uris=uris)
    answer = browser.ask(client, redirect_uri=None, scope="admin")
    if registered == 1:
        assert told(answer, client)["error"] == "invalid_scope"
    else:
        shown_here(answer, httpx.codes.BAD_REQUEST)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
@pytest.mark.parametrize("second", ["the same", "another", ""])
def test_nothing_is_chosen_of_two(browser: Browser, world: World, name: str, second: str) -> None:
    """A request that names two clients or two places to answer at is answered at none (AUTHZ-05)."""
    query = good_request(world.public)
    value = query[name] if second == "the same" else second
    shown_here(browser.http.get(f"/oauth2/authorize?{urlencode(query)}&{name}={quote(value)}"), 400)
    shown_here(browser.http.get(f"/oauth2/authorize?{name}={quote(value)}&{urlencode(query)}"), 400)


@pytest.mark.parametrize(
    "name",
    [
        "response_type", "response_mode", "scope", "state", "code_challenge", "code_challenge_method", "request",
        "request_uri", "registration",
    ],
)  # fmt: skip
@pytest.mark.parametrize("second", ["the same", "another", ""])
def test_whatever_else_comes_twice_is_told(browser: Browser, world: World, name: str, second: str) -> None:
    """A repeat is invalid_request for the client, and of two states none comes back (AUTHZ-05, RESP-01)."""
    query = {"scope": world.see.name, "response_mode": "query", **good_request(world.public)}
    first = query.setdefault(name, "x")
    value = first if second == "the same" else second
    answer = told(browser.http.get(f"/oauth2/authorize?{urlencode(query)}&{name}={quote(value)}"), world.public)
    assert answer["error"] == "invalid_request"
    assert answer.get("state") == (None if name == "state" else "xyz")
    assert answer.keys() <= ERROR_MEMBERS


@pytest.mark.parametrize(
    ("response_type", "error"),
    [
        ("", "invalid_request"),
        ("Code", "unsupported_response_type"),
        ("code token", "unsupported_response_type"),
        ("code id_token", "unsupported_response_type"),
        ("id_token code", "unsupported_response_type"),
        ("code code", "unsupported_response_type"),
        ("code ", "unsupported_response_type"),
        ("id_token", "unsupported_response_type"),
        ("none", "unsupported_response_type"),
    ],
)
def test_a_code_is_all_there_is(browser: Browser, world: World, response_type: str, error: str) -> None:
    """Of response types only `code` is one, whatever the order of others (AUTHZ-07)."""
    assert told(browser.ask(world.public, response_type=response_type), world.public)["error"] == error


@pytest.mark.parametrize("kind", ["public", "confidential"])
@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": ""},
        {"code_challenge_method": None},
        {"code_challenge_method": ""},
        {"code_challenge_method": "s256"},
        {"code_challenge_method": "S512"},
        {"code_challenge_method": "plain", "code_challenge": VECTORS["V-01"]},
        {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c"},
        {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="},
        {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"},
        {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cé"},
    ],
)
def test_a_challenge_is_owed(browser: Browser, world: World, kind: str, changes: dict[str, str | None]) -> None:
    """Without a good challenge by S256 nobody gets as far as the sign-in, with a secret neither (AUTHZ-10)."""
    client: Client = getattr(world, kind)
    assert told(browser.ask(client, **changes), client)["error"] == "invalid_request"


@pytest.mark.parametrize("scope", [" ", "a  b", "a\tb", 'a"b', "a\\b", "é", "admin", "a\x7f"])
def test_a_scope_is_of_the_list_or_refused(browser: Browser, world: World, scope: str) -> None:
    """Neither grammar nor allow-list is stretched, and a part of a name is none (AUTHZ-08)."""
    for asked in (scope, f"{world.see.name} {scope}", world.see.name[:-1], f"{world.see.name}x"):
        assert told(browser.ask(world.public, scope=asked), world.public)["error"] == "invalid_scope"


def test_nothing_is_fetched(browser: Browser, world: World) -> None:
    """Whatever address a request holds, nobody is asked there (AUTHZ-14)."""
    with running_target() as target:
        registration = json.dumps({"jwks_uri": target.callback, "logo_uri": target.callback})
        for name, value in {
            "request_uri": target.callback,
            "request": target.callback,
            "registration": registration,
        }.items():
            answer = told(browser.ask(world.public, **{name: value}), world.public)
            assert answer["error"] == f"{name}_not_supported"
        for name in ("redirect_uri", "resource", "client_id"):
            browser.ask(world.public, **{name: target.callback})
        assert target.arrivals == []


@pytest.mark.parametrize("mode", ["fragment", "form_post", "web_message", "jwt", "QUERY", "x"])
def test_an_unknown_mode_is_told_in_the_query(browser: Browser, world: World, mode: str) -> None:
    """The error goes the default way and not the one that was asked for (AUTHZ-15, RESP-06)."""
    answer = browser.ask(world.public, response_mode=mode)
    assert told(answer, world.public)["error"] == "invalid_request"
    assert urlsplit(answer.headers["location"]).fragment == ""


@pytest.mark.parametrize("button", ["approve", "deny"])
def test_no_form_is_sent_on(browser: Browser, world: World, button: str) -> None:
    """After each form the browser asks anew by GET, so that no password reaches a client (AUTHZ-16)."""
    signed_in = browser.sign_in(browser.sign_in_page(world.public), world.bob.username, world.bob.password)
    answered = browser.answer(browser.consent_page(world.public, world.bob), button)
    assert {signed_in.status_code, answered.status_code} == {httpx.codes.SEE_OTHER}


def test_what_comes_between_changes_nothing(browser: Browser, world: World) -> None:
    """Parameters added to the addresses and forms of our pages, and other cookies, do not matter (AUTHZ-17)."""
    other = {
        "client_id": world.confidential.client_id,
        "redirect_uri": world.confidential.redirect_uris[0],
        "scope": world.order.name,
        "state": "changed",
        "code_challenge": Pkce().challenge,
    }
    form = browser.consent_page(world.public, world.bob, scope=world.see.name)
    for name in other:
        browser.http.cookies.set(name, "other")
    fields = [*changed(form, "approve"), *((name, value) for name, value in other.items() if name != "scope")]
    answer = told(browser.post(f"{form.action}?{urlencode(other)}", fields), world.public)
    assert (set(answer), answer["state"]) == ({"code", "state", "iss"}, "xyz")


@pytest.mark.parametrize("vector", VECTORS)
def test_the_vectors_buy_tokens(cluster: Cluster, world: World, vector: str) -> None:
    """The published verifiers redeem what was asked for with their challenges (PKCE-01, V-01, V-02)."""
    request = AuthorizationRequest(
        cluster.issuer, world.public, world.public.redirect_uris[0], pkce=Pkce(VECTORS[vector])
    )
    with Visitor(cluster, world.bob) as visitor:
        approval = request.approval(parameters_of(visitor.follow(request.url)))
    assert redeem(cluster, approval).status_code == httpx.codes.OK


def test_a_challenge_for_everything_is_noticed(cluster: Cluster, world: World) -> None:
    """A client that gets its third code with one challenge is told of in the audit, and still gets it (PKCE-07)."""
    client, pkce = cluster.operator.create_client(scopes=(world.see,)), Pkce()
    request = AuthorizationRequest(cluster.issuer, client, client.redirect_uris[0], pkce=pkce)
    with Visitor(cluster, world.bob) as visitor, cluster.database.connect() as connection:
        for expected in ([], [], [{"codes": "3"}], [{"codes": "3"}]):
            approval = request.approval(parameters_of(visitor.follow(request.url)))
            assert redeem(cluster, approval).status_code == httpx.codes.OK
            told_to_audit = connection.execute(
                "SELECT attributes FROM audit_events WHERE event = 'challenge_reused' AND client_id = %s",
                (client.client_id,),
            ).fetchall()
            assert [row["attributes"] for row in told_to_audit] == expected


def test_the_issuer_is_one_string(cluster: Cluster, world: World) -> None:
    """Metadata, answer and introspection name the issuer by the very same characters (META-02)."""
    caller, _, scope = cluster.operator.create_resource_server()
    client = cluster.operator.create_client(scopes=[scope])
    with Visitor(cluster, world.bob) as visitor:
        approval = visitor.approve(client)
    token = redeem(cluster, approval).json()["access_token"]
    document = httpx.get(f"{cluster.issuer}/.well-known/oauth-authorization-server", timeout=SECONDS).json()
    verdict = httpx.post(
        document["introspection_endpoint"],
        data={"token": token},
        auth=(caller.client_id, caller.client_secret or ""),
        timeout=SECONDS,
    ).json()
    assert {document["issuer"], approval.iss, verdict["iss"]} == {cluster.issuer}


def good_request(client: Client) -> dict[str, str]:
    """Return the parameters of a request that has no fault."""
    return {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uris[0],
        "state": "xyz",
        "code_challenge": Pkce().challenge,
        "code_challenge_method": "S256",
    }
