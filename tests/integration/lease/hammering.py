"""A resource server that asks one replica all the time, in every way there is."""

import random
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from queue import SimpleQueue
from threading import Event

import grpc
import httpx
from google.protobuf.duration_pb2 import Duration

from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tests.integration.lease.board import Board, Held
from tests.integration.lease.history import Answer, History
from tests.integration.lease.places import Place
from tests.support.flow import credentials_of
from tests.support.operator_client import Client

CHANNEL_OPTIONS = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500))
"""A replica that is there again is asked again at once."""

# What is to be expected of a replica that is stopped, cut off or gone, and says nothing of a token.
_EXPECTED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
_MOST_TOGETHER = 12
_MOST_ON_A_STREAM = 100
_PACE_SECONDS = 0.006
_PAUSE_SECONDS = 0.03

Round = Callable[[random.Random], None]
"""Asks once, with some chances, and notes what was answered; raises what grpc and httpx raise when nothing was."""


class Asker:
    """Asks, notes what it is told, and goes by answers without asking again for as long as it may."""

    def __init__(
        self,
        place: Place,
        channel: grpc.Channel,
        caller: Client,
        board: Board,
        history: History,
        *,
        patience: float,
    ) -> None:
        self._name = place.name
        self._url = f"{place.http_url}/oauth2/introspect"
        self._stub = introspection_pb2_grpc.IntrospectionServiceStub(channel)
        basic = b64encode(f"{caller.client_id}:{caller.client_secret}".encode()).decode()
        self._metadata = (("authorization", f"Basic {basic}"),)
        self._credentials = credentials_of(caller)
        self._http = httpx.Client(timeout=patience, trust_env=False)
        self._board = board
        self._history = history
        self._patience = patience
        self._remembered: dict[str, float] = {}

    @property
    def rounds(self) -> Sequence[Round]:
        """The ways to ask."""
        return (self.ask, self.ask_together, self.ask_on_a_stream, self.check_access, self.ask_over_http)

    def keep_asking(self, ask: Round, over: Event, chance: random.Random) -> None:
        """Ask in one way until the run is over."""
        while not over.wait(chance.uniform(0, _PACE_SECONDS)):
            try:
                ask(chance)
            except (grpc.RpcError, httpx.TransportError) as error:
                self._history.unanswered.append(_reason(error))
                over.wait(_PAUSE_SECONDS)

    def ask(self, chance: random.Random) -> None:
        """Ask one question, or go by what was said earlier while that is allowed."""
        token, now = self._board.pick(chance), time.monotonic()
        if now < self._remembered.get(token.name, 0.0):
            self._note(token, now, now, active=True, leased=True, reused=True)
            return
        request = introspection_pb2.IntrospectRequest(token=token.text.encode(), freshness=_freshness(chance))
        begun = time.monotonic()
        response = self._stub.Introspect(request, timeout=self._patience, metadata=self._metadata)
        self._answered(token, request, response, begun)
        if response.active and not _is_stale(request):
            self._remembered[token.name] = begun + _seconds(response.valid_for)

    def ask_together(self, chance: random.Random) -> None:
        """Ask several questions at a time."""
        tokens = [self._board.pick(chance) for _ in range(chance.randint(1, _MOST_TOGETHER))]
        items = [
            introspection_pb2.IntrospectRequest(token=each.text.encode(), freshness=_freshness(chance))
            for each in tokens
        ]
        batch = introspection_pb2.IntrospectBatchRequest(items=items)
        begun = time.monotonic()
        answer = self._stub.IntrospectBatch(batch, timeout=self._patience, metadata=self._metadata)
        for token, request, item in zip(tokens, items, answer.items, strict=True):
            if item.WhichOneof("outcome") == "response":
                self._answered(token, request, item.response, begun)

    def ask_on_a_stream(self, chance: random.Random) -> None:
        """Ask one question after another on one stream, for as long as a call may take."""
        questions: SimpleQueue[introspection_pb2.IntrospectStreamRequest | None] = SimpleQueue()
        sent = iter(questions.get, None)
        answers = self._stub.IntrospectStream(sent, timeout=self._patience, metadata=self._metadata)
        try:
            for number in range(_MOST_ON_A_STREAM):
                token = self._board.pick(chance)
                request = introspection_pb2.IntrospectRequest(token=token.text.encode(), freshness=_freshness(chance))
                begun = time.monotonic()
                questions.put(introspection_pb2.IntrospectStreamRequest(id=number, request=request))
                answer = next(answers, None)
                if answer is None:
                    return
                if answer.item.WhichOneof("outcome") == "response":
                    self._answered(token, request, answer.item.response, begun)
                time.sleep(chance.uniform(0, _PACE_SECONDS))
        finally:
            questions.put(None)

    def check_access(self, chance: random.Random) -> None:
        """Ask whether a token is good for a service: by what is said of the token, or of its use if that may end."""
        token = self._board.pick(chance)
        request = introspection_pb2.CheckAccessRequest(
            token=token.text.encode(),
            resource=token.resource.identifier.encode(),
            service=token.resource.services[0].encode(),
            freshness=_freshness(chance),
        )
        begun = time.monotonic()
        verdict = self._stub.CheckAccess(request, timeout=self._patience, metadata=self._metadata)
        self._answered(token, request, verdict.token, begun)
        if token.behind_access:
            used = replace(token, name=f"use of {token.name}", behind=token.behind_access)
            said = introspection_pb2.IntrospectResponse(active=verdict.allowed, valid_for=verdict.valid_for)
            self._answered(used, request, said, begun)

    def ask_over_http(self, chance: random.Random) -> None:
        """Ask one question over HTTP, whose answers are for the moment only (RFC 7662)."""
        own, auth = self._credentials
        token = self._board.pick(chance)
        begun = time.monotonic()
        answer = self._http.post(self._url, data={"token": token.text, **own}, auth=auth)
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise httpx.TransportError(answer.reason_phrase)
        if answer.status_code != httpx.codes.OK:
            raise AssertionError(answer.text)
        self._note(token, begun, time.monotonic(), active=answer.json()["active"], leased=False)

    def close(self) -> None:
        """Close what was opened for it."""
        self._http.close()

    def _answered(
        self,
        token: Held,
        request: introspection_pb2.IntrospectRequest | introspection_pb2.CheckAccessRequest,
        response: introspection_pb2.IntrospectResponse,
        begun: float,
    ) -> None:
        leased = _seconds(response.valid_for) > 0
        ended = time.monotonic()
        self._note(token, begun, ended, active=response.active, leased=leased, stale=_is_stale(request))

    def _note(
        self,
        token: Held,
        begun: float,
        ended: float,
        *,
        active: bool,
        leased: bool,
        reused: bool = False,
        stale: bool = False,
    ) -> None:
        self._history.answers.append(
            Answer(token.name, token.behind, self._name, begun, ended, active, leased, reused, stale)
        )


def _freshness(chance: random.Random) -> introspection_pb2.Freshness | None:
    """Return a wish, as few callers have one."""
    match chance.randrange(12):
        case 0:
            return introspection_pb2.Freshness(read_again=True)
        case 1:
            return introspection_pb2.Freshness(accept_staleness=Duration(seconds=5))
    return None


def _is_stale(request: introspection_pb2.IntrospectRequest | introspection_pb2.CheckAccessRequest) -> bool:
    return request.freshness.WhichOneof("wish") == "accept_staleness"


def _seconds(duration: Duration) -> float:
    return duration.ToTimedelta() / timedelta(seconds=1)


def _reason(error: grpc.RpcError | httpx.TransportError) -> str:
    """Return why nothing was answered; raise what may not be the reason."""
    if isinstance(error, httpx.TransportError):
        return type(error).__name__
    code = error.code()
    if code not in _EXPECTED:
        raise error
    name: str = code.name
    return name
