"""The use cases of `GroupService`."""

from collections.abc import Iterable

from services.authorize.registry import identifiers
from services.authorize.registry.model import Group, Page
from services.authorize.registry.page import page_request
from services.authorize.registry.ports import GroupStore
from services.authorize.registry.text import SENTENCE_LIMIT, line
from tallystick.runtime.failures import Invalid, NotFound

MOST_MEMBERS = 10_000


class Groups:
    """Keeps groups. Everything raises `Unavailable` when the store cannot be asked."""

    def __init__(self, store: GroupStore) -> None:
        self._store = store

    async def create(self, name: str, description: str, users: Iterable[str], clients: Iterable[str]) -> Group:
        """Add a group; raise `Invalid`, `AlreadyExists`, or `Refused` for an unknown member."""
        group = Group(identifiers.group_name(name), _description(description), _users(users), _clients(clients))
        _count(group.users, group.clients)
        return await self._store.add(group)

    async def get(self, name: str) -> Group:
        """Return a group; raise `NotFound`."""
        return _found(await self._store.get(identifiers.group_name(name)))

    async def page(self, size: int, token: str) -> Page[Group]:
        """Return a page of groups by name; raise `Invalid`."""
        request = page_request("groups", size, token)
        return request.page(await self._store.after(request.after, request.limit), lambda group: group.name)

    async def update(
        self, name: str, *, description: str | None, users: Iterable[str] | None, clients: Iterable[str] | None
    ) -> Group:
        """Replace description, users, clients, or several of them; None leaves them.

        Raise `NotFound`, `Invalid`, or `Refused` for an unknown member.
        """
        identifiers.group_name(name)
        new_users = None if users is None else _users(users)
        new_clients = None if clients is None else _clients(clients)
        _count(new_users or (), new_clients or ())
        return _found(
            await self._store.update(
                name,
                description=None if description is None else _description(description),
                users=new_users,
                clients=new_clients,
            )
        )

    async def delete(self, name: str) -> None:
        """Remove a group, from services too; raise `NotFound`."""
        if not await self._store.delete(identifiers.group_name(name)):
            raise _unknown_group()


def _description(text: str) -> str:
    return line("description", text, limit=SENTENCE_LIMIT)


def _users(usernames: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({identifiers.username(name) for name in usernames}))


def _clients(client_ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({identifiers.client_id(client_id, "clients") for client_id in client_ids}))


def _count(users: tuple[str, ...], clients: tuple[str, ...]) -> None:
    if len(users) + len(clients) > MOST_MEMBERS:
        raise Invalid(f"a group may have at most {MOST_MEMBERS} members")


def _found(group: Group | None) -> Group:
    if group is None:
        raise _unknown_group()
    return group


def _unknown_group() -> NotFound:
    return NotFound("there is no group of this name")
