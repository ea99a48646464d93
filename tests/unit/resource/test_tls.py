"""The clients over TLS: whom they believe, and that they follow the file that says so."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event

import grpc
import pytest
from cryptography.x509 import DNSName

from tallystick.introspect.v1 import introspection_pb2_grpc
from tallystick.resource import (
    AsyncIntrospectionClient,
    CertificateError,
    CertificateFiles,
    IntrospectionClient,
    IntrospectionUnavailable,
)
from tests.support.authority import DAY, LOCALHOST, Authority, CertificateFolder, Leaf
from tests.unit.resource.conftest import Asking, Introspection

FOLLOWED_SECONDS = 10.0
AUTHORITY = Authority()


@contextmanager
def listening(leaf: Leaf) -> Iterator[Introspection]:
    """Serve introspection with a certificate."""
    servicer = Introspection()
    servicer.add("good")
    server = grpc.server(ThreadPoolExecutor(4))
    introspection_pb2_grpc.add_IntrospectionServiceServicer_to_server(servicer, server)
    credentials = grpc.ssl_server_credentials([(leaf.key.encode(), leaf.certificate.encode())])
    servicer.target = f"localhost:{server.add_secure_port('127.0.0.1:0', credentials)}"
    server.start()
    yield servicer
    servicer.answers.set()
    server.stop(None).wait()


@pytest.fixture
def folder(tmp_path: Path) -> CertificateFolder:
    """The file of authorities that the client believes."""
    folder = CertificateFolder(tmp_path)
    folder.trust([AUTHORITY])
    return folder


@pytest.fixture
def secured() -> Iterator[Introspection]:
    """Introspection, whose certificate is right."""
    with listening(AUTHORITY.issue(*LOCALHOST)) as servicer:
        yield servicer


@pytest.fixture(params=[IntrospectionClient, AsyncIntrospectionClient])
def kind(request: pytest.FixtureRequest) -> type:
    """Either client."""
    found: type = request.param
    return found


def asking(kind: type, target: str, folder: CertificateFolder) -> Asking:
    own = {"client_id": "api", "client_secret": "secret", "timeout_seconds": FOLLOWED_SECONDS, "reuse": 0}
    return Asking(kind(target, **own, channel_credentials=CertificateFiles(folder.authorities)))


@pytest.fixture
async def ask(kind: type, secured: Introspection, folder: CertificateFolder) -> AsyncIterator[Asking]:
    """A client that believes the authority."""
    made = asking(kind, secured.target, folder)
    yield made
    await made.close()


async def test_a_server_of_the_authority_is_asked(ask: Asking) -> None:
    """By its name."""
    assert (await ask("introspect", "good")).active


@pytest.mark.parametrize(
    "leaf",
    [
        Authority().issue(*LOCALHOST),
        AUTHORITY.issue(DNSName("somewhere.else")),
        AUTHORITY.issue(*LOCALHOST, begins=-DAY, ends=timedelta(seconds=-1)),
    ],
    ids=["another authority", "another name", "expired"],
)
async def test_another_server_learns_nothing(kind: type, folder: CertificateFolder, leaf: Leaf) -> None:
    """Neither the token nor our secret."""
    with listening(leaf) as servicer:
        ask = asking(kind, servicer.target, folder)
        with pytest.raises(IntrospectionUnavailable):
            await ask("introspect", "good")
        await ask.close()
    assert servicer.asked == servicer.authorizations == []


async def test_the_file_is_followed(kind: type, folder: CertificateFolder) -> None:
    """An authority that is added is believed, without a new client, and one that is taken away is not."""
    latter = Authority()
    with listening(latter.issue(*LOCALHOST)) as servicer:
        ask = asking(kind, servicer.target, folder)
        with pytest.raises(IntrospectionUnavailable):
            await ask("introspect", "good")
        folder.trust([AUTHORITY, latter])
        await until(ask, answered=True)
        folder.trust([AUTHORITY])
        await until(ask, answered=False)
        await ask.close()


async def test_a_broken_file_changes_nothing(
    ask: Asking, folder: CertificateFolder, caplog: pytest.LogCaptureFixture
) -> None:
    """The former authorities are believed, and the log says why."""
    with caplog.at_level(logging.ERROR, "tallystick.resource"):
        folder.authorities.write_text("no PEM")
        async with asyncio.timeout(FOLLOWED_SECONDS):
            while not caplog.records:
                assert (await ask("introspect", "good")).active
                await asyncio.sleep(0.05)
    assert "certificates are not renewed" in caplog.text
    assert (await ask("introspect", "good")).active


async def test_a_question_in_progress_is_answered(
    kind: type, ask: Asking, secured: Introspection, folder: CertificateFolder, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends on the channel that it began on, although others go over a new one already."""
    arrived, may_go_on = Event(), Event()

    def hold_back_the_first() -> None:
        if not arrived.is_set():
            arrived.set()
            may_go_on.wait(FOLLOWED_SECONDS)

    secured.on_the_way = hold_back_the_first
    question = ask("introspect", "good")
    if kind is IntrospectionClient:
        # It keeps its thread until it is answered.
        first = asyncio.create_task(asyncio.to_thread(asyncio.run, question))
    else:
        first = asyncio.create_task(question)
    assert await asyncio.to_thread(arrived.wait, FOLLOWED_SECONDS)
    folder.trust([AUTHORITY, Authority()])
    with caplog.at_level(logging.INFO, "tallystick.resource"):
        async with asyncio.timeout(FOLLOWED_SECONDS):
            while "over a new channel" not in caplog.text:
                assert (await ask("introspect", "good")).active
                await asyncio.sleep(0.05)
    assert not first.done()
    may_go_on.set()
    assert (await first).active


def test_files_that_cannot_be_used_are_refused_at_once(kind: type, tmp_path: Path) -> None:
    """There are no former ones."""
    with pytest.raises(CertificateError, match=r"ca\.crt: No such file"):
        kind(
            "introspect.example:443",
            client_id="api",
            client_secret="secret",
            channel_credentials=CertificateFiles(tmp_path / "ca.crt"),
        )


async def until(ask: Asking, *, answered: bool) -> None:
    """Ask until there is an answer, or none."""
    async with asyncio.timeout(FOLLOWED_SECONDS):
        while True:
            try:
                await ask("introspect", "good")
            except IntrospectionUnavailable:
                is_answered = False
            else:
                is_answered = True
            if is_answered is answered:
                return
            await asyncio.sleep(0.05)
