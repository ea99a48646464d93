"""One way of knowing clients: the same table at every endpoint for programs (RFC 6749 §2.3)."""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus

import httpx
import pytest

from tests.integration.token.desk import ISSUER, Client, Desk
from tests.support.cluster import DRAIN_SECONDS
from tests.support.service_process import ServiceProcess

BASIC, POST, NONE = "client_secret_basic", "client_secret_post", "none"
CHALLENGE = 'Basic realm="tallystick"'


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint, and a form that it answers with 200 if it likes the client and with a client's error if not."""

    http: httpx.Client
    url: str
    form: Mapping[str, str]

    def ask(
        self,
        more: Mapping[str, str] | None = None,
        authorization: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send the form with more in it, and the header if there is one."""
        headers = {} if authorization is None else {"authorization": authorization}
        return self.http.post(self.url, data={**self.form, **(more or {})}, headers=headers, params=query)


@pytest.fixture(scope="module")
def introspect(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """The service that knows its callers by the same records."""
    settings = {
        "ISSUER": ISSUER,
        "HTTP_LISTEN": "127.0.0.1:0",
        "GRPC_LISTEN": "127.0.0.1:0",
        "POSTGRES_DSN": desk.database.dsn("tallystick_introspect"),
        "DRAIN_SECONDS": DRAIN_SECONDS,
    }
    process = ServiceProcess("introspect", settings, tmp_path_factory.mktemp("introspect"))
    process.wait_until_listening()
    yield process
    assert process.stop().code == 0


@pytest.fixture(scope="module", params=["token", "revoke", "introspect"])
def endpoint(desk: Desk, introspect: ServiceProcess, request: pytest.FixtureRequest) -> Endpoint:
    match request.param:
        case "token":
            return Endpoint(desk.http, desk.url, {"grant_type": "client_credentials", "scope": "photos.read"})
        case "revoke":
            return Endpoint(desk.http, desk.revocation_url, {"token": "nonsense"})
        case _:
            return Endpoint(desk.http, f"{introspect.http_url}/oauth2/introspect", {"token": "nonsense"})


def header(client_id: str, secret: str, *, scheme: str = "Basic") -> str:
    """Return Basic credentials, form-encoded as RFC 6749 Appendix B has it."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"{scheme} {base64.b64encode(pair.encode()).decode()}"


def own_header(client: Client) -> str:
    """Return a client's right credentials."""
    return header(client.client_id, client.secret or "")


def own_form(client: Client) -> dict[str, str]:
    """Return a client's right credentials as parameters."""
    return {"client_id": client.client_id, "client_secret": client.secret or ""}


def assert_refused(answer: httpx.Response, status: int = 401, error: str = "invalid_client") -> None:
    """Check how a client is refused, to the header."""
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers.get("www-authenticate") == (CHALLENGE if status == 401 else None)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_credentials_in_the_header(desk: Desk, endpoint: Endpoint, scheme: str) -> None:
    """The right credentials pass, whatever the case of the scheme (CAUTH-01, CAUTH-06)."""
    client = desk.register(BASIC)
    assert endpoint.ask(authorization=header(client.client_id, client.secret or "", scheme=scheme)).status_code == 200


def test_credentials_in_the_header_are_form_decoded(desk: Desk, endpoint: Endpoint) -> None:
    """Percent-encoding is decoded after base64, and what stays undecoded is another secret (CAUTH-01)."""
    client = desk.register(BASIC)
    encoded = "".join(f"%{ord(character):02X}" for character in client.secret or "")
    for secret, status in ((encoded, 200), (f"{encoded}%", 401), (encoded.replace("%", "%25"), 401)):
        pair = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
        assert endpoint.ask(authorization=f"Basic {pair}").status_code == status


def test_credentials_in_the_form(desk: Desk, endpoint: Endpoint) -> None:
    """A client that is registered for it passes by the form (CAUTH-04)."""
    assert endpoint.ask(own_form(desk.register(POST))).status_code == 200


def test_the_matching_client_id_beside_the_header(desk: Desk, endpoint: Endpoint) -> None:
    """A bare client_id beside Basic is accepted if it is the same (CAUTH-03)."""
    client = desk.register(BASIC)
    assert endpoint.ask({"client_id": client.client_id}, own_header(client)).status_code == 200


REFUSED: dict[str, Callable[[Client, Client, Client], tuple[dict[str, str], str | None]]] = {
    "nothing at all": lambda *_: ({}, None),
    "the bare id of a Basic client (CAUTH-05)": lambda basic, *_: ({"client_id": basic.client_id}, None),
    "the bare id of a form client (CAUTH-05)": lambda _, post, __: ({"client_id": post.client_id}, None),
    "an empty secret": lambda _, post, __: ({"client_id": post.client_id, "client_secret": ""}, None),
    "a wrong secret in the header (CAUTH-02)": lambda basic, *_: ({}, header(basic.client_id, "wrong")),
    "a wrong secret in the form (CAUTH-02)": lambda _, post, __: (
        {"client_id": post.client_id, "client_secret": "wrong"},
        None,
    ),
    "another client's secret": lambda basic, post, _: ({}, header(basic.client_id, post.secret or "")),
    "nobody in the header (CAUTH-06)": lambda basic, *_: ({}, header("nobody", basic.secret or "")),
    "nobody in the form (CAUTH-06)": lambda *_: ({"client_id": "nobody", "client_secret": "wrong"}, None),
    "nobody with a bare id": lambda *_: ({"client_id": "nobody"}, None),
    "a Basic client by the form (CAUTH-04)": lambda basic, *_: (own_form(basic), None),
    "a form client by the header (CAUTH-04)": lambda _, post, __: ({}, own_header(post)),
    "a public client with a secret (CAUTH-04)": lambda *clients: ({}, header(clients[2].client_id, "secret")),
    "a public client with a secret in the form (CAUTH-04)": lambda *clients: (
        {"client_id": clients[2].client_id, "client_secret": "secret"},
        None,
    ),
    "no credentials in the header (CAUTH-06)": lambda *_: ({}, "Basic"),
    "broken base64 (CAUTH-06)": lambda *_: ({}, "Basic %%%"),
    "no colon (CAUTH-06)": lambda *_: ({}, "Basic QQ=="),
    "bad UTF-8 (CAUTH-06)": lambda *_: ({}, "Basic /zr/"),
    "another scheme": lambda basic, *_: ({}, f"Digest {basic.secret}"),
}


@pytest.fixture(scope="module")
def registered(desk: Desk) -> tuple[Client, Client, Client]:
    return desk.register(BASIC), desk.register(POST), desk.register(NONE)


@pytest.mark.parametrize("case", REFUSED)
def test_who_is_not_authenticated(endpoint: Endpoint, registered: tuple[Client, Client, Client], case: str) -> None:
    """Whatever is wrong with who asks, it is 401 with a challenge (CAUTH-02, CAUTH-04, CAUTH-05, CAUTH-06, REVO-01)."""
    form, authorization = REFUSED[case](*registered)
    assert_refused(endpoint.ask(form, authorization))


def test_unknown_clients_and_wrong_secrets_are_told_the_same(endpoint: Endpoint, desk: Desk) -> None:
    """Nobody learns which clients there are (CAUTH-06)."""
    client = desk.register(BASIC)
    known, unknown = (endpoint.ask(authorization=header(name, "wrong")) for name in (client.client_id, "nobody"))
    assert known.content == unknown.content


def test_two_methods_at_once(desk: Desk, endpoint: Endpoint) -> None:
    """Header and secret, two ids or two headers are a mistake of the request (CAUTH-03)."""
    client, other = desk.register(BASIC), desk.register()
    for form in ({"client_secret": client.secret or ""}, own_form(client), {"client_id": other.client_id}):
        assert_refused(endpoint.ask(form, own_header(client)), 400, "invalid_request")
    twice = [("authorization", own_header(client))] * 2
    answer = endpoint.http.post(endpoint.url, data=dict(endpoint.form), headers=twice)
    assert_refused(answer, 400, "invalid_request")


def test_credentials_in_the_query(desk: Desk, endpoint: Endpoint) -> None:
    """Nothing in the query makes anybody known (CAUTH-07)."""
    client = desk.register(POST)
    assert_refused(endpoint.ask(query=own_form(client)))
    assert_refused(endpoint.ask({"client_id": client.client_id}, query={"client_secret": client.secret or ""}))
    assert_refused(endpoint.ask(own_form(client), query=own_form(client)), 400, "invalid_request")


def test_secrets_overlap_and_end_on_time(desk: Desk, endpoint: Endpoint) -> None:
    """Two secrets work side by side until the old one's moment by the database's clock (CAUTH-08)."""
    client, other = desk.register(BASIC), desk.register(BASIC)
    with desk.database.connect() as owner:
        owner.execute(
            "INSERT INTO client_secrets (client_id, digest, expires_at) SELECT %s, digest, clock_timestamp()"
            " + interval '1 hour' FROM client_secrets WHERE client_id = %s",
            (client.client_id, other.client_id),
        )
        for secret in (client.secret, other.secret):
            assert endpoint.ask(authorization=header(client.client_id, secret or "")).status_code == 200
        owner.execute(
            "UPDATE client_secrets SET expires_at = clock_timestamp() WHERE client_id = %s AND expires_at IS NOT NULL",
            (client.client_id,),
        )
    assert endpoint.ask(authorization=own_header(client)).status_code == 200
    assert_refused(endpoint.ask(authorization=header(client.client_id, other.secret or "")))


def test_a_disabled_client(desk: Desk, endpoint: Endpoint) -> None:
    """A client that is disabled is not known, and is again once it is enabled."""
    client = desk.register(BASIC)
    switch = "UPDATE clients SET enabled = %s WHERE client_id = %s"
    with desk.database.connect() as owner:
        owner.execute(switch, (False, client.client_id))
        assert_refused(endpoint.ask(authorization=own_header(client)))
        owner.execute(switch, (True, client.client_id))
    assert endpoint.ask(authorization=own_header(client)).status_code == 200
