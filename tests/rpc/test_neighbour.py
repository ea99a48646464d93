"""A neighbour over mutual TLS: verified by its name, and reached without a failed call while certificates change."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from ssl import get_server_certificate
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography.x509 import DNSName

from tallystick.authorize.v1 import authorization_code_pb2 as pb
from tallystick.authorize.v1.authorization_code_pb2_grpc import AuthorizationCodeServiceStub
from tallystick.runtime import callers
from tallystick.runtime.callers import Caller
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.grpc_client import Neighbour, UnaryMethod
from tallystick.runtime.grpc_server import aio_server
from tallystick.runtime.randomness import SystemRandomness
from tallystick.runtime.service_identity import PeerCertificate, ServiceIdentities
from tallystick.runtime.tls import service_files
from tallystick.tls.certificates import CertificateError, Certificates
from tallystick.tls.watched_certificates import WatchedCertificates
from tests.support.authority import Authority, CertificateFolder, uri
from tests.support.tls_door import TlsDoor, opened

ROTATIONS = 3
CALLS_AT_ONCE = 8
SECONDS = 10.0


class ByCertificate:
    """Identifies services by their certificates, and nobody else."""

    async def identify(self, _authorization: str | None, certificate: PeerCertificate | None) -> Caller:
        return ServiceIdentities("tallystick").identify(certificate or PeerCertificate(()))


class TellsCertificate(grpc.GenericRpcHandler):
    """Answers every call with the caller's kind and the certificate that it has shown, when it is let."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrivals: asyncio.Queue[None] = asyncio.Queue()

    def service(self, _details: grpc.HandlerCallDetails) -> Any:
        return grpc.unary_unary_rpc_method_handler(self._answer)

    async def _answer(self, _request: bytes, context: Any) -> bytes:
        self.arrivals.put_nowait(None)
        await self.gate.wait()
        [certificate] = context.auth_context()["x509_pem_cert"]
        return pb.CheckCodeResponse(redirect_uri=callers.current().name, code_digest=certificate).SerializeToString()


class Side:
    """A service with its files, which it looks at whenever it is asked for its certificates."""

    def __init__(self, service: str, folder: Path, authorities: Sequence[Authority]) -> None:
        self.service = service
        self.folder = CertificateFolder(folder / service)
        self.folder.trust(authorities)
        self.kept: list[CertificateError] = []
        self.certificate = ""
        self.renew(authorities[0])
        looks = count()
        self.watched = WatchedCertificates(
            service_files(
                self.folder.authorities,
                self.folder.certificate,
                self.folder.key,
                uri=f"spiffe://tallystick/{service}",
            ),
            renewed=self._renewed,
            kept=self.kept.append,
            clock=lambda: next(looks),
        )

    def renew(self, authority: Authority) -> None:
        """Hold a new certificate."""
        leaf = authority.service(self.service)
        self.folder.hold(leaf)
        self.certificate = leaf.certificate

    def _renewed(self, _certificates: Certificates) -> None:
        """What changes is seen by the other side."""


