"""introspect as a process of its own: over HTTP and gRPC, the same callers get the same answers."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, quote_from_bytes

import grpc
import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tallystick.oauth2.client import AuthMethod
from tallystick.oauth2.opaque_token import new_access_token
from tallystick.runtime.grpc_status import failure_of
from tests.integration.introspect.rows import ClientRow, Rows
from tests.support.cluster import DRAIN_SECONDS
from tests.support.databases import Database
from tests.support.service_process import ServiceProcess

ISSUER = "http://127.0.0.1:8080"
PHOTOS = "https://photos.example"
INACTIVE = b'{"active":false}'
FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Refused:
    """How gRPC refused: the status and the reason for programs."""

    code: grpc.StatusCode
    reason: str


class Introspect:
    """The running service, asked over both."""

    def __init__(self, process: ServiceProcess) -> None:
        self.process = process
        self.http = httpx.Client(base_url=process.http_url, timeout=15)
        self.channel = grpc.insecure_channel(process.grpc_target)
        self.stub = introspection_pb2_grpc.IntrospectionServiceStub(self.channel)

    def close(self) -> None:
        self.http.close()
        self.channel.close()

    def post(self, form: str | Mapping[str, str], authorization: str | None = None) -> httpx.Response:
        """Ask over HTTP; a form may be given as it goes over the wire."""
        headers = FORM | ({} if authorization is None else {"authorization": authorization})
        body = form if isinstance(form, str) else "&".join(f"{k}={quote(v, safe='')}" for k, v in form.items())
        return self.http.post("/oauth2/introspect", content=body, headers=headers)

    def call(self, token: bytes, authorization: str | None = None) -> Mapping[str, object] | Refused:
        """Ask over gRPC and return the answer with the names that it has in JSON."""
        metadata = () if authorization is None else (("authorization", authorization),)
        try:
            answer = self.stub.Introspect(
                introspection_pb2.IntrospectRequest(token=token), timeout=15, metadata=metadata
            )
        except grpc.RpcError as error:
            return Refused(error.code(), failure_of(error).reason)
        return members(answer)

    def both(self, token: str, authorization: str) -> Mapping[str, object]:
        """Ask over both, insist that they agree (INTR-09), and return the answer."""
        response = self.post({"token": token}, authorization)
        assert response.status_code == 200, response.text
        over_http: Mapping[str, object] = response.json()
        assert over_http == self.call(token.encode("utf-8", "surrogatepass"), authorization)
        assert over_http["active"] or response.content == INACTIVE
        return over_http


def members(answer: introspection_pb2.IntrospectResponse) -> Mapping[str, object]:
    """Return a message as RFC 7662 would write it: numbers as numbers, one audience as text, scopes joined."""
    found = {"active": False, **MessageToDict(answer, preserving_proto_field_name=True)}
    if "scopes" in found:
        found["scope"] = " ".join(found.pop("scopes"))
        # What RFC 7662 has no member for.
        found.pop("valid_for", None)
        found |= {"exp": int(found["exp"]), "iat": int(found["iat"]), "aud": found["aud"][0]}
    return found


def basic(client: ClientRow, secret: str | None = None) -> str:
    pair = f"{client.client_id}:{client.secret if secret is None else secret}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def environment(dsn: str) -> dict[str, object]:
    return {
        "ISSUER": ISSUER,
        "HTTP_LISTEN": "127.0.0.1:0",
        "GRPC_LISTEN": "127.0.0.1:0",
        "POSTGRES_DSN": dsn,
        "DRAIN_SECONDS": DRAIN_SECONDS,
        "LOG_LEVEL": "debug",
    }


@pytest.fixture(scope="module")
def introspect(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Introspect]:
    """The service over this module's database; at its end, nothing secret may be in its logs.

    Rows are changed beneath it, without a word in the log, so that it must not remember any.
    """
    with database.connect() as connection:
        connection.execute("UPDATE lease_terms SET granted_ms = 0")
    process = ServiceProcess(
        "introspect", environment(database.dsn("tallystick_introspect")), tmp_path_factory.mktemp("introspect")
    )
    process.wait_until_listening()
    asked = Introspect(process)
    yield asked
    asked.close()
    ended = process.stop()
    assert ended.code == 0, ended.stderr


@pytest.fixture(scope="module")
def rows(database: Database) -> Iterator[Rows]:
    """Writes rows as authorize and token would leave them."""
    with database.connect() as connection:
        yield Rows(connection)


@dataclass(frozen=True, slots=True)
class World:
    """An app with bob's grant, the resource server of its audience, and another one."""

    rows: Rows
    app: ClientRow
    api: ClientRow
    stranger: ClientRow
    username: str
    sub: str
    access_token: str
    refresh_token: str
    own_token: str


