"""Groups, their services, and what a scope really covers, before they reach a store."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from services.authorize.registry.groups import MOST_MEMBERS, Groups
from services.authorize.registry.model import Cover, CoveredService, Group, Scope
from services.authorize.registry.resources import MOST_GROUPS, canonical_groups
from services.authorize.registry.scopes import Scopes
from tallystick.runtime.failures import Invalid

PHOTOS, PRINTS = "https://photos.example", "https://prints.example"
GET, FOLDER, ALBUM = "POST /photos.v1.Albums/Get", "/photos.v1.Albums/*", "GET /albums/{id}"


class ScopesInMemory:
    """A `ScopeStore` beside resources that offer some services, all for one group."""

    def __init__(self, *offered: tuple[str, str]) -> None:
        self._scopes: dict[str, Scope] = {}
        self._offered = offered

    async def services_of(self, resources: Sequence[str]) -> Sequence[CoveredService]:
        """Return every service of the resources."""
        return [CoveredService(each, service, ("family",)) for each, service in self._offered if each in resources]

    async def add(self, scope: Scope) -> Scope:
        """Add a scope."""
        return self._scopes.setdefault(scope.name, scope)

    async def get(self, name: str) -> Scope | None:
        """Return a scope."""
        return self._scopes.get(name)

    async def after(self, name: str, limit: int) -> Sequence[Scope]:
        """Return scopes with greater names."""
        return [self._scopes[each] for each in sorted(self._scopes) if each > name][:limit]

    async def update(self, name: str, change: Callable[[Scope], Scope]) -> Scope | None:
        """Put the changed scope in the place of the present one."""
        if name in self._scopes:
            self._scopes[name] = change(self._scopes[name])
        return self._scopes.get(name)

    async def delete(self, name: str) -> bool:
        """Remove a scope."""
        return self._scopes.pop(name, None) is not None


class GroupsInMemory:
    """A `GroupStore` to whom every member is known."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}

    async def add(self, group: Group) -> Group:
        """Add a group."""
        return self.groups.setdefault(group.name, group)

    async def get(self, name: str) -> Group | None:
        """Return a group."""
        return self.groups.get(name)

    async def after(self, name: str, limit: int) -> Sequence[Group]:
        """Return groups with greater names."""
        return [self.groups[each] for each in sorted(self.groups) if each > name][:limit]

    async def update(
        self, name: str, *, description: str | None, users: tuple[str, ...] | None, clients: tuple[str, ...] | None
    ) -> Group | None:
        """Replace what is given."""
        given = {"description": description, "users": users, "clients": clients}
        if name in self.groups:
            changes: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
            self.groups[name] = replace(self.groups[name], **changes)
        return self.groups.get(name)

    async def delete(self, name: str) -> bool:
        """Remove a group."""
        return self.groups.pop(name, None) is not None


def test_groups_of_services_are_written_in_one_way() -> None:
    """A service without method means POST; groups are sorted, each once; a service without any is left out."""
    given = [("/photos.v1.Albums/Get", ["friends", "family", "friends"]), (ALBUM, [])]
    assert canonical_groups(given, (GET, ALBUM)) == {GET: ("family", "friends")}
    assert canonical_groups(given, None) == {GET: ("family", "friends")}


@pytest.mark.parametrize(
    ("service_groups", "words"),
    [
        ([("", ["family"])], "service_groups: ''"),
        ([("photos", ["family"])], "must read like"),
        ([("GET /albums/../admin", ["family"])], "segments"),
        ([("/elsewhere", ["family"])], "not among"),
        ([("GET /albums/{album}", ["family"])], "not among"),
        ([("GET /photos.v1.Albums/Get", ["family"])], "not among"),
        ([(GET, ["family"]), ("/photos.v1.Albums/Get", [])], "named twice"),
        ([(GET, [""])], "a group is"),
        ([(GET, ["The Family"])], "a group is"),
        ([(GET, ["family\0"])], "a group is"),
        ([(GET, ["f" * 65])], "a group is"),
        ([(GET, [f"g{number}" for number in range(MOST_GROUPS + 1)])], str(MOST_GROUPS)),
    ],
)
def test_groups_that_no_service_has(service_groups: list[tuple[str, list[str]]], words: str) -> None:
    """Only services of the resource have groups, and only such as can be; the message says which is wrong."""
    with pytest.raises(Invalid, match=words):
        canonical_groups(service_groups, (GET, ALBUM, FOLDER))


