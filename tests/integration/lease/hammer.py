"""One run: some ask all the time, some end what is asked about, and replicas suffer meanwhile."""

import random
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import grpc

from tests.integration.lease.board import Board
from tests.integration.lease.cast import Cast
from tests.integration.lease.hammering import CHANNEL_OPTIONS, Asker
from tests.integration.lease.hands import Hands
from tests.integration.lease.history import History
from tests.integration.lease.nemesis import befall, blows
from tests.integration.lease.places import LinkedDatabase, Place, places
from tests.integration.lease.revoking import Revoker, Stock
from tests.integration.lease.ways import Way
from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Database

_THREADS = 96
_GRACE_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Course:
    """How a run goes.

    It lasts until each of the `revokers` has ended so many holdings, or for so many `seconds`. There are holdings
    `of_each` way to end. Replicas suffer if there are `faults`.
    """

    seed: int
    seconds: float
    of_each: int
    revokers: int
    stories: int
    faults: bool
    ways: Collection[Way] = tuple(Way)


@dataclass(frozen=True, slots=True)
class Arena:
    """Three replicas of introspect, two of token and two of authorize, each with a link of its own to Postgres."""

    cluster: Cluster
    places: Mapping[str, list[Place]]
    cast: Cast
    lease_seconds: float

    @classmethod
    @contextmanager
    def over(cls, database: Database, redis_url: str, folder: Path, *, lease_seconds: float) -> "Iterator[Arena]":
        """Start it over a database, with so long a revocation wait."""
        database.set_revocation_wait(round(lease_seconds * 1000))
        settings = {"REFRESH_GRACE_SECONDS": _GRACE_SECONDS}
        with ExitStack() as resources:
            linked = LinkedDatabase(database.server, database.name, resources=resources)
            cluster = resources.enter_context(
                running_cluster(linked, redis_url, folder, authorize=2, token=2, introspect=3, settings=settings)
            )
            yield cls(cluster, places(cluster, linked), Cast(cluster, resources), lease_seconds)

    def run(self, course: Course) -> History:
        """Let a run take its course, and return what happened."""
        history, over = History(), Event()
        with ExitStack() as resources:
            holdings = self.cast.holdings(dict.fromkeys(course.ways, course.of_each))
            board = Board(holdings)
            threads = resources.enter_context(ThreadPoolExecutor(_THREADS))
            hands = [
                Hands(*pair, self.cluster.issuer, self.cluster.admin_credential, resources)
                for pair in zip(self.places["authorize"], self.places["token"], strict=True)
            ]
            stock = Stock(holdings, _chance(course, "stock"))
            revoker = Revoker(stock, board, hands, threads, history, self.lease_seconds)
            ending = [
                threads.submit(revoker.revoke, course.stories, over, _chance(course, f"revoker {number}"))
                for number in range(course.revokers)
            ]
            meanwhile = []
            for place in self.places["introspect"]:
                channel = resources.enter_context(grpc.insecure_channel(place.slow_target, CHANNEL_OPTIONS))
                # Who asks a replica that is stopped waits until it goes on.
                caller = self.cast.resource_server
                asker = resources.enter_context(
                    closing(Asker(place, channel, caller, board, history, patience=3 * self.lease_seconds + 1))
                )
                meanwhile += [
                    threads.submit(asker.keep_asking, ask, over, _chance(course, f"{place.name} {number}"))
                    for number, ask in enumerate(asker.rounds)
                ]
            for place in self._victims() if course.faults else ():
                suffered = blows(_chance(course, place.name), seconds=course.seconds, lease_seconds=self.lease_seconds)
                meanwhile.append(threads.submit(befall, place, suffered, history, over))
            try:
                wait(ending, course.seconds, FIRST_EXCEPTION)
            finally:
                over.set()
            for each in (*ending, *meanwhile):
                each.result()
        return history

    def _victims(self) -> list[Place]:
        """Return who suffers: all but the authorize at which things are restored, so that it is known when they are."""
        return [*self.places["introspect"], *self.places["token"], *self.places["authorize"][1:]]


def _chance(course: Course, whose: str) -> random.Random:
    """Return the chances of one of those who take part; the same for the same seed."""
    return random.Random(f"{course.seed} {whose}")  # noqa: S311 - repeatable