@pytest.fixture(scope="module")
def world(rows: Rows) -> World:
    """Rows that no test changes."""
    app = rows.client("photos.read", "photos.print")
    api = rows.client("introspect", "photos.read", serves=[PHOTOS])
    grant = rows.grant(app, "photos.read", "photos.print")
    return World(
        rows=rows,
        app=app,
        api=api,
        stranger=rows.client(serves=["https://printer.example"]),
        username=grant.user.username,
        sub=f"user:{grant.user.user_id}",
        access_token=rows.access_token(app, "photos.read", audience=PHOTOS, grant=grant).text,
        refresh_token=str(grant.refresh_token),
        own_token=rows.access_token(api, "introspect", audience=ISSUER).text,
    )


def test_a_live_access_token(introspect: Introspect, world: World) -> None:
    """Both say the same, and all of it (INTR-04, INTR-09)."""
    answer = introspect.both(world.access_token, basic(world.api))
    assert answer == {
        "active": True,
        "scope": "photos.read",
        "client_id": world.app.client_id,
        "username": world.username,
        "token_type": "Bearer",
        "exp": answer["exp"],
        "iat": answer["iat"],
        "sub": world.sub,
        "aud": PHOTOS,
        "iss": ISSUER,
    }
    assert isinstance(answer["exp"], int)


def test_a_live_refresh_token(introspect: Introspect, world: World) -> None:
    """Its own client learns of it, without a token type (INTR-06, INTR-09)."""
    answer = introspect.both(world.refresh_token, basic(world.app))
    assert answer["scope"] == "photos.read photos.print"
    assert "token_type" not in answer


def test_a_client_sees_its_own_token_for_the_issuer(introspect: Introspect, world: World) -> None:
    """A token without a resource is its client's business only (INTR-06)."""
    answer = introspect.both(world.own_token, basic(world.api))
    assert (answer["sub"], answer["aud"]) == (f"client:{world.api.client_id}", ISSUER)
    assert "username" not in answer
    assert introspect.both(world.own_token, basic(world.app)) == {"active": False}


def test_a_caller_with_a_token_of_its_own(introspect: Introspect, world: World) -> None:
    """A token with scope introspect is as good as a secret (INTR-02)."""
    with_token = introspect.both(world.access_token, f"bearer {world.own_token}")
    assert with_token == introspect.both(world.access_token, basic(world.api))


def test_a_caller_with_its_secret_in_the_body(introspect: Introspect, rows: Rows, world: World) -> None:
    """A client that is registered for client_secret_post uses the body, and may not use the header (CAUTH-04)."""
    caller = rows.client(auth_method=AuthMethod.CLIENT_SECRET_POST, serves=[PHOTOS])
    credentials = {"client_id": caller.client_id, "client_secret": caller.secret}
    assert introspect.post({"token": world.access_token, **credentials}).json()["active"]
    assert introspect.post({"token": world.access_token}, basic(caller)).status_code == 401
    refused = introspect.call(world.access_token.encode(), basic(caller))
    assert refused == Refused(grpc.StatusCode.UNAUTHENTICATED, "INVALID_CLIENT")


