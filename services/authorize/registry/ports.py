"""What the use cases need from outside.

Every write is one transaction that also records what must be read again (`invalidations`) and, if anything was changed,
which operator changed what (`audit_events`). Every method raises `Unavailable` when the store cannot be asked. Lists
come in the order of their keys, after a key and up to a limit.
What lasts for a while is counted by the store's clock, by which it is judged later.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.authorize.registry.model import (
    Client,
    ClientSettings,
    CoveredService,
    EventFilter,
    EventPosition,
    Group,
    Operator,
    OperatorRole,
    RecordedEvent,
    Resource,
    Scope,
    User,
)


class ClientStore(Protocol):
    """Keeps clients and the digests of their secrets."""

    async def add(self, client_id: str, settings: ClientSettings, secret_digest: bytes | None) -> Client:
        """Add a client; raise `AlreadyExists` for a taken name and version, `Invalid` for an unknown scope."""

    async def get(self, client_id: str) -> Client | None:
        """Return a client."""

    async def after(self, client_id: str, limit: int) -> Sequence[Client]:
        """Return clients with greater ids, without their logos."""

    async def update(self, client_id: str, change: Callable[[ClientSettings], ClientSettings]) -> Client | None:
        """Put the changed settings in the place of the present ones, so that nobody's change in between is lost.

        `change` is pure and may run several times; what it raises is raised. Otherwise as `add`; None when there is
        no such client.
        """

    async def set_enabled(self, client_id: str, *, enabled: bool) -> Client | None:
        """Let a client act, or refuse it."""

    async def raise_epoch(self, client_id: str) -> Client | None:
        """End all that a client holds."""

    async def replace_secret(self, client_id: str, digest: bytes, *, overlap: timedelta) -> datetime | None:
        """Add a secret and let those before it end after the overlap, sooner if that was said before.

        Returns when the overlap ends, None when the client is gone.
        """

    async def delete(self, client_id: str) -> bool:
        """Remove a client and its secrets; False when there was none."""


class ScopeStore(Protocol):
    """Keeps scopes and what they cover."""

    async def add(self, scope: Scope) -> Scope:
        """Add a scope; raise `AlreadyExists`, or `Refused` for a cover that is not a registered service.

        If there was one of its name, the version is raised beyond all that the name ever had.
        """

    async def get(self, name: str) -> Scope | None:
        """Return a scope."""

    async def after(self, name: str, limit: int) -> Sequence[Scope]:
        """Return scopes with greater names."""

    async def update(self, name: str, change: Callable[[Scope], Scope]) -> Scope | None:
        """Put the changed scope in the place of the present one, as `ClientStore.update` does.

        Raise `Refused` for a cover that is not a registered service.
        """

    async def services_of(self, resources: Sequence[str]) -> Sequence[CoveredService]:
        """Return every registered service of some resources, with the groups that may use it, in order."""

    async def delete(self, name: str) -> bool:
        """Remove a scope from everywhere; False when there was none."""


class ResourceStore(Protocol):
    """Keeps protected resources."""

    async def add(self, resource: Resource) -> Resource:
        """Add a resource; raise `AlreadyExists`, or `Refused` for a caller that is no client or an unknown group."""

    async def get(self, identifier: str) -> Resource | None:
        """Return a resource."""

    async def after(self, identifier: str, limit: int) -> Sequence[Resource]:
        """Return resources with greater identifiers."""

    async def update(
        self,
        identifier: str,
        *,
        callers: tuple[str, ...] | None,
        services: tuple[str, ...] | None,
        service_groups: Mapping[str, tuple[str, ...]] | None,
    ) -> Resource | None:
        """Replace callers, services, the groups of all services, or several of them; None leaves them.

        Services that stay keep their groups. Raise `Invalid` for groups of a service that is not offered, `Refused` for
        a caller that is not a client, an unknown group, and when a scope covers a service that would go.
        """

    async def delete(self, identifier: str) -> bool:
        """Remove a resource; raise `Refused` while a scope covers one of its services. False when there was none."""


class GroupStore(Protocol):
    """Keeps groups and their members."""

    async def add(self, group: Group) -> Group:
        """Add a group; raise `AlreadyExists`, or `Refused` for an unknown member."""

    async def get(self, name: str) -> Group | None:
        """Return a group."""

    async def after(self, name: str, limit: int) -> Sequence[Group]:
        """Return groups with greater names."""

    async def update(
        self,
        name: str,
        *,
        description: str | None,
        users: tuple[str, ...] | None,
        clients: tuple[str, ...] | None,
    ) -> Group | None:
        """Replace description, users, clients, or several of them; None leaves them. Raise `Refused` as `add`."""

    async def delete(self, name: str) -> bool:
        """Remove a group, from services too; False when there was none."""


class UserStore(Protocol):
    """Keeps resource owners."""

    async def add(self, user_id: UUID, username: str, password_hash: str) -> User:
        """Add a user; raise `AlreadyExists` for a taken name."""

    async def get(self, username: str) -> User | None:
        """Return a user."""

    async def after(self, username: str, limit: int) -> Sequence[User]:
        """Return users with greater names."""

    async def set_password(self, username: str, password_hash: str) -> User | None:
        """Replace the password and raise the epoch, which ends sessions and all that was granted."""

    async def set_enabled(self, username: str, *, enabled: bool) -> User | None:
        """Let a user sign in, or refuse that and all that was granted."""

    async def delete(self, username: str) -> bool:
        """Remove a user; False when there was none."""


class OperatorStore(Protocol):
    """Keeps the digests of operators' credentials."""

    async def add(self, name: str, digest: bytes, role: OperatorRole, lifetime: timedelta | None) -> Operator:
        """Add an operator, without end if no lifetime is given; raise `AlreadyExists` for a name that was ever used."""

    async def get(self, name: str) -> Operator | None:
        """Return an operator."""

    async def after(self, name: str, limit: int) -> Sequence[Operator]:
        """Return operators with greater names."""

    async def revoke(self, name: str) -> Operator | None:
        """End a credential unless it is the last working one of an admin; a revoked one stays as it is.

        Two at once cannot end the last two. Returns the operator as it is then, None when there is none.
        """


class EventStore(Protocol):
    """Finds events of the audit."""

    async def find(self, wanted: EventFilter, after: EventPosition | None, limit: int) -> Sequence[RecordedEvent]:
        """Return the newest events of those that are wanted, or those that come after a place."""


class Passwords(Protocol):
    """Makes what is kept of a password."""

    async def hash(self, password: str) -> str:
        """Return an Argon2id hash, made off the event loop; raise `Unavailable` when too many are waiting."""