@pytest.mark.parametrize(
    ("name", "description", "users", "clients", "words"),
    [
        ("", "", (), (), "a group is"),
        ("Family", "", (), (), "a group is"),
        ("fam\u200eily", "", (), (), "a group is"),
        ("f" * 65, "", (), (), "a group is"),
        ("family", "x" * 401, (), (), "description"),
        ("family", "two\nlines", (), (), "description"),
        ("family", "", ("",), (), "username"),
        ("family", "", ("b\u202eob",), (), "username"),
        ("family", "", ("x" * 101,), (), "username"),
        ("family", "", (), ("PhotoPrint",), "clients"),
        ("family", "", (), ("",), "clients"),
        ("family", "", [f"u{number}" for number in range(MOST_MEMBERS)], ("a" * 26,), str(MOST_MEMBERS)),
    ],
)
async def test_groups_that_cannot_be(
    name: str, description: str, users: Sequence[str], clients: Sequence[str], words: str
) -> None:
    """A wrong field is refused before the store hears of it, by creation and change alike."""
    store = GroupsInMemory()
    groups = Groups(store)
    with pytest.raises(Invalid, match=words):
        await groups.create(name, description, users, clients)
    with pytest.raises(Invalid, match=words):
        await groups.update(name, description=description, users=users, clients=clients)
    assert store.groups == {}


async def test_members_are_sorted_and_each_once() -> None:
    """A group is kept in one way of writing, and what is not given stays as it is."""
    groups = Groups(GroupsInMemory())
    made = await groups.create("family", "", ["bob", "alice", "bob"], ["b" * 26, "a" * 26, "b" * 26])
    assert (made.users, made.clients) == (("alice", "bob"), ("a" * 26, "b" * 26))
    assert await groups.update("family", description=None, users=["eve", "eve"], clients=None) == Group(
        "family", "", ("eve",), made.clients
    )


@pytest.mark.parametrize(
    ("cover", "expected"),
    [
        ((PHOTOS, FOLDER), [(PHOTOS, FOLDER), (PHOTOS, GET)]),
        ((PHOTOS, GET), [(PHOTOS, GET)]),
        ((PHOTOS, "POST /photos.v1.Albums/*"), [(PHOTOS, GET)]),
        ((PHOTOS, "GET /photos.v1.Albums/*"), []),
        ((PHOTOS, "GET /albums/{whatever}"), [(PHOTOS, ALBUM)]),
        ((PHOTOS, "GET /albums/7"), []),
        ((PHOTOS, "/*"), [(PHOTOS, FOLDER), (PHOTOS, GET), (PHOTOS, ALBUM)]),
        ((PRINTS, "/*"), [(PRINTS, GET)]),
        (("https://nobody.example", "/*"), []),
    ],
)
async def test_a_scope_covers_what_is_registered(cover: tuple[str, str], expected: list[tuple[str, str]]) -> None:
    """Folders are opened, templates are one whatever they are called, and no resource stands for another."""
    store = ScopesInMemory((PHOTOS, FOLDER), (PHOTOS, GET), (PHOTOS, ALBUM), (PRINTS, GET))
    covered = await Scopes(store).covered(Scope("photos.read", "", (Cover(*cover),), 1))
    assert [(each.resource, each.service) for each in covered] == expected
    assert {each.groups for each in covered} <= {("family",)}


async def test_a_scope_without_covers_covers_nothing() -> None:
    """The built-in scope, say, reaches no service."""
    assert await Scopes(ScopesInMemory((PHOTOS, GET))).covered(Scope("introspect", "", (), 1)) == ()
