"""`tallystick group`, and `resource` and `scope` where they show who may use a service."""

import secrets

import pytest

from tests.integration.cli.program import Tallystick
from tests.support.cluster import Cluster

GET, LIST, FOLDER = "POST /photos.v1.Albums/Get", "POST /photos.v1.Albums/List", "/photos.v1.Albums/*"


def unique(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(4)}"


def groups_of(resource: dict[str, list[dict[str, object]]]) -> dict[object, object]:
    return {each["service"]: each["groups"] for each in resource["service_groups"]}


def test_a_group_from_creation_to_deletion(cluster: Cluster, operator: Tallystick) -> None:
    """Every verb of group does what its name says, and only what is named changes."""
    name, bob = unique("family"), cluster.operator.create_user().username
    client_id = cluster.operator.create_client().client_id
    made = operator.json("group", "create", name, "--user", bob, "--client", client_id, "--description", "At home")
    assert made == {"name": name, "description": "At home", "users": [bob], "clients": [client_id]}
    assert operator.json("group", "show", name) == made
    assert made in operator.json("group", "list")["groups"]

    alice = cluster.operator.create_user().username
    assert operator.json("group", "update", name, "--user", alice, "--user", bob) == {
        **made,
        "users": sorted([alice, bob]),
    }
    assert operator.json("group", "update", name, "--user", "", "--description", "") == {
        **made,
        "users": [],
        "description": "",
    }
    assert operator.json("group", "update", name, "--client", "")["clients"] == []

    assert operator.json("group", "delete", name) == {"name": name}
    gone = operator("group", "show", name)
    assert (gone.status, gone.line()) == (1, "tallystick group show: there is no group of this name")


def test_a_resource_says_who_may_use_its_services(operator: Tallystick) -> None:
    """--group says who may use all services of a command, or just those it names, and others keep theirs."""
    family, friends, identifier = unique("family"), unique("friends"), f"https://{unique('api')}.example"
    for name in (family, friends):
        operator.json("group", "create", name)
    made = operator.json(
        *("resource", "create", identifier, "--service", "/photos.v1.Albums/Get", "--service", LIST),
        *("--group", friends, "--group", family),
    )
    both = sorted([family, friends])
    assert groups_of(made) == {GET: both, LIST: both}

    one = operator.json("resource", "update", identifier, "--service", "/photos.v1.Albums/Get", "--group", family)
    assert (groups_of(one), one["services"]) == ({GET: [family], LIST: both}, [GET, LIST])
    added = operator.json("resource", "update", identifier, "--service", FOLDER, "--group", friends)
    assert groups_of(added) == {FOLDER: [friends], GET: [family], LIST: both}
    assert added["services"] == [FOLDER, GET, LIST]
    closed = operator.json("resource", "update", identifier, "--service", LIST, "--group", "")
    assert groups_of(closed) == {FOLDER: [friends], GET: [family]}

    kept = operator.json("resource", "update", identifier, "--service", GET, "--service", LIST)
    assert (groups_of(kept), kept["services"]) == ({GET: [family]}, [GET, LIST])
    everywhere = operator.json("resource", "update", identifier, "--group", friends)
    assert groups_of(everywhere) == {GET: [friends], LIST: [friends]}
    assert operator.json("resource", "update", identifier, "--group", "") == {**kept, "service_groups": []}


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["group", "create", "The Family"], 1, "lower-case"),
        (["group", "create", "x", "--user", "nobody at all"], 1, "there is no user 'nobody at all'"),
        (["group", "create", "x", "--client", "a" * 26], 1, f"{'a' * 26} is not a client"),
        (["group", "create", "x", "--client", "PhotoPrint"], 1, "26 characters"),
        (["group", "update", "nobody.made.this", "--user", ""], 1, "no group"),
        (["group", "update", "family"], 2, "name at least one option"),
        (["group", "delete", "nobody.made.this"], 1, "no group"),
        (["resource", "create", "https://x.example", "--service", GET, "--group", "no"], 1, "no is not a group"),
        (["resource", "create", "https://x.example", "--group", "family"], 2, "--group needs a --service"),
        (["resource", "update", "https://x.example", "--service", "", "--group", "x"], 2, "--group needs a --service"),
        (["resource", "update", "https://nobody.example", "--group", "family"], 1, "no protected resource"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(operator: Tallystick, arguments: list[str], status: int, words: str) -> None:
    """A refusal says in one line what is wrong with a group or its members."""
    ended = operator(*arguments)
    assert ended.status == status
    assert ended.line().startswith(f"tallystick {arguments[0]} {arguments[1]}: ")
    assert words in ended.line()


def test_a_scope_shows_what_it_really_covers(operator: Tallystick) -> None:
    """Folders are opened, and people see each service with the groups that may use it."""
    family, scope, identifier = unique("family"), unique("scope"), f"https://{unique('api')}.example"
    operator.json("group", "create", family)
    operator.json("resource", "create", identifier, "--service", GET, "--group", family)
    operator.json("resource", "update", identifier, "--service", GET, "--service", FOLDER, "--service", "GET /albums")
    made = operator.json("scope", "create", scope, "--cover", f"{identifier}#{FOLDER}")
    assert "covered_services" not in made
    assert operator.json("scope", "show", scope) == {
        **made,
        "covered_services": [
            {"resource": identifier, "service": FOLDER, "groups": []},
            {"resource": identifier, "service": GET, "groups": [family]},
        ],
    }
    lines = operator("scope", "show", scope).out.splitlines()
    assert [line.split() for line in lines[-3:]] == [
        ["resource", "service", "groups"],
        [identifier, FOLDER, "-"],
        [identifier, *GET.split(), family],
    ]
