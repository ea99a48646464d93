"""The dependency for FastAPI, in a real app."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import current_thread, main_thread
from typing import Annotated

import httpx
import pytest
import uvicorn
from fastapi import Depends, FastAPI

from tallystick.resource import (
    Access,
    AsyncFakeIntrospection,
    Denial,
    FakeIntrospection,
    IntrospectionUnavailable,
    NotAllowedToIntrospect,
)
from tallystick.resource.fastapi import require_access

PHOTOS = "https://photos.example"
CHALLENGE = f'Bearer realm="{PHOTOS}"'
ALBUM = "GET /albums/7"


class Recording(FakeIntrospection):
    """Remembers what it was asked, and in which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.services: list[str] = []
        self.in_main_thread: list[bool] = []

    def check_access(self, token: str, resource: str, service: str, **options: object) -> Access:
        del options
        self.services.append(service)
        self.in_main_thread.append(current_thread() is main_thread())
        return super().check_access(token, resource, service)


Fake = Recording | AsyncFakeIntrospection


def app_of(fake: Fake) -> FastAPI:
    """Return an API that guards everything."""
    access = require_access(fake, resource=PHOTOS)
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST", "HEAD"])
    def show(verdict: Annotated[Access, Depends(access)]) -> dict[str, str]:
        return {"owner": verdict.token.username}

    return app


@pytest.fixture(params=[Recording, AsyncFakeIntrospection])
def fake(request: pytest.FixtureRequest) -> Fake:
    """Each kind of client, with the tokens of bob and of alice, who is in no group."""
    made: Fake = request.param()
    made.add("good", audience=PHOTOS, username="bob", services=[ALBUM], denials={"GET /": Denial.SERVICE_UNKNOWN})
    made.add("elsewhere", audience="https://printer.example", username="bob", services=[ALBUM])
    made.add("alices", audience=PHOTOS, username="alice", denials={ALBUM: Denial.OWNER_NOT_AUTHORIZED})
    return made