@pytest.mark.parametrize("who", ["app_refresh", "stranger", "api_refresh", "stranger_refresh"])
def test_what_is_not_the_callers_business_is_inactive(introspect: Introspect, world: World, who: str) -> None:
    """Another audience and another client's refresh token look like no token at all (INTR-03, INTR-06)."""
    token, caller = {
        "app_refresh": (world.refresh_token + "x", world.app),
        "stranger": (world.access_token, world.stranger),
        "api_refresh": (world.refresh_token, world.api),
        "stranger_refresh": (world.refresh_token, world.stranger),
    }[who]
    assert introspect.both(token, basic(caller)) == {"active": False}


def test_what_is_dead_is_inactive(introspect: Introspect, world: World) -> None:
    """Expired, unknown and revoked tokens all get the same bytes (INTR-03)."""
    rows, caller = world.rows, basic(world.api)
    expired = rows.access_token(world.app, "photos.read", audience=PHOTOS, lasts=timedelta(seconds=-1)).text
    grant = rows.grant(world.app, "photos.read")
    revoked = rows.access_token(world.app, "photos.read", audience=PHOTOS, grant=grant).text
    unknown = new_access_token(b"x" * 32, datetime.now(UTC) + timedelta(minutes=5)).text
    by_itself = rows.access_token(world.app, "photos.read", audience=PHOTOS)
    for token in (revoked, by_itself.text):
        assert introspect.both(token, caller)["active"]
    rows.execute(
        "UPDATE grants SET ended_at = now(), end_reason = 'code_replayed' WHERE grant_id = %(id)s", id=grant.grant_id
    )
    rows.execute("UPDATE access_tokens SET revoked_at = now() WHERE digest = %(digest)s", digest=by_itself.digest)
    for token in (expired, unknown, revoked, by_itself.text, str(grant.refresh_token)):
        assert introspect.both(token, caller) == {"active": False}


def test_a_disabled_client_loses_its_tokens_at_once(introspect: Introspect, rows: Rows, world: World) -> None:
    """The first question after the change gets the new answer, and enabling gives everything back (INTR-07)."""
    app = rows.client("photos.read")
    token = rows.access_token(app, "photos.read", audience=PHOTOS).text
    for enabled in (True, False, True):
        rows.execute("UPDATE clients SET enabled = %(to)s WHERE client_id = %(id)s", to=enabled, id=app.client_id)
        assert introspect.both(token, basic(world.api))["active"] is enabled


@pytest.mark.parametrize(
    "token",
    [" ", "tsa_", "tsr_", "x" * 60_000, "eyJhbGciOiJub25lIn0.e30.", '"><script>', "a\r\nb", "ü", "￿", "🪵"],
    ids=lambda token: ascii(token[:10]),
)
def test_any_text_is_a_question(introspect: Introspect, world: World, token: str) -> None:
    """Whatever text is sent as a token is inactive (GRPC-03, GEN-06)."""
    assert introspect.both(token, basic(world.api)) == {"active": False}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(token=st.binary(min_size=1, max_size=200))
def test_any_bytes_are_a_question(introspect: Introspect, world: World, token: bytes) -> None:
    """Over gRPC any bytes are inactive; over HTTP they are too, unless they are no form (GRPC-03, GRPC-07, GEN-06)."""
    assert introspect.call(token, basic(world.api)) == {"active": False}
    response = introspect.post(f"token={quote_from_bytes(token, safe='')}", basic(world.api))
    is_text = b"\0" not in token and token.decode("utf-8", "replace").encode() == token
    assert (response.status_code, response.content == INACTIVE) == ((200, True) if is_text else (400, False))


