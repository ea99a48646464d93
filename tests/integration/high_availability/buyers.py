"""People who go through the code flow without a pause while a store fails, and how each attempt ended."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from typing import Self

import httpx

from tests.support.cluster import Cluster
from tests.support.flow import Visitor, parameters_of, redeem
from tests.support.operator_client import Client

PATIENCE_SECONDS = 40.0
# A page, the way to the next one, "begin once more", and "come back".
_CALM = {"200", "302", "303", "400", "503", "temporarily_unavailable", "invalid_grant"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One walk from the authorization request to the tokens: when it began and, if it came to its end, the tokens."""

    began: float
    said: frozenset[str]
    tokens: Mapping[str, str] | None = field(repr=False)


class Buyers:
    """So many users at browsers of their own; each begins anew as soon as a walk has ended, well or not."""

    def __init__(self, cluster: Cluster, client: Client, count: int) -> None:
        self._cluster = cluster
        self._client = client
        self._over = Event()
        self._changed = Condition()
        self._attempts: list[list[Attempt]] = [[] for _ in range(count)]
        self._visitors = [Visitor(cluster, cluster.operator.create_user()) for _ in range(count)]
        self._threads = [Thread(target=self._run, args=(number,)) for number in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread, visitor in zip(self._threads, self._visitors, strict=True):
            thread.join()
            visitor.close()

    def wait_until_served(self, *, since: float) -> float:
        """Return once each of them has got tokens by a walk begun since then: how long the last one took, in seconds.

        Raises:
            TimeoutError: when that takes too long.
        """
        with self._changed:
            if not self._changed.wait_for(
                lambda: all(_served(each, since) for each in self._attempts), PATIENCE_SECONDS
            ):
                raise TimeoutError(f"nobody takes over; of late was said {[each[-1:] for each in self._attempts]}")
        return time.monotonic() - since

    def bought(self) -> list[Mapping[str, str]]:
        """Return the tokens that were given."""
        return [attempt.tokens for each in self._attempts for attempt in each if attempt.tokens is not None]

    def surprises(self) -> set[str]:
        """Return what nobody should be told, whatever has failed."""
        return {word for each in self._attempts for attempt in each for word in attempt.said} - _CALM

    def _run(self, number: int) -> None:
        visitor, said = self._visitors[number], set[str]()
        hooks = visitor.browser.event_hooks
        visitor.browser.event_hooks = {"response": [*hooks["response"], lambda response: said.update(_words(response))]}
        while not self._over.is_set():
            said.clear()
            began = time.monotonic()
            tokens = self._walk(visitor, said)
            with self._changed:
                self._attempts[number].append(Attempt(began, frozenset(said), tokens))
                self._changed.notify_all()

    def _walk(self, visitor: Visitor, said: set[str]) -> Mapping[str, str] | None:
        try:
            approval = visitor.approve(self._client)
        except AssertionError:
            # Some page was none of the flow; which is in what was said.
            return None
        except httpx.TransportError as error:
            said.add(type(error).__name__)
            return None
        answer = redeem(self._cluster, approval)
        said.update({str(answer.status_code), *([answer.json()["error"]] if answer.is_error else [])})
        tokens: Mapping[str, str] | None = answer.json() if answer.is_success else None
        return tokens


def _served(attempts: Sequence[Attempt], since: float) -> bool:
    return any(attempt.tokens is not None and attempt.began >= since for attempt in attempts)


def _words(response: httpx.Response) -> set[str]:
    """Return the status of an answer and, if it sends the client an error, which (RFC 6749 §4.1.2.1)."""
    location = response.headers.get("location", "")
    error = parameters_of(location).get("error") if "error=" in location else None
    return {str(response.status_code), *([error] if error else [])}