class World:
    """authorize, and token that asks it."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority("the first")
        self.authorize, self.token = (Side(name, folder, [self.authority]) for name in ("authorize", "token"))
        self.handler = TellsCertificate()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[TlsDoor]:
        """Let authorize listen."""
        server = aio_server(ByCertificate(), SystemRandomness())
        server.add_generic_rpc_handlers((self.handler,))
        async with opened(server, self.authorize.watched) as door:
            yield door


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def check_code(channel: grpc.aio.Channel) -> UnaryMethod[pb.CheckCodeRequest, pb.CheckCodeResponse]:
    return AuthorizationCodeServiceStub(channel).CheckCode


def asking(neighbour: Neighbour) -> Awaitable[pb.CheckCodeResponse]:
    return neighbour.call(check_code, pb.CheckCodeRequest(), seconds=SECONDS)


async def test_a_neighbour_is_shown_our_certificate(world: World) -> None:
    """And knows us by it."""
    async with world.listening() as door, Neighbour(door.mutual_target, certificates=world.token.watched) as neighbour:
        answer = await asking(neighbour)
    assert (answer.redirect_uri, answer.code_digest.decode()) == ("token", world.token.certificate)


async def test_a_neighbour_of_another_name_is_not_asked(world: World) -> None:
    """Whoever holds a certificate of the same authority is not authorize for that."""
    leaf = world.authority.issue(uri("spiffe://tallystick/authorize"), DNSName("somewhere.else"))
    world.authorize.folder.hold(leaf)
    async with world.listening() as door, Neighbour(door.mutual_target, certificates=world.token.watched) as neighbour:
        with pytest.raises(Unavailable):
            await asking(neighbour)
    assert world.handler.arrivals.empty()


async def test_a_neighbour_of_another_authority_is_not_asked(world: World) -> None:
    """Nor is one whose certificate we cannot verify."""
    impostor = Authority("the first")
    world.authorize.folder.trust([impostor, world.authority])
    world.authorize.renew(impostor)
    async with world.listening() as door, Neighbour(door.mutual_target, certificates=world.token.watched) as neighbour:
        with pytest.raises(Unavailable):
            await asking(neighbour)
    assert world.handler.arrivals.empty()


async def test_a_call_in_progress_ends_on_the_former_channel(world: World) -> None:
    """It is answered although the certificate that it was made with has been replaced."""
    former = world.token.certificate
    async with world.listening() as door, Neighbour(door.mutual_target, certificates=world.token.watched) as neighbour:
        world.handler.gate.clear()
        in_progress = asyncio.ensure_future(asking(neighbour))
        await world.handler.arrivals.get()
        world.token.renew(world.authority)
        later = asyncio.ensure_future(asking(neighbour))
        await world.handler.arrivals.get()
        world.handler.gate.set()
        assert (await in_progress).code_digest.decode() == former
        assert (await later).code_digest.decode() == world.token.certificate


async def under_load(neighbour: Neighbour, change: Callable[[], Awaitable[None]]) -> None:
    """Call all the time while something changes; fail when a call does."""
    over = asyncio.Event()

    async def calling() -> None:
        while not over.is_set():
            await asking(neighbour)

    load = [asyncio.create_task(calling()) for _ in range(CALLS_AT_ONCE)]
    await change()
    over.set()
    await asyncio.gather(*load)


async def shown(neighbour: Neighbour, certificate: str) -> None:
    """Return when the neighbour is shown a certificate."""
    async with asyncio.timeout(SECONDS):
        while (await asking(neighbour)).code_digest.decode() != certificate:
            pass


async def served(door: TlsDoor, world: World) -> None:
    """Return when whoever connects anew is shown the neighbour's new certificate, by believing nothing else."""
    async with asyncio.timeout(SECONDS):
        while await asyncio.to_thread(get_server_certificate, ("localhost", door.port)) != world.authorize.certificate:
            pass


async def test_certificates_change_on_both_sides_without_a_failed_call(world: World) -> None:
    """Three times, under load: what is new is used, and nobody notices."""
    async with world.listening() as door, Neighbour(door.mutual_target, certificates=world.token.watched) as neighbour:

        async def change() -> None:
            for _ in range(ROTATIONS):
                for side in (world.authorize, world.token):
                    side.renew(world.authority)
                await shown(neighbour, world.token.certificate)
                await served(door, world)

        await under_load(neighbour, change)


async def test_an_authority_is_replaced_by_overlapping_bundles(world: World) -> None:
    """First both are believed, then certificates change, then the former is believed no longer."""
    former, latter = world.authority, Authority("the next")
    async with world.listening() as door, Neighbour(door.mutual_target, certificates=world.token.watched) as neighbour:

        async def change() -> None:
            for side in (world.authorize, world.token):
                side.folder.trust([former, latter])
            await asking(neighbour)
            for side in (world.token, world.authorize):
                side.renew(latter)
                await shown(neighbour, world.token.certificate)
            for side in (world.authorize, world.token):
                side.folder.trust([latter])
            await served(door, world)

        await under_load(neighbour, change)
        assert (await asking(neighbour)).code_digest.decode() == world.token.certificate
        left_behind = world.token
        left_behind.renew(former)
        assert (await asking(neighbour)).code_digest.decode() != left_behind.certificate


async def test_a_broken_pair_changes_nothing(world: World) -> None:
    """On either side, under load: the former one is used, and what is wrong is told."""
    async with world.listening() as door, Neighbour(door.mutual_target, certificates=world.token.watched) as neighbour:
        former = world.token.certificate

        async def change() -> None:
            for side in (world.authorize, world.token):
                side.folder.key.write_text(world.authority.service(side.service).key)
            while not (world.authorize.kept and world.token.kept):
                await asking(neighbour)
                await asyncio.to_thread(get_server_certificate, ("localhost", door.port))

        await under_load(neighbour, change)
        await shown(neighbour, former)
        await served(door, world)
