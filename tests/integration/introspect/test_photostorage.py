"""The demo API as a process, in front of a real introspection service."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString
from xml.etree import ElementTree as ET

import grpc
import pytest

from examples.photostorage import photos_pb2, photos_pb2_grpc
from tests.integration.introspect.conftest import ROLE
from tests.integration.introspect.rows import ClientRow, Rows
from tests.support.databases import Database
from tests.support.environment import ROOT, program_environment
from tests.support.ports import free_port
from tests.support.service_process import ServiceProcess

PHOTOS = "https://photostorage.example"
# What the API offers, by which scope, and to whom.
INSERT_OFFER: LiteralString = """
WITH service AS (INSERT INTO services (resource, service) VALUES (%(resource)s, %(service)s)),
    scope AS (INSERT INTO scopes (name) VALUES ('albums.read')),
    cover AS (INSERT INTO scope_covers (scope, resource, service) VALUES ('albums.read', %(resource)s, %(service)s)),
    family AS (INSERT INTO groups (name) VALUES ('family'))
INSERT INTO service_groups (resource, service, group_name) VALUES (%(resource)s, %(service)s, 'family')
"""
INSERT_MEMBER: LiteralString = """
INSERT INTO group_members (group_name, user_id, client_id) VALUES ('family', %(user_id)s, %(client_id)s)
"""


class PhotoStorage:
    """The running API."""

    def __init__(self, introspect_target: str, client: ClientRow, folder: Path) -> None:
        self.target = f"127.0.0.1:{free_port()}"
        self._output = folder / "photostorage.out"
        secret_file = folder / "photostorage-secret"
        secret_file.write_text(f"{client.secret}\n")
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "examples.photostorage", f"--listen={self.target}"),
                    *(f"--introspect-target={introspect_target}", f"--client-id={client.client_id}"),
                    *(f"--client-secret-file={secret_file}", f"--resource={PHOTOS}"),
                ],
                cwd=ROOT,
                env=program_environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self._output.read_text()

    def album(self, token: str | None) -> photos_pb2.GetAlbumResponse:
        """Ask for the album of whoever the token speaks for; raise `grpc.RpcError`."""
        metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        with grpc.insecure_channel(self.target) as channel:
            albums = photos_pb2_grpc.AlbumsStub(channel)
            return albums.Get(photos_pb2.GetAlbumRequest(), timeout=15, metadata=metadata, wait_for_ready=True)

    def stop(self) -> int:
        """Ask it to end and return how it did."""
        self._process.terminate()
        try:
            return self._process.wait(10)
        finally:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True, slots=True)
class Tokens:
    """Access tokens for the photo API and others."""

    of_bob: str
    of_carol: str
    of_alice: str
    of_the_app: str
    without_the_scope: str
    for_another_api: str
    refresh_token_of_bob: str


@pytest.fixture(scope="module")
def api(rows: Rows) -> ClientRow:
    """The API as the operator has registered it: one service, one scope that covers it, one group that may use it."""
    api = rows.client(serves=[PHOTOS])
    rows.execute(INSERT_OFFER, resource=PHOTOS, service="POST /photos.v1.Albums/Get")
    return api


@pytest.fixture(scope="module")
def tokens(rows: Rows, api: ClientRow) -> Tokens:
    """Bob's and other people's; all but alice are family, the app too."""
    del api
    app = rows.client("albums.read", "albums.write")
    users = {name: rows.user(name) for name in ("bob", "carol", "alice")}
    bob, carol, alice = (rows.grant(app, "albums.read", user=user) for user in users.values())
    rows.execute(INSERT_MEMBER, user_id=users["bob"].user_id, client_id=None)
    rows.execute(INSERT_MEMBER, user_id=users["carol"].user_id, client_id=None)
    rows.execute(INSERT_MEMBER, user_id=None, client_id=app.client_id)
    return Tokens(
        of_bob=rows.access_token(app, "albums.read", audience=PHOTOS, grant=bob).text,
        of_carol=rows.access_token(app, "albums.read", audience=PHOTOS, grant=carol).text,
        of_alice=rows.access_token(app, "albums.read", audience=PHOTOS, grant=alice).text,
        of_the_app=rows.access_token(app, "albums.read", audience=PHOTOS).text,
        without_the_scope=rows.access_token(app, "albums.write", audience=PHOTOS, grant=bob).text,
        for_another_api=rows.access_token(app, "albums.read", audience="https://other.example", grant=bob).text,
        refresh_token_of_bob=str(bob.refresh_token),
    )


@pytest.fixture(scope="module")
def photostorage(
    database: Database, api: ClientRow, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PhotoStorage]:
    """The API over introspect."""
    folder = tmp_path_factory.mktemp("photostorage")
    settings = {
        "ISSUER": "http://127.0.0.1:8080",
        "HTTP_LISTEN": "127.0.0.1:0",
        "GRPC_LISTEN": "127.0.0.1:0",
        "POSTGRES_DSN": database.dsn(ROLE),
        "DRAIN_SECONDS": 0,
    }
    introspect = ServiceProcess("introspect", settings, folder)
    introspect.wait_until_listening()
    running = PhotoStorage(introspect.grpc_target, api, folder)
    yield running
    assert running.stop() == 0
    assert introspect.stop().code == 0


def test_bob_sees_his_photos(photostorage: PhotoStorage, tokens: Tokens) -> None:
    """Bob's token opens bob's album: titled pictures, newest first."""
    album = photostorage.album(tokens.of_bob)
    assert album.owner == "bob"
    assert len(album.photos) >= 5
    assert [photo.taken_on for photo in album.photos] == sorted((p.taken_on for p in album.photos), reverse=True)
    for photo in album.photos:
        assert photo.title
        assert photo.media_type == "image/svg+xml"
        assert ET.fromstring(photo.thumbnail).tag.endswith("svg")  # noqa: S314 - painted by ourselves


@pytest.mark.parametrize(("token", "owner"), [("of_carol", "carol"), ("of_the_app", "")])
def test_nobody_else_sees_them(photostorage: PhotoStorage, tokens: Tokens, token: str, owner: str) -> None:
    """Whose album it is, the token says."""
    album = photostorage.album(getattr(tokens, token))
    assert (album.owner, list(album.photos)) == (owner, [])


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, grpc.StatusCode.UNAUTHENTICATED),
        ("invented", grpc.StatusCode.UNAUTHENTICATED),
        ("for_another_api", grpc.StatusCode.UNAUTHENTICATED),
        ("refresh_token_of_bob", grpc.StatusCode.UNAUTHENTICATED),
        ("without_the_scope", grpc.StatusCode.PERMISSION_DENIED),
        ("of_alice", grpc.StatusCode.PERMISSION_DENIED),
    ],
)
def test_without_a_good_token_there_are_none(
    photostorage: PhotoStorage, tokens: Tokens, token: str | None, code: grpc.StatusCode
) -> None:
    """No, a bad, a foreign and a narrow token, and one of somebody in no group, open nothing (RS-03, RS-05)."""
    with pytest.raises(grpc.RpcError) as caught:
        photostorage.album(token and getattr(tokens, token, token))
    assert caught.value.code() is code


def test_it_says_what_it_does_and_no_secret(photostorage: PhotoStorage, tokens: Tokens) -> None:
    """A reader can follow each question and answer, and no token is told (GEN-11)."""
    photostorage.album(tokens.of_bob)
    for token in (tokens.for_another_api, tokens.without_the_scope, tokens.of_alice):
        with pytest.raises(grpc.RpcError):
            photostorage.album(token)
    get = "POST /photos.v1.Albums/Get"
    assert f"asked introspection: allowed {get}, scope albums.read, sub user:" in photostorage.said
    assert "asked introspection: not active" in photostorage.said
    assert f"asked introspection: active, but its scope does not cover {get}" in photostorage.said
    assert f"its scope covers {get}, but its owner is in no group" in photostorage.said
    assert "hands bob" in photostorage.said
    assert "refused /photos.v1.Albums/Get: the access token is not good here" in photostorage.said
    assert not any(getattr(tokens, name) in photostorage.said for name in tokens.__slots__)


def start_in_vain(*arguments: str) -> tuple[int, str]:
    """Start it where it cannot, and return how it ended and its last line."""
    ended = subprocess.run(
        [sys.executable, "-m", "examples.photostorage", "--client-id=x", *arguments],
        cwd=ROOT,
        env=program_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stderr.splitlines()[-1]


def test_what_is_missing_is_one_line(tmp_path: Path) -> None:
    """A missing secret file is said plainly."""
    code, line = start_in_vain(f"--client-secret-file={tmp_path / 'none'}")
    assert code == 2
    assert "cannot read" in line


def test_a_taken_port_is_one_line(photostorage: PhotoStorage, tokens: Tokens, tmp_path: Path) -> None:
    """A second one on the same port says so and leaves the first alone."""
    secret_file = tmp_path / "secret"
    secret_file.write_text("x")
    photostorage.album(tokens.of_bob)
    code, line = start_in_vain(f"--client-secret-file={secret_file}", f"--listen={photostorage.target}")
    assert code == 1
    assert photostorage.target in line
