"""What token's use cases need of the world. Every method raises `Unavailable` when its store cannot be asked."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

from services.token.model import (
    AccessTokenRecord,
    CheckedCode,
    ClientLookup,
    EndReason,
    FamilyState,
    GrantFilter,
    GrantPosition,
    GrantRecord,
    PresentedCode,
    Redemption,
    Rotation,
    Spender,
    SpentCode,
)
from services.token.partition_plan import Partitions


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

    async def redeem(self, redemption: Redemption, token: AccessTokenRecord) -> Spender:
        """Spend a code: insert its grant and the first access token together, unless somebody spent it before.

        Of any number of redemptions exactly one wins, and all are told which. The winner may repeat its redemption,
        after a lost answer, without a second token.
        """

    async def spent_code(self, code_id: str) -> SpentCode | None:
        """Return what a spent code was issued for; None when no grant came of it."""

    async def end(self, grant_id: UUID, reason: EndReason) -> bool:
        """End a grant for good, and log that it must be read again; tell whether it had not ended before.

        When this returns the end is committed, whoever made it. An ended grant keeps its time and reason.
        """


class RefreshFamilies(Protocol):
    """The refresh tokens of grants: one live generation each."""

    async def state(self, grant_id: UUID) -> FamilyState | None:
        """Return a family; None for an unknown grant and for one without refresh token."""

    async def rotate(self, rotation: Rotation, token: AccessTokenRecord) -> bool:
        """Replace the presented generation by its successor and keep a new access token, together; tell whether it did.

        It does only if, at that moment by Postgres's clock, the presented token is the current one, neither idle nor
        absolute lifetime is over, a refresh is left, the grant has not ended, and client, user and consent stand as
        when it was made. Of any number of rotations of one generation exactly one wins.
        """

    async def keep_beside(self, state: FamilyState, token: AccessTokenRecord) -> bool:
        """Keep a new access token if the family is still of this generation and lives; tell whether it was."""


class AccessTokens(Protocol):
    """Access tokens that no grant stands behind."""

    async def keep(self, token: AccessTokenRecord) -> None:
        """Keep a token; it may be repeated after a lost answer."""


class GrantRecords(Protocol):
    """Grants as operators see them."""

    async def get(self, grant_id: UUID) -> GrantRecord | None:
        """Return a grant."""

    async def list(self, wanted: GrantFilter, *, after: GrantPosition | None, limit: int) -> Sequence[GrantRecord]:
        """Return at most `limit` grants that come after a position, newest first."""


class PartitionSession(Protocol):
    """The right to change partitions, which one replica has at a time."""

    async def found(self) -> Partitions:
        """Return which partitions there are."""

    async def create(self, hour: int) -> None:
        """Create the partition of an hour and attach it."""

    async def finish_detaching(self, hour: int) -> None:
        """Finish a detachment that was interrupted."""

    async def detach(self, hour: int) -> None:
        """Detach a partition without stopping those who read or write."""

    async def drop(self, hour: int) -> None:
        """Drop a detached partition with all that is in it."""


class PartitionStore(Protocol):
    """The partitions of `access_tokens`."""

    async def found(self) -> Partitions:
        """Return which partitions there are."""

    def session(self) -> AbstractAsyncContextManager[PartitionSession | None]:
        """Give the right to change partitions while the context lasts; None when another replica has it."""
