"""What token's use cases need of the world. Every method raises `Unavailable` when its store cannot be asked."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.token.model import (
    AccessTokenRecord,
    CheckedCode,
    ClientLookup,
    EndReason,
    FamilyState,
    GrantFilter,
    GrantParties,
    GrantPosition,
    GrantRecord,
    PresentedCode,
    PresentedToken,
    Redemption,
    Rotation,
    Spender,
    SpentCode,
    TimelineEvent,
)
from services.token.partition_plan import PartitionedTable, Partitions
from tallystick.oauth2.opaque_token import AccessToken
from tallystick.runtime.audit_event import AuditEvent


class Clients(Protocol):
    """Clients as authorize registered them."""

    async def find(self, client_id: str) -> ClientLookup:
        """Read a client with everything that a token request needs of it, in one statement."""


class CodeUnknown(Exception):
    """authorize does not know the code: never issued, expired, or forgotten."""


class CodeMismatch(Exception):
    """The code was issued for another client, redirect URI or challenge, or one of those behind it has changed."""


class AuthorizationCodes(Protocol):
    """Codes as authorize issued them."""

    async def check(self, presented: PresentedCode) -> CheckedCode:
        """Compare a code with what it was issued for, and change nothing.

        Every valid presentation gets the same answer, the id of the grant included.
        Raises `CodeUnknown`, `CodeMismatch`, `Unavailable` or `TimedOut`.
        """


class Grants(Protocol):
    """Grants, each made by whoever spends its code first."""

    async def redeem(self, redemption: Redemption, token: AccessTokenRecord, event: AuditEvent) -> Spender:
        """Spend a code: insert its grant, the first access token and the event, unless somebody spent it before.

        Of any number of redemptions exactly one wins, and all are told which. The winner may repeat its redemption,
        after a lost answer, without a second token or event.
        """

    async def spent_code(self, code_id: str) -> SpentCode | None:
        """Return what a spent code was issued for; None when no grant came of it."""

    async def parties(self, grant_id: UUID) -> GrantParties | None:
        """Return whose grant it is; None for an unknown one."""

    async def end(self, grant_id: UUID, reason: EndReason, *events: AuditEvent) -> bool:
        """End a grant for good, and log that it must be read again; tell whether it had not ended before.

        Only then are the events kept, in the same transaction. When this returns the end is committed, whoever made it.
        An ended grant keeps its time and reason.
        """


class RefreshFamilies(Protocol):
    """The refresh tokens of grants: one live generation each."""

    async def state(self, grant_id: UUID) -> FamilyState | None:
        """Return a family; None for an unknown grant and for one without refresh token."""

    async def rotate(self, rotation: Rotation, token: AccessTokenRecord, event: AuditEvent) -> bool:
        """Replace the presented generation, keep a new access token and the event, together; tell whether it did.

        It does only if, at that moment by Postgres's clock, the presented token is the current one, neither idle nor
        absolute lifetime is over, a refresh is left, the grant has not ended, and client, user and consent stand as
        when it was made. Of any number of rotations of one generation exactly one wins.
        """

    async def keep_beside(self, state: FamilyState, token: AccessTokenRecord, event: AuditEvent) -> bool:
        """Keep a new access token and the event if the family is still of this generation and lives; tell whether."""


class AccessTokens(Protocol):
    """Access tokens that no grant stands behind."""

    async def keep(self, token: AccessTokenRecord, event: AuditEvent) -> None:
        """Keep a token and the event; it may be repeated after a lost answer, without a second event."""


class GrantRecords(Protocol):
    """Grants as operators see them."""

    async def get(self, grant_id: UUID) -> GrantRecord | None:
        """Return a grant."""

    async def list(self, wanted: GrantFilter, *, after: GrantPosition | None, limit: int) -> Sequence[GrantRecord]:
        """Return at most `limit` grants that come after a position, newest first."""


class GrantTimelines(Protocol):
    """What happened to grants."""

    async def of(self, grant: GrantRecord, *, limit: int) -> Sequence[TimelineEvent]:
        """Return what happened to a grant, and to whom it rests on since it was made: the newest, oldest first."""


class PartitionSession(Protocol):
    """The right to change the partitions of a table, which one replica has at a time."""

    async def found(self) -> Partitions:
        """Return which partitions there are."""

    async def create(self, period: int) -> None:
        """Create the partition of a period and attach it."""

    async def finish_detaching(self, period: int) -> None:
        """Finish a detachment that was interrupted."""

    async def detach(self, period: int) -> None:
        """Detach a partition without stopping those who read or write."""

    async def drop(self, period: int) -> None:
        """Drop a detached partition with all that is in it."""


class PartitionStore(Protocol):
    """The partitions of a table."""

    @property
    def table(self) -> PartitionedTable:
        """The table."""

    async def found(self) -> Partitions:
        """Return which partitions there are."""

    def session(self) -> AbstractAsyncContextManager[PartitionSession | None]:
        """Give the right to change partitions while the context lasts; None when another replica has it."""


class Finality(Protocol):
    """When what has ended has ended everywhere."""

    async def until_final(self) -> None:
        """Return when no replica answers any more from what it knew before this call; raise `Unavailable`.

        Whoever is about to report something dead calls this first, whether or not it was alive until now.
        """


class PresentedTokens(Protocol):
    """Access tokens that somebody wants to be over."""

    async def find(self, token: AccessToken) -> PresentedToken | None:
        """Return what is kept of an access token; None when there is none."""

    async def revoke(self, token: AccessToken, event: AuditEvent) -> bool:
        """Revoke a token that no grant stands behind, and log that it must be read again; tell whether it was live.

        Only then is the event kept, in the same transaction. When this returns the end is committed, whoever made it.
        """


class RetentionStore(Protocol):
    """What is kept for a while only. Each method does one bounded batch, or nothing while another replica is at it."""

    async def end_dead(self, after: UUID | None) -> UUID | None:
        """Look at the grants whose ids come after this one, or at the first, and end those that are dead.

        Return the id of the last one that was looked at, after which the next batch begins: `after` itself while
        another replica is at it, and None when there was none left.
        """

    async def delete_ended(self) -> int:
        """Delete grants that ended long ago, the oldest first; return how many."""

    async def forget_invalidations(self) -> int:
        """Delete old rows from the beginning of the log, never the newest; return how many."""

    async def oldest(self) -> Mapping[str, datetime]:
        """Return since when the oldest of what will be deleted is there: `ended_grants` and `invalidations`, if any."""
