"""The metadata over HTTP."""

import json
from urllib.parse import urljoin

import httpx
import pytest

from tests.integration.authorize.browser import Browser
from tests.integration.authorize.conftest import World
from tests.support.cluster import Cluster
from tests.support.flow import AuthorizationRequest, parameters_of
from tests.support.pages import only_form

PATHS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


def test_both_paths_tell_the_same(browser: Browser) -> None:
    """OpenID clients find the very same document, without OpenID's members (META-03)."""
    first, second = (browser.http.get(path) for path in PATHS)
    assert first.content == second.content
    assert {"jwks_uri", "subject_types_supported", "userinfo_endpoint"}.isdisjoint(first.json())


@pytest.mark.parametrize("path", PATHS)
def test_the_document_is_json(cluster: Cluster, browser: Browser, path: str) -> None:
    """JSON without duplicate or empty members, and the issuer to the letter (META-02, META-07)."""
    answer = browser.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (httpx.codes.OK, "application/json")
    pairs = json.loads(answer.text, object_pairs_hook=list)
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names)
    assert all(value not in (None, "", []) for _, value in pairs)
    assert cluster.issuer == dict(pairs)["issuer"]


@pytest.mark.parametrize("path", PATHS)
def test_headers_change_nothing(browser: Browser, path: str) -> None:
    """The document depends on no header of the request (META-10, GEN-10)."""
    spoofed = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    assert browser.http.get(path).content == browser.http.get(path, headers=spoofed).content


def test_all_replicas_tell_the_same(cluster: Cluster, browser: Browser) -> None:
    """The document is the same on every replica (META-10)."""
    replica = cluster.start("authorize")
    for path in PATHS:
        assert browser.http.get(path).content == httpx.get(f"{replica.http_url}{path}", trust_env=False).content
    replica.stop()


@pytest.mark.parametrize("path", [f"{PATHS[0]}/t1", f"/t1{PATHS[1]}", f"{PATHS[0]}/", "/.well-known/jwks.json"])
def test_there_is_one_issuer(browser: Browser, path: str) -> None:
    """A tenant that is not there is not found (META-01)."""
    assert browser.http.get(path).status_code == httpx.codes.NOT_FOUND


def test_an_issuer_with_a_path_has_its_documents_where_they_are_looked_for(cluster: Cluster) -> None:
    """RFC 8414 inserts the well-known part before the path, OpenID appends it (META-01)."""
    issuer = f"{cluster.issuer}/t1"
    replica = cluster.start("authorize", {"ISSUER": issuer})
    with httpx.Client(base_url=replica.http_url, trust_env=False) as http:
        for path in (f"{PATHS[0]}/t1", f"/t1{PATHS[1]}"):
            document = http.get(path).json()
            assert (issuer, f"{issuer}/oauth2/authorize") == (document["issuer"], document["authorization_endpoint"])
        assert http.get(PATHS[0]).status_code == httpx.codes.NOT_FOUND
        assert http.get("/t1/oauth2/authorize").status_code == httpx.codes.BAD_REQUEST
    replica.stop()


def test_an_issuer_with_a_path_has_its_pages_below_it(cluster: Cluster, world: World) -> None:
    """From the request over sign-in and consent to the code, nothing leaves the issuer's path (META-01)."""
    issuer = f"{cluster.issuer}/t1"
    replica = cluster.start("authorize", {"ISSUER": issuer})
    request = AuthorizationRequest(issuer, world.public, world.public.redirect_uris[0])
    with httpx.Client(
        base_url=replica.http_url, trust_env=False, headers={"origin": cluster.issuer}, follow_redirects=True
    ) as http:
        asked = http.get(request.url.removeprefix(cluster.issuer))
        form = only_form(asked.text)
        typed = form.filled({"username": world.bob.username, "password": world.bob.password}, button="sign-in")
        page = http.post(urljoin(str(asked.url), form.action), data=dict(typed))
        form = only_form(page.text)
        agreed = dict([*form.filled({}, button="approve"), *form.boxes])
        approved = http.post(urljoin(str(page.url), form.action), data=agreed, follow_redirects=False)
    replica.stop()
    assert [each.url.path for each in (asked, page, approved)] == ["/t1/login", "/t1/consent", "/t1/consent"]
    request.approval(parameters_of(approved.headers["location"]))