def refusals(world: World) -> Mapping[str, tuple[str | None, Refused]]:
    """Return callers that must not get an answer, as `authorization`, and how gRPC refuses them."""
    rows = world.rows
    nobody = Refused(grpc.StatusCode.UNAUTHENTICATED, "INVALID_CLIENT")
    bad_token = Refused(grpc.StatusCode.UNAUTHENTICATED, "INVALID_TOKEN")
    disabled = rows.client(serves=[PHOTOS])
    rows.execute("UPDATE clients SET enabled = false WHERE client_id = %(id)s", id=disabled.client_id)
    outdated = rows.client(serves=[PHOTOS])
    public = rows.client(auth_method=AuthMethod.NONE, serves=[PHOTOS])
    ended = rows.secret(outdated.client_id, lasts=timedelta(seconds=-1))
    powerless = rows.access_token(world.api, "photos.read", audience=ISSUER).text
    elsewhere = rows.access_token(world.api, "introspect", audience=PHOTOS).text
    expired = rows.access_token(world.api, "introspect", audience=ISSUER, lasts=timedelta(seconds=-1)).text
    return {
        "nothing": (None, nobody),
        "empty": ("", nobody),
        "wrong secret": (basic(world.api, "wrong"), nobody),
        "another's secret": (basic(world.api, world.app.secret), nobody),
        "unknown client": (basic(ClientRow("nobody", "x")), nobody),
        "disabled client": (basic(disabled), nobody),
        "secret that has ended": (basic(outdated, ended), nobody),
        "public client": (basic(public), nobody),
        "broken base64": ("Basic ?", nobody),
        "bad UTF-8": ("Basic /zo/", nobody),
        "another scheme": (f"Digest {world.api.client_id}", nobody),
        "malformed bearer": ("Bearer a b", Refused(grpc.StatusCode.UNAUTHENTICATED, "INVALID_REQUEST")),
        "unknown bearer": ("Bearer abc", bad_token),
        "refresh token as bearer": (f"Bearer {world.refresh_token}", bad_token),
        "a user's token": (f"Bearer {world.access_token}", bad_token),
        "token for a resource": (f"Bearer {elsewhere}", bad_token),
        "expired token": (f"Bearer {expired}", bad_token),
        "token without the scope": (
            f"Bearer {powerless}",
            Refused(grpc.StatusCode.PERMISSION_DENIED, "INSUFFICIENT_SCOPE"),
        ),
    }


CHALLENGES = {
    "INVALID_CLIENT": (401, 'Basic realm="tallystick"'),
    "INVALID_TOKEN": (401, 'Bearer realm="tallystick", error="invalid_token"'),
    "INSUFFICIENT_SCOPE": (403, 'Bearer realm="tallystick", error="insufficient_scope", scope="introspect"'),
    "INVALID_REQUEST": (400, None),
}


def test_everybody_else_is_refused(introspect: Introspect, world: World) -> None:
    """No answer without proof, and both say why in their own way (INTR-02, CAUTH-02, CAUTH-06, CAUTH-09, GRPC-01)."""
    for name, (authorization, refused) in refusals(world).items():
        assert introspect.call(world.access_token.encode(), authorization) == refused, name
        response = introspect.post({"token": world.access_token}, authorization)
        status, challenge = CHALLENGES[refused.reason]
        assert (response.status_code, response.headers.get("www-authenticate")) == (status, challenge), name
        assert response.json()["error"] == refused.reason.lower(), name


def test_refusals_do_not_tell_clients_apart(introspect: Introspect, world: World) -> None:
    """A wrong secret and an unknown client get the same bytes (CAUTH-06)."""
    wrong = introspect.post({"token": "x"}, basic(world.api, "wrong"))
    unknown = introspect.post({"token": "x"}, basic(ClientRow("nobody", "x")))
    assert wrong.content == unknown.content


