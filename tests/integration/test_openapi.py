"""docs/openapi.yaml is true: it describes every route and no other, its examples are right, and so are our answers."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urljoin

import httpx
import jsonschema_rs
import pytest
from schemathesis.core.failures import Failure, FailureGroup

from tallystick.oauth2.client import AuthMethod, ClientType, GrantType
from tests.support.cluster import SECRET, Cluster
from tests.support.flow import SECONDS, AuthorizationRequest, Visitor, credentials_of
from tests.support.openapi import (
    DOCUMENT,
    PATH,
    SCHEMA,
    base_url,
    methods_of,
    operations,
    require_documented,
    schemas_with_examples,
    with_components,
)
from tests.support.operator_client import Client
from tests.support.pages import only_form

ROOT = Path(__file__).parents[2]
PATHS = sorted(DOCUMENT["paths"])
ROUTE = re.compile(r"/[a-z0-9._/-]*[a-z0-9]")
WELL_KNOWN = "/.well-known/"
# Paths that frameworks, other servers of this kind, or later versions of this one serve.
SERVED_BY_OTHERS = (
    "/", "/docs", "/redoc", "/openapi.json", "/openapi.yaml", "/health", "/healthz", "/livez", "/readyz", "/metrics",
    "/admin", "/debug", "/favicon.ico", "/robots.txt", "/static/style.css", "/oauth2", "/oauth2/", "/oauth2/token/",
    "/oauth2//token", "/OAuth2/token", "/token", "/authorize", "/oauth2/par", "/oauth2/register", "/oauth2/jwks",
    "/oauth2/userinfo", "/oauth2/device_authorization", "/verify", "/.well-known/jwks.json", "/.well-known/",
    "/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server/x", "/login/", "/register",
)  # fmt: skip
EVERY_GRANT = tuple(GrantType)
REFUSAL = b'{"error": "invalid_request", "error_description": ""}'


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    """A client that holds every answer against the file."""
    with httpx.Client(timeout=SECONDS, trust_env=False, event_hooks={"response": [require_documented]}) as client:
        yield client


@pytest.fixture(scope="module")
def plain() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=SECONDS, trust_env=False) as client:
        yield client


def test_the_file_is_openapi() -> None:
    """The file follows the OpenAPI 3.1 schema, and every operation can be read (META-08)."""
    SCHEMA.validate()
    assert DOCUMENT["openapi"].startswith("3.1.")
    for operation in operations():
        described = operation.definition.raw
        assert described["description"]
        assert described["operationId"]
        assert "405" in described["responses"]


def test_examples_are_right() -> None:
    """Every example in the file is what the schema beside it asks for, and no secret (META-08, GEN-11)."""
    examples = list(schemas_with_examples())
    assert len(examples) > 20
    wrong = [
        f"{place}: {error.message}"
        for place, schema, example in examples
        for error in jsonschema_rs.Draft202012Validator(with_components(schema)).iter_errors(example)
    ]
    assert wrong == []
    tokens = [match for match in SECRET.findall(PATH.read_text()) if match.startswith("ts") and "EXAMPLE" not in match]
    assert tokens == []


def test_every_route_is_in_the_file() -> None:
    """Whatever path the endpoints of a service name is described (META-08)."""
    named = {
        node.value
        for folder in ("authorize", "token", "introspect")
        for file in (ROOT / "services" / folder).glob("endpoints*")
        for module in ([file] if file.suffix == ".py" else file.glob("*.py"))
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and ROUTE.fullmatch(node.value)
    }
    assert named - {WELL_KNOWN} <= set(PATHS)
    assert {path for path in PATHS if path != "/.well-known/oauth-authorization-server"} <= named


@pytest.mark.parametrize("path", PATHS)
def test_what_is_in_the_file_is_served(cluster: Cluster, plain: httpx.Client, path: str) -> None:
    """Each path is served by its service, with just the methods that are described (GEN-05, AUTHZ-01)."""
    base = base_url(cluster, path)
    served = methods_of(path)
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND"):
        answer = plain.request(method, f"{base}{path}")
        assert (answer.status_code == httpx.codes.METHOD_NOT_ALLOWED) is (method not in served), method
        if method not in served:
            assert set(answer.headers["allow"].split(", ")) - {"OPTIONS"} == served
            assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", SERVED_BY_OTHERS)
def test_nothing_else_is_served(cluster: Cluster, plain: httpx.Client, path: str) -> None:
    """A path that is not described is served by none of the services, by no method (META-08)."""
    for service in (cluster.authorize, cluster.token, cluster.introspect):
        for method in ("GET", "POST"):
            assert plain.request(method, f"{service.http_url}{path}").status_code == httpx.codes.NOT_FOUND


def test_each_path_is_served_by_one_service(cluster: Cluster, plain: httpx.Client) -> None:
    """What one service serves, the others do not (META-08)."""
    for path in PATHS:
        for service in (cluster.authorize, cluster.token, cluster.introspect):
            found = plain.get(f"{service.http_url}{path}").status_code != httpx.codes.NOT_FOUND
            # The consent page is not found without an interaction.
            assert found is (service.http_url == base_url(cluster, path)) or path == "/consent"


def test_a_walk_through_everything_is_as_described(cluster: Cluster, http: httpx.Client) -> None:
    """From the request over sign-in, consent, tokens and verdicts to withdrawal, each answer is described (META-08)."""
    caller, _, scope = cluster.operator.create_resource_server()
    user = cluster.operator.create_user()
    public = cluster.operator.create_client(scopes=[scope])
    confidential = cluster.operator.create_client(
        ClientType.CONFIDENTIAL,
        scopes=[scope, "introspect"],
        grant_types=EVERY_GRANT,
        auth_method=AuthMethod.CLIENT_SECRET_POST,
    )
    with Visitor(cluster, user) as visitor:
        visitor.browser.event_hooks["response"] = [require_documented]
        first, second = visitor.approve(public), visitor.approve(confidential)
        denied = AuthorizationRequest(cluster.issuer, public, public.redirect_uris[0])
        assert "error=access_denied" in visitor.follow(denied.url, button="deny")
        tokens = _post(cluster, http, "/oauth2/token", public, first.form()).json()
        others = _post(cluster, http, "/oauth2/token", confidential, second.form()).json()
        renewal = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "label": "a walk"}
        tokens = _post(cluster, http, "/oauth2/token", public, renewal).json()
        own = _post(cluster, http, "/oauth2/token", confidential, {"grant_type": "client_credentials"}).json()
        for token in (tokens["access_token"], others["access_token"], own["access_token"], "invented"):
            _post(cluster, http, "/oauth2/introspect", caller, {"token": token})
        _post(cluster, http, "/oauth2/introspect", public, {"token": own["access_token"]}, 401)
        _post(cluster, http, "/oauth2/revoke", confidential, {"token": tokens["access_token"]}, 400)
        _post(cluster, http, "/oauth2/revoke", confidential, {"token": others["refresh_token"]})
        _withdraw_and_sign_out(cluster, visitor)


def _withdraw_and_sign_out(cluster: Cluster, visitor: Visitor) -> None:
    """Withdraw what the first app on the account page has, and sign out."""
    page = visitor.browser.get(f"{cluster.issuer}/account")
    forms = [only_form(form) for form in re.findall(r"<form.*?</form>", page.text, re.DOTALL)]
    assert sorted(form.action for form in forms) == ["account", "logout"]
    for form in sorted(forms, key=lambda form: form.action):
        button = next(iter(form.buttons.values()))
        answer = visitor.browser.post(
            urljoin(str(page.url), form.action),
            content=urlencode([*form.fields, *([button] if button[0] else [])]),
            headers={"origin": cluster.issuer, "content-type": "application/x-www-form-urlencoded"},
        )
        assert answer.status_code == httpx.codes.SEE_OTHER
        visitor.browser.get(urljoin(str(page.url), answer.headers["location"]))


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"])
def test_refusals_of_programs_are_as_described(cluster: Cluster, http: httpx.Client, path: str) -> None:
    """Each way to be refused at an endpoint for programs is described, headers included (CAUTH-02, GEN-02)."""
    client = cluster.operator.create_client(ClientType.CONFIDENTIAL, scopes=[cluster.operator.create_scope()])
    url = f"{base_url(cluster, path)}{path}"
    form = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
    statuses = [
        http.post(url, content=content, headers={"content-type": content_type, **headers}).status_code
        for content, content_type, headers in (
            (b"", "application/x-www-form-urlencoded", {}),
            (b"%", "application/x-www-form-urlencoded", {}),
            (b"{}", "application/json", {}),
            (urlencode(form).encode(), "application/x-www-form-urlencoded", {}),
            (urlencode(form).encode(), "application/x-www-form-urlencoded", {"authorization": "Basic !"}),
            (urlencode(form).encode(), "application/x-www-form-urlencoded", {"authorization": "Bearer !"}),
            (urlencode(form).encode(), "application/x-www-form-urlencoded", {"authorization": "Bearer x"}),
            (b"a" * 70_000, "application/x-www-form-urlencoded", {}),
        )
    ]
    assert set(statuses) == {400, 401, 413}
    _post(cluster, http, path, client, {**form, "client_secret": "x"}, 400)


def test_refusals_of_pages_are_as_described(cluster: Cluster, http: httpx.Client) -> None:
    """Each way to get an error page is described, headers included (UI-01, GEN-02)."""
    pages = [
        http.get(f"{cluster.issuer}{path}").status_code
        for path in (
            "/oauth2/authorize", "/oauth2/authorize?client_id=x&client_id=y", "/login?interaction=x", "/consent",
            "/consent?interaction=x", "/account", "/login?interaction=%", f"/oauth2/authorize?state={'a' * 29_000}",
        )
    ]  # fmt: skip
    assert set(pages) <= {303, 400, 403, 404, 410, 413}
    for path in ("/login", "/consent", "/account", "/logout"):
        refused = http.post(f"{cluster.issuer}{path}", data={"csrf": "x"}, headers={"origin": "https://evil.example"})
        assert refused.status_code == httpx.codes.FORBIDDEN


def _post(
    cluster: Cluster, http: httpx.Client, path: str, client: Client, form: dict[str, str], status: int = 200
) -> httpx.Response:
    own, auth = credentials_of(client)
    answer = http.post(f"{base_url(cluster, path)}{path}", data={**own, **form}, auth=auth)
    assert answer.status_code == status, answer.text
    return answer


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (418, {}, b'{"error": "invalid_request", "error_description": ""}'),
        (400, {"cache-control": "private"}, b'{"error": "invalid_request", "error_description": ""}'),
        (400, {"content-type": "text/html"}, b"<!doctype html>"),
        (400, {}, b'{"error": "made_up", "error_description": ""}'),
        (400, {}, b'{"error": "invalid_request"}'),
        (401, {}, b'{"error": "invalid_client", "error_description": ""}'),
        (200, {}, b'{"access_token": "x", "token_type": "Bearer", "expires_in": 600, "scope": "a"}'),
    ],
)
def test_an_answer_that_is_not_described_is_noticed(status: int, headers: dict[str, str], body: bytes) -> None:
    """What these tests hold answers against would notice a wrong status, header, type, code or member (META-08)."""
    right = {
        "cache-control": "no-store",
        "pragma": "no-cache",
        "x-request-id": "12345678",
        "x-content-type-options": "nosniff",
        "content-type": "application/json",
    }
    answers = iter([httpx.Response(400, headers=right, stream=httpx.ByteStream(REFUSAL))])
    wrong = httpx.Response(status, headers={**right, **headers}, stream=httpx.ByteStream(body))
    hooks = {"response": [require_documented]}
    with httpx.Client(transport=httpx.MockTransport(lambda _: next(answers, wrong)), event_hooks=hooks) as client:
        client.post("http://127.0.0.1/oauth2/token")
        with pytest.raises((Failure, FailureGroup)):
            client.post("http://127.0.0.1/oauth2/token")
