"""What authorize needs from its stores. Each method raises `Unavailable` when the store has no answer.

What Redis keeps is given a lifetime in seconds and found no longer after it. Interactions and sessions are found by the
digest of the secret that names them; the secret itself is never stored.
"""

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from services.authorize.model import (
    Approval,
    AttemptCounter,
    Client,
    ClientAccess,
    ExhaustedCounter,
    IssuedCode,
    Session,
    Standing,
    User,
)
from services.authorize.request import AuthorizationRequest, Interaction
from tallystick.runtime.audit_event import AuditEvent


class ClientDirectory(Protocol):
    """Finds registered clients."""

    async def find(self, client_id: str) -> Client | None:
        """Return a client, enabled or not; None when there is none."""


class ResourceDirectory(Protocol):
    """Finds registered resources."""

    async def known(self, identifiers: Collection[str]) -> frozenset[str]:
        """Return those identifiers that are registered."""


class UserDirectory(Protocol):
    """Finds resource owners."""

    async def find_by_username(self, username: str) -> User | None:
        """Return the user of this name, enabled or not; None when there is none."""


class Passwords(Protocol):
    """Hashes and checks passwords. Raises `Unavailable` when too many are waiting already."""

    async def hash(self, password: str) -> str:
        """Return the hash of a password, with a salt of its own."""

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Tell whether a password has this hash; None, for a user who is not known, takes as long and is False."""


class InteractionStore(Protocol):
    """Keeps requests that wait for a person's answer."""

    async def put(self, digest: bytes, interaction: Interaction, *, seconds: int) -> None:
        """Keep an interaction."""

    async def find(self, digest: bytes) -> Interaction | None:
        """Return an interaction and change nothing; None when there is none, it has expired or was consumed."""

    async def consume(self, digest: bytes) -> bool:
        """End an interaction, atomically: of all who try, one is told True and the others False."""


class SessionStore(Protocol):
    """Keeps login sessions."""

    async def put(self, digest: bytes, session: Session, *, seconds: int) -> None:
        """Keep a session."""

    async def find(self, digest: bytes) -> Session | None:
        """Return a session; None when there is none or it has expired."""

    async def renew(self, digest: bytes, session: Session, *, seconds: int) -> None:
        """Keep a session for longer, unless it is there no more."""

    async def end(self, digest: bytes) -> None:
        """End a session, if there is one."""


class EndedSessions(Protocol):
    """Says no to sessions that have ended, whatever the session store says."""

    async def end(self, digest: bytes, event: AuditEvent | None, *, seconds: int) -> None:
        """Say no to a session for so many seconds, and keep the event with it, unless it had ended before."""

    async def user_unless_ended(self, user_id: UUID, *, session: bytes) -> User | None:
        """Return a user, enabled or not, by one statement; None when there is none or the session has ended."""


class AttemptCounts(Protocol):
    """Counts attempts, each counter for a while from its first one on."""

    async def add(self, counters: Sequence[AttemptCounter], *, seconds: int) -> ExhaustedCounter | None:
        """Count an attempt by all counters; by none when one has reached its limit, and return the one to wait for."""

    async def take_back(self, counters: Sequence[AttemptCounter]) -> None:
        """Count one attempt less."""


class KnownPlaces(Protocol):
    """Remembers, under a digest, the epoch of the user who signed in somewhere."""

    async def remember(self, digest: bytes, epoch: int, *, seconds: int) -> None:
        """Remember an epoch, instead of an earlier one."""

    async def epoch(self, digest: bytes) -> int | None:
        """Return what is remembered; None when nothing is."""


class ChallengeUses(Protocol):
    """Counts how often a code challenge was used. Raises `Unavailable` when it cannot."""

    async def count(self, digest: bytes, *, seconds: int) -> int:
        """Count one more use of what the digest stands for; return how many there were within so many seconds."""


class CodeStore(Protocol):
    """Keeps what codes stand for. Nothing here spends a code: that is one insert in token's table of grants."""

    async def put(self, code: IssuedCode, *, seconds: int) -> None:
        """Keep a code."""

    async def find(self, code_id: str) -> IssuedCode | None:
        """Return what a code stands for, the same to everyone who asks; None when there is none or it has expired."""


class Finality(Protocol):
    """When what has ended has ended everywhere."""

    async def until_final(self) -> None:
        """Return when no replica answers any more from what it knew before this call; raise `Unavailable`."""


class AccountStore(Protocol):
    """Keeps who has access to a user's account."""

    async def clients(self, user_id: UUID) -> Sequence[ClientAccess]:
        """Return the clients that have access, by name."""

    async def withdraw(self, user_id: UUID, client_id: str) -> None:
        """Withdraw a client's access, if it has any: in one transaction, after whose end nothing of it is live."""

    async def withdrawn(self, user_id: UUID, client_id: str) -> str | None:
        """Return the name of a client whose access has been withdrawn; None for any other."""


class ConsentStore(Protocol):
    """Keeps what users allowed clients."""

    async def record(self, user: User, request: AuthorizationRequest, scopes: Collection[str]) -> Approval | None:
        """Record, in one statement, what a user allows a client, and return it with the epochs of all three.

        What the client may no longer ask for is left out. None, with nothing recorded, when nothing is left, or when
        the user or the client has meanwhile been disabled, deleted or revoked. The epoch of an earlier consent is kept,
        and so is what it allowed beyond this request at the same redirect URI, unless a scope means something else
        today, or all access has ended since, by a new password for example.
        """

    async def remembered(self, user: User, request: AuthorizationRequest) -> Approval | None:
        """Return an approval of all that is asked for, if all of it was allowed before and everything still holds.

        One statement decides: user and client stand and have the epochs at which the consent was given, the redirect
        URI is registered as it was sent and the one that the consent was given for, each scope is what it was then,
        and the client may keep its access while the user is away only if that was allowed. None otherwise.
        """

    async def standing(self, user_id: UUID, client_id: str) -> Standing | None:
        """Return what a code rests on, read by one statement; None when user, client or consent is not there."""
