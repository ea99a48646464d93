"""Questions as messages, and how many of them go into one call."""

from collections.abc import Iterable, Iterator

import grpc

from tallystick.introspect.v1 import introspection_pb2
from tallystick.resource.answer_cache import AnswerCache, key_of
from tallystick.resource.errors import IntrospectionError, IntrospectionUnavailable, error_of_status
from tallystick.resource.freshness import Freshness, to_message
from tallystick.resource.introspection import INACTIVE, Introspection, from_message

MOST_ITEMS = 1000
"""How many questions introspection takes at once."""
# Introspection takes 256 KiB at once; whoever presents long tokens shall not spoil it for others.
_MOST_OCTETS = 128 << 10
_LONGEST_OCTETS = 4096  # No token of ours comes near it.

_STATUSES = {code.value[0]: code for code in grpc.StatusCode}

Outcome = Introspection | IntrospectionError
"""An answer, or why there is none."""


def octets_of(text: str) -> bytes:
    """Return any text as bytes; different texts as different bytes."""
    return text.encode("utf-8", "surrogatepass")


def about_token(token: bytes, freshness: Freshness) -> introspection_pb2.IntrospectRequest:
    """Ask what is to be known about a token."""
    return introspection_pb2.IntrospectRequest(token=token, freshness=to_message(freshness))


def about_access(
    token: bytes, resource: bytes, service: bytes, freshness: Freshness
) -> introspection_pb2.CheckAccessRequest:
    """Ask whether a token is good for a service."""
    return introspection_pb2.CheckAccessRequest(
        token=token, resource=resource, service=service, freshness=to_message(freshness)
    )


class Batch:
    """Any number of tokens, each asked about once, in as many calls as it takes.

    For each of `parts()` call `answered` or `failed`; then `outcomes()` has what came of it, in the tokens' order.
    """

    def __init__(self, tokens: Iterable[str], cache: AnswerCache[Introspection], freshness: Freshness) -> None:
        self._tokens = [octets_of(token) for token in tokens]
        self._cache = cache
        self._freshness = freshness
        self._outcomes: dict[bytes, Outcome] = {b"": INACTIVE}

    def parts(self) -> Iterator[list[bytes]]:
        """Return the tokens that have to be asked about, in pieces that one call can take."""
        part: list[bytes] = []
        size = 0
        for token in dict.fromkeys(self._tokens):
            if token in self._outcomes:
                continue
            if len(token) > _LONGEST_OCTETS:
                self._outcomes[token] = INACTIVE
                continue
            kept = self._cache.find(key_of(token), self._freshness)
            if kept is not None:
                self._outcomes[token] = kept
                continue
            if part and (len(part) == MOST_ITEMS or size + len(token) > _MOST_OCTETS):
                yield part
                part, size = [], 0
            part.append(token)
            size += len(token)
        if part:
            yield part

    def request(self, part: Iterable[bytes]) -> introspection_pb2.IntrospectBatchRequest:
        """Ask about some of them in one call."""
        return introspection_pb2.IntrospectBatchRequest(items=[about_token(token, self._freshness) for token in part])

    def answered(self, part: list[bytes], message: introspection_pb2.IntrospectBatchResponse, *, sent: float) -> None:
        """Take in what was said of some of them; an answer of another length is none."""
        if len(message.items) != len(part):
            self.failed(part, IntrospectionUnavailable("introspection answered another number of questions"))
            return
        for token, item in zip(part, message.items, strict=True):
            outcome = _outcome(item)
            if isinstance(outcome, Introspection):
                self._cache.keep(key_of(token), outcome, sent=sent, freshness=self._freshness)
            self._outcomes[token] = outcome

    def failed(self, part: Iterable[bytes], error: IntrospectionError) -> None:
        """Take in that nothing was said of some of them."""
        self._outcomes.update(dict.fromkeys(part, error))

    def outcomes(self) -> list[Outcome]:
        """Return what came of each token."""
        return [self._outcomes[token] for token in self._tokens]


def _outcome(item: introspection_pb2.IntrospectItem) -> Outcome:
    match item.WhichOneof("outcome"):
        case "response":
            return from_message(item.response)
        case "error":
            return error_of_status(_STATUSES.get(item.error.code, grpc.StatusCode.UNKNOWN), item.error.message)
    return IntrospectionUnavailable("introspection left a question without an answer")