@pytest.mark.parametrize("kind", ["public alone", "confidential alone", "public with a secret", "basic's in the body"])
def test_a_client_id_proves_nothing(introspect: Introspect, world: World, kind: str) -> None:
    """Neither a bare client_id nor a secret sent the wrong way is enough (CAUTH-04, CAUTH-05, CAUTH-09)."""
    public = world.rows.client(auth_method=AuthMethod.NONE, serves=[PHOTOS])
    form = {
        "public alone": {"client_id": public.client_id},
        "confidential alone": {"client_id": world.api.client_id},
        "public with a secret": {"client_id": public.client_id, "client_secret": "x"},
        "basic's in the body": {"client_id": world.api.client_id, "client_secret": world.api.secret},
    }[kind]
    response = introspect.post({"token": world.access_token, **form})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_two_methods_at_once(introspect: Introspect, world: World) -> None:
    """One way of authentication at a time; a matching bare client_id is no second one (CAUTH-03)."""
    authorization, api = basic(world.api), world.api
    form = {"token": world.access_token}
    for more in ({"client_secret": api.secret}, {"client_id": world.app.client_id}):
        for header in (authorization, f"Bearer {world.own_token}"):
            response = introspect.post(form | more, header)
            assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert introspect.post(form | {"client_id": api.client_id}, authorization).json()["active"]
    twice = [("authorization", authorization), ("authorization", authorization), *FORM.items()]
    assert introspect.http.post("/oauth2/introspect", content="token=x", headers=twice).status_code == 400


def test_two_credentials_over_grpc(introspect: Introspect, world: World) -> None:
    """A repeated authorization is none, so that nobody picks one of two."""
    metadata = (("authorization", basic(world.api)), ("authorization", basic(world.api)))
    with pytest.raises(grpc.RpcError) as caught:
        introspect.stub.Introspect(introspection_pb2.IntrospectRequest(token=b"x"), timeout=15, metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_credentials_in_the_query_are_none(introspect: Introspect, world: World) -> None:
    """What stands in the URL has no effect (CAUTH-07, GEN-05)."""
    query = f"?token={world.access_token}&client_id={world.api.client_id}&client_secret={world.api.secret}"
    nobody = introspect.http.post(f"/oauth2/introspect{query}", headers=FORM)
    assert nobody.status_code == 401
    tokenless = introspect.http.post(f"/oauth2/introspect{query}", headers=FORM | {"authorization": basic(world.api)})
    assert (tokenless.status_code, tokenless.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "form",
    [
        "",
        "token=",
        "Token=x",
        "token=x&token=x",
        "token=x&token=",
        "token=x&token_type_hint=a&token_type_hint=b",
        "token=x&client_id=a&client_id=a",
        "token=%",
        "token=%FF",
        "token=%00",
        "token=x&lonely=%zz",
        "&".join(f"a{number}=b" for number in range(200)),
    ],
)
def test_a_request_that_cannot_be_read(introspect: Introspect, world: World, form: str) -> None:
    """A token must be there once, in a form that is one (INTR-01, GEN-03, GEN-06)."""
    response = introspect.post(form, basic(world.api))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_a_parameter_in_body_and_query(introspect: Introspect, world: World) -> None:
    """A parameter that is sent in both is sent twice (GEN-03)."""
    headers = FORM | {"authorization": basic(world.api)}
    response = introspect.http.post("/oauth2/introspect?token=x", content="token=x", headers=headers)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "pct", "🪵"])
def test_hints_do_not_matter(introspect: Introspect, world: World, hint: str) -> None:
    """A wrong or unknown hint still finds the token, and unknown parameters are ignored (INTR-05, GEN-04)."""
    form = {"token": world.access_token, "token_type_hint": hint, "unheard_of": "x"}
    assert introspect.post(form, basic(world.api)).json()["active"]


@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", None])
def test_only_forms_are_read(introspect: Introspect, world: World, media_type: str | None) -> None:
    """A body of another type is refused (GEN-05)."""
    headers = {"authorization": basic(world.api)} | ({} if media_type is None else {"content-type": media_type})
    body = json.dumps({"token": world.access_token}).encode()
    response = introspect.http.post("/oauth2/introspect", content=body, headers=headers)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_post_is_served(introspect: Introspect, world: World, method: str) -> None:
    """Any other method is 405 and says which is allowed (INTR-01, GEN-05)."""
    response = introspect.http.request(
        method, f"/oauth2/introspect?token={world.access_token}", headers={"authorization": basic(world.api)}
    )
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.headers["cache-control"] == "no-store"