@pytest.fixture
async def http(fake: Fake) -> AsyncIterator[httpx.AsyncClient]:
    """Who asks the API."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app_of(fake)), base_url="http://api") as client:
        yield client


def bearer(token: str) -> tuple[str, str]:
    """Return the header that shows a token."""
    return "authorization", f"Bearer {token}"


async def test_a_good_token_passes(http: httpx.AsyncClient) -> None:
    """The handler runs and can know who is behind the request (RS-01)."""
    answer = await http.get("/albums/7", headers=[("authorization", "bEaReR good")])
    assert (answer.status_code, answer.json()) == (200, {"owner": "bob"})


@pytest.mark.parametrize(
    ("headers", "status", "challenge"),
    [
        pytest.param([], 401, CHALLENGE, id="nothing"),
        pytest.param([("authorization", "Basic Ym9iOmJvYg==")], 401, CHALLENGE, id="another scheme"),
        pytest.param([("authorization", "Bearer")], 400, f'{CHALLENGE}, error="invalid_request"', id="no token"),
        pytest.param([bearer("good")] * 2, 400, f'{CHALLENGE}, error="invalid_request"', id="two headers"),
        pytest.param(
            [bearer("good, Bearer good")], 400, f'{CHALLENGE}, error="invalid_request"', id="two headers joined"
        ),
        pytest.param(
            [bearer("good"), ("Authorization", "")], 400, f'{CHALLENGE}, error="invalid_request"', id="an empty one"
        ),
        pytest.param([bearer("bad")], 401, f'{CHALLENGE}, error="invalid_token"', id="not live"),
        pytest.param([bearer("elsewhere")], 401, f'{CHALLENGE}, error="invalid_token"', id="another audience"),
        pytest.param([bearer("alices")], 403, CHALLENGE, id="owner not authorised"),
    ],
)
async def test_refusals(http: httpx.AsyncClient, headers: list[tuple[str, str]], status: int, challenge: str) -> None:
    """No, a bad, a foreign and a repeated token are refused, and an owner who may not (RS-02, RS-03, RS-05)."""
    answer = await http.get("/albums/7", headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (status, challenge)
    assert "good" not in answer.text.replace("not good", "")


async def test_what_is_refused_says_why_to_people(http: httpx.AsyncClient) -> None:
    """Scope and owner are told apart in words as well."""
    owner = await http.get("/albums/7", headers=[bearer("alices")])
    scope = await http.get("/albums/8", headers=[bearer("good")])
    assert "not authorised to use this service; another token would not help" in owner.json()["detail"]
    assert "does not carry a scope" in scope.json()["detail"]
    assert scope.headers["www-authenticate"] == f'{CHALLENGE}, error="insufficient_scope"'


@pytest.mark.parametrize("where", ["query", "form"])
async def test_a_token_is_taken_from_the_header_only(http: httpx.AsyncClient, where: str) -> None:
    """A token in the address or the form is none (RS-04)."""
    given = {"access_token": "good"}
    answer = await (http.get("/albums/7", params=given) if where == "query" else http.post("/albums/7", data=given))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, CHALLENGE)


@pytest.mark.parametrize("error", [IntrospectionUnavailable("gone"), NotAllowedToIntrospect("who are you")])
async def test_who_cannot_know_does_not_guess(
    http: httpx.AsyncClient, fake: Fake, error: IntrospectionUnavailable | NotAllowedToIntrospect
) -> None:
    """When nobody can say, the answer is 503 without a challenge, neither let in nor blamed on the token (GRPC-03)."""
    fake.fails_with = error
    answer = await http.get("/albums/7", headers=[bearer("good")])
    assert (answer.status_code, answer.json()) == (503, {"detail": "the access token cannot be checked now"})
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_the_path_is_asked_about_as_it_came(method: str) -> None:
    """Method and path are put to introspection byte for byte, without the query; nothing passes for another path."""
    paths = [
        "/albums/%37",
        "/albums/7/",
        "//albums/7",
        "/albums//7",
        "/x/../albums/7",
        "/x/%2e%2E/albums/7",
        "/albums%2F7",
        "/albums/7;x",
        "/albums/%C3%BC",
        "/albums/a%40b",
        "/albums/7%00",
    ]
    fake = Recording()
    fake.add("good", audience=PHOTOS, username="bob", services=[ALBUM])
    async with serving(app_of(fake)) as port:
        statuses = [await status_of(port, f"{method} {path}?page=2") for path in paths]
        assert await status_of(port, f"{ALBUM}?page=2") == 200
    assert fake.services == [*(f"{method} {path}" for path in paths), ALBUM]
    assert statuses == [403] * len(paths)


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[int]:
    """Give the port of a real server, which gets bytes as they are sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
        running = asyncio.create_task(server.serve([listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await running


async def status_of(port: int, start: str) -> int:
    """Send a request that begins with these bytes and bob's token, and return the status of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{start} HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer good\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return int(answer.split(b" ", 2)[1])


async def test_a_synchronous_client_does_not_stop_the_loop() -> None:
    """Its question is asked in a thread of its own."""
    fake = Recording()
    fake.add("good", audience=PHOTOS, services=[ALBUM])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app_of(fake)), base_url="http://api") as http:
        assert (await http.get("/albums/7", headers=[bearer("good")])).status_code == 200
    assert fake.in_main_thread == [False]


async def test_a_server_that_keeps_the_path_to_itself(fake: Fake) -> None:
    """Where the path is known only decoded nobody can say what was requested, so nothing is served."""
    app = app_of(fake)

    async def without_raw_path(scope: dict[str, object], receive: object, send: object) -> None:
        await app({**scope, "raw_path": None}, receive, send)  # type: ignore[arg-type]  # as a server would

    async with httpx.AsyncClient(transport=httpx.ASGITransport(without_raw_path), base_url="http://api") as http:  # type: ignore[arg-type]  # as a server would
        answer = await http.get("/albums/7", headers=[bearer("good")])
    assert answer.status_code == 503


def test_nobody_needs_fastapi() -> None:
    """The package itself loads nothing beyond grpcio and protobuf."""
    loads = "import sys, tallystick.resource; print({'fastapi', 'starlette', 'pydantic', 'psycopg'} & set(sys.modules))"
    asked = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, timeout=60, check=True)
    assert asked.stdout.strip() == "set()"