def test_a_body_without_end_is_cut(introspect: Introspect, world: World) -> None:
    """A body has a ceiling (GEN-13)."""
    assert introspect.post(f"token={'x' * 70_000}", basic(world.api)).status_code == 413


def test_no_answer_is_kept_by_caches(introspect: Introspect, world: World) -> None:
    """Every answer, errors included, forbids storing (GEN-02, GEN-13)."""
    caller = basic(world.api)
    answers = [
        introspect.post({"token": world.access_token}, caller),
        introspect.post({"token": "x"}, caller),
        introspect.post({"token": "x"}),
        introspect.post({}, caller),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 401, 400]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["pragma"] == "no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"] == "application/json"


def test_a_message_without_a_token(introspect: Introspect, world: World) -> None:
    """Over gRPC a request without a token is INVALID_ARGUMENT, but only for known callers (GRPC-03, GRPC-04)."""
    assert introspect.call(b"", basic(world.api)) == Refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID")
    assert introspect.call(b"") == Refused(grpc.StatusCode.UNAUTHENTICATED, "INVALID_CLIENT")


def test_an_oversized_message_is_refused(introspect: Introspect, world: World) -> None:
    """A message has a ceiling (GRPC-04)."""
    refused = introspect.call(b"x" * 300_000, basic(world.api))
    assert isinstance(refused, Refused)
    assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_nothing_else_is_served(introspect: Introspect, world: World) -> None:
    """No reflection, no documentation, no neighbour's route (GRPC-04)."""
    for path in ("/", "/docs", "/openapi.json", "/oauth2/token", "/oauth2/introspect/"):
        assert introspect.http.post(path, headers={"authorization": basic(world.api)}).status_code == 404
    for method in (
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/tallystick.authorize.v1.ClientService/ListClients",
    ):
        with pytest.raises(grpc.RpcError) as caught:
            introspect.channel.unary_unary(method)(b"", timeout=15)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("service", ["", "liveness", "readiness"])
def test_health_needs_no_credentials(introspect: Introspect, service: str) -> None:
    """Health is open and holds no data (GRPC-04)."""
    answer = health_pb2_grpc.HealthStub(introspect.channel).Check(
        health_pb2.HealthCheckRequest(service=service), timeout=15
    )
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_request_is_followed_by_its_id(introspect: Introspect, world: World) -> None:
    """The id that a caller sends is in the answer and in the log line of the request."""
    headers = FORM | {"authorization": basic(world.api), "x-request-id": "followed-over-http"}
    response = introspect.http.post("/oauth2/introspect", content="token=x", headers=headers)
    assert response.headers["x-request-id"] == "followed-over-http"
    introspect.stub.Introspect(
        introspection_pb2.IntrospectRequest(token=b"x"),
        timeout=15,
        metadata=(("authorization", basic(world.api)), ("x-request-id", "followed-over-grpc")),
    )
    logged = [json.loads(line) for line in introspect.process.stdout.splitlines()]
    assert {"http", "rpc"} <= {line["event"] for line in logged if line.get("request_id", "").startswith("followed-")}


def test_logs_hold_no_secrets(introspect: Introspect, world: World) -> None:
    """Neither tokens nor secrets nor Basic credentials are in what the service wrote (GEN-11, GRPC-05)."""
    introspect.both(world.access_token, basic(world.api))
    introspect.both(world.refresh_token, f"Bearer {world.own_token}")
    written = introspect.process.stdout + introspect.process.stderr
    assert '"event": "rpc"' in written
    for secret in (world.access_token, world.refresh_token, world.own_token, world.api.secret, basic(world.api)[6:]):
        assert secret not in written
