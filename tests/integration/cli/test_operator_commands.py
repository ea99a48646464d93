"""The commands for operators, as scripts rely on them, against running services."""

import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from tallystick.authorize.v1 import client_pb2
from tallystick.oauth2.opaque_token import CredentialType, is_credential
from tests.integration.cli.program import Tallystick
from tests.support.cluster import Cluster


def unique(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(4)}"


def test_the_commands_of_the_design_register_a_whole_deployment(
    operator: Tallystick, secret_file: Callable[[str], Path]
) -> None:
    """The examples that scripts are written from work as they stand."""
    scope = operator("scope", "create", "photos.read", "--description", "See your photos", "--json").record
    assert scope == {"name": "photos.read", "description": "See your photos", "covers": [], "version": 1}

    user = operator("user", "create", "bob", "--password-file", secret_file("correct horse"), "--json").record
    assert UUID(user["user_id"])
    assert (user["username"], user["enabled"]) == ("bob", True)

    client = operator(
        *("client", "create", "--name", "PhotoPrint", "--version", "1", "--type", "public"),
        *("--grant", "authorization_code", "--grant", "refresh_token"),
        *("--redirect-uri", "http://127.0.0.1:8090/callback", "--scope", "photos.read", "--json"),
    ).record
    assert client["client_id"]
    assert client["type"] == "public"
    assert client["grant_types"] == ["authorization_code", "refresh_token"]
    assert client["refresh_limit"] is None
    assert "client_secret" not in client

    caller = operator(
        *("client", "create", "--name", "PhotoStorage", "--version", "1", "--type", "confidential"),
        *("--grant", "client_credentials", "--scope", "introspect", "--json"),
    ).record
    assert is_credential(CredentialType.CLIENT_SECRET, caller["client_secret"])
    assert caller["token_endpoint_auth_method"] == "client_secret_basic"

    group = operator("group", "create", "family", "--user", "bob", "--client", client["client_id"], "--json").record
    assert group == {"name": "family", "description": "", "users": ["bob"], "clients": [client["client_id"]]}

    resource = operator(
        *("resource", "create", "https://photos.example", "--caller", caller["client_id"]),
        *("--service", "/photos.v1.Albums/Get", "--group", "family", "--json"),
    ).record
    assert resource == {
        "identifier": "https://photos.example",
        "callers": [caller["client_id"]],
        "services": ["POST /photos.v1.Albums/Get"],
        "service_groups": [{"service": "POST /photos.v1.Albums/Get", "groups": ["family"]}],
    }

    covered = operator("scope", "update", "photos.read", "--cover", "https://photos.example#/photos.v1.Albums/Get")
    assert covered.status == 0
    assert "https://photos.example#POST /photos.v1.Albums/Get" in covered.out
    assert operator.json("scope", "show", "photos.read") == {
        **scope,
        "covers": [{"resource": "https://photos.example", "service": "POST /photos.v1.Albums/Get"}],
        "version": 2,
        "covered_services": [
            {"resource": "https://photos.example", "service": "POST /photos.v1.Albums/Get", "groups": ["family"]}
        ],
    }


def test_a_client_from_creation_to_deletion(operator: Tallystick) -> None:
    """Every verb of client does what its name says."""
    name = unique("Client")
    made = operator.json(
        *("client", "create", "--name", name, "--version", "1", "--type", "confidential"),
        *("--redirect-uri", "https://app.example/a", "--redirect-uri", "https://app.example/b"),
    )
    client_id, secret = made["client_id"], made.pop("client_secret")
    assert made["grant_types"] == ["authorization_code"]
    assert operator.json("client", "show", client_id) == made
    assert made in operator.json("client", "list")["clients"]

    changed = operator.json("client", "update", client_id, "--version", "2", "--refresh-limit", "3", "--title", "Hello")
    assert changed == {**made, "version": "2", "refresh_limit": 3, "branding": {**made["branding"], "title": "Hello"}}
    undone = operator.json(
        "client", "update", client_id, "--version", "1", "--refresh-limit", "unlimited", "--title", ""
    )
    assert undone == made

    assert operator.json("client", "disable", client_id) == {**made, "enabled": False}
    assert operator.json("client", "enable", client_id) == made
    assert operator.json("client", "revoke-all", client_id) == {**made, "epoch": 1}

    rotated = operator.json("client", "rotate-secret", client_id, "--overlap", "60")
    assert set(rotated) == {"client_id", "client_secret", "previous_expire_at"}
    assert rotated["client_secret"] != secret

    assert operator.json("client", "delete", client_id) == {"client_id": client_id}
    gone = operator("client", "show", client_id)
    assert gone.status == 1
    assert gone.line() == "tallystick client show: no client is registered under this client_id"


def test_people_get_the_secret_with_a_word_of_warning(operator: Tallystick) -> None:
    """Without --json the secret stands in the record, and standard error says that it is shown this once."""
    ended = operator(
        *("client", "create", "--name", unique("Client"), "--version", "1", "--type", "confidential"),
        *("--redirect-uri", "https://app.example/cb"),
    )
    record = dict(line.split(maxsplit=1) for line in ended.out.splitlines())
    assert is_credential(CredentialType.CLIENT_SECRET, record["client_secret"])
    assert len(record["client_id"]) == 26
    assert ended.err == "Keep the client_secret now: it is not shown again.\n"
    shown = operator("client", "show", record["client_id"])
    assert "client_secret_basic" in shown.out
    assert "tss_" not in shown.out


def test_a_list_is_a_table_that_cuts_nothing_off(operator: Tallystick) -> None:
    """A table for people holds whole identifiers when its output goes to another program."""
    name = unique("A name of about a hundred characters that no table should ever dare to make any shorter")
    made = operator.json(
        *("client", "create", "--name", name, "--version", "1", "--type", "public"),
        *("--redirect-uri", "https://app.example/cb"),
    )
    lines = operator("client", "list").out.splitlines()
    assert lines[0].split() == ["client_id", "name", "version", "type", "enabled", "scopes"]
    assert any(line.startswith(made["client_id"]) and name in line for line in lines)


def test_a_user_from_creation_to_deletion(operator: Tallystick, secret_file: Callable[[str], Path]) -> None:
    """Every verb of user does what its name says, with passwords from a file or standard input."""
    name = unique("bob")
    made = operator.json("user", "create", name, "--password-file", "-", stdin="correct horse\n")
    assert operator.json("user", "show", name) == made
    assert made in operator.json("user", "list")["users"]
    assert operator.json("user", "disable", name) == {**made, "enabled": False}
    assert operator.json("user", "enable", name) == made
    assert operator.json("user", "update", name, "--password-file", secret_file("another one")) == {**made, "epoch": 1}
    assert operator.json("user", "delete", name) == {"username": name}
    assert operator("user", "show", name).line() == "tallystick user show: there is no user of this name"


def test_scopes_and_resources_from_creation_to_deletion(operator: Tallystick) -> None:
    """Every verb of scope and resource does what its name says, and covers keep a resource alive."""
    name, identifier = unique("scope"), f"https://{unique('api')}.example"
    resource = operator.json("resource", "create", identifier, "--service", "GET /albums/{id}", "--service", "/admin/*")
    assert resource["services"] == ["/admin/*", "GET /albums/{id}"]
    assert resource in operator.json("resource", "list")["resources"]
    scope = operator.json("scope", "create", name, "--cover", f"{identifier}#GET /albums/{{id}}")
    assert scope in operator.json("scope", "list")["scopes"]

    refused = operator("resource", "delete", identifier)
    assert refused.status == 1
    assert name in refused.line()
    assert operator("resource", "update", identifier, "--service", "/admin/*").status == 1

    assert operator.json("scope", "update", name, "--description", "Words")["covers"] == scope["covers"]
    assert operator.json("scope", "update", name, "--cover", "")["covers"] == []
    assert operator.json("resource", "update", identifier, "--service", "") == {**resource, "services": []}
    assert operator.json("scope", "delete", name) == {"name": name}
    assert operator.json("resource", "delete", identifier) == {"identifier": identifier}


def test_grants_are_listed_by_client_and_user(operator: Tallystick, secret_file: Callable[[str], Path]) -> None:
    """Without a grant lists are empty, a user may be named or numbered, and an unknown grant is refused."""
    name = unique("bob")
    user = operator.json("user", "create", name, "--password-file", secret_file("correct horse"))
    for arguments in ([], ["--user", name], ["--user", user["user_id"]], ["--client", "a" * 26], ["--ended"]):
        assert isinstance(operator.json("grant", "list", *arguments)["grants"], list)
    assert operator("grant", "list", "--user", "nobody at all").line().endswith("there is no user of this name")
    unknown = "00000000-0000-4000-8000-000000000000"
    for verb in ("show", "revoke"):
        assert operator("grant", verb, unknown).status == 1
        assert operator("grant", verb, "nonsense").status == 1


def test_operators_from_creation_to_deletion(operator: Tallystick, tmp_path: Path) -> None:
    """A viewer's credential reads and changes nothing, and works no more once the viewer is deleted."""
    name = unique("viewer")
    made = operator.json("operator", "create", name, "--role", "viewer", "--lifetime", "3600")
    file = tmp_path / "viewer"
    file.touch(mode=0o600)
    file.write_text(made.pop("credential"))
    assert made["role"] == "viewer"
    assert made["expires_at"] is not None
    assert operator.json("operator", "show", name) == made
    assert made in operator.json("operator", "list")["operators"]

    as_viewer = operator.given(ADMIN_TOKEN_FILE=None)
    assert as_viewer("scope", "list", "--admin-token-file", file).status == 0
    denied = as_viewer("scope", "create", unique("scope"), "--admin-token-file", file)
    assert denied.status == 1
    assert "viewer may not call CreateScope" in denied.line()

    assert operator.json("operator", "delete", name) == {"name": name}
    assert operator.json("operator", "show", name)["revoked_at"] is not None
    unknown = as_viewer("scope", "list", "--admin-token-file", file)
    assert unknown.status == 1
    assert "does not know this operator" in unknown.line()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["client", "show", "PhotoPrint"], "26 characters"),
        (["client", "create", "--name", "x", "--version", "1", "--type", "public"], "redirect_uris"),
        (
            [
                "client",
                "create",
                "--name",
                "x",
                "--version",
                "1",
                "--type",
                "public",
                "--redirect-uri",
                "http://x.example/",
            ],
            "must use https",
        ),
        (["scope", "create", "Not A Scope"], "lower-case"),
        (["scope", "delete", "introspect"], "built in"),
        (["scope", "show", "nobody.made.this"], "no scope"),
        (["scope", "create", "x", "--cover", "https://nobody.example#/a/b"], "https://nobody.example"),
        (["resource", "create", "photos"], "absolute URI"),
        (["resource", "create", "https://x.example", "--service", "GET /a/../b"], ".."),
        (["resource", "create", "https://x.example", "--caller", "a" * 26], "not a client"),
        (["operator", "create", "Big Boss", "--role", "admin"], "lower-case"),
    ],
)
def test_what_the_server_refuses_is_one_line(operator: Tallystick, arguments: list[str], words: str) -> None:
    """A refusal has exit status 1 and one line that begins with the command and says what to do."""
    ended = operator(*arguments)
    assert ended.status == 1
    assert ended.line().startswith(f"tallystick {arguments[0]} {arguments[1]}: ")
    assert words in ended.line()


def test_hostile_text_does_not_reach_the_terminal(cluster: Cluster, operator: Tallystick) -> None:
    """Text that got into the database by other ways is escaped wherever it is shown."""
    client_id = cluster.operator.create_client().client_id
    with cluster.database.connect() as connection:
        connection.execute(
            "UPDATE clients SET description = %s WHERE client_id = %s", ("\x1b]0;owned\x07\u202e\x7f", client_id)
        )
    for arguments in (["client", "show", client_id], ["client", "show", client_id, "--json"], ["client", "list"]):
        ended = operator(*arguments)
        assert ended.status == 0
        assert ended.out.replace("\n", "").isprintable()
    assert "\\x1b]0;owned\\x07\\u202e\\x7f" in operator("client", "show", client_id).out
    assert operator.json("client", "show", client_id)["description"] == "\x1b]0;owned\x07\u202e\x7f"


def test_long_lists_come_whole(cluster: Cluster, operator: Tallystick) -> None:
    """A list of more than one page is one list."""
    with cluster.database.connect() as connection:
        connection.execute(
            "INSERT INTO scopes (name) SELECT 'bulk.' || number FROM generate_series(1, 450) AS numbers (number)"
        )
    names = [scope["name"] for scope in operator.json("scope", "list")["scopes"]]
    assert len([name for name in names if name.startswith("bulk.")]) == 450
    assert len(names) == len(set(names))
    with cluster.database.connect() as connection:
        connection.execute("DELETE FROM scopes WHERE name LIKE 'bulk.%'")


def test_a_large_logo_is_stored_and_taken_away(operator: Tallystick, tmp_path: Path) -> None:
    """A logo of the largest size goes through, and one byte more is refused."""
    logo = tmp_path / "logo.png"
    logo.write_bytes((b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(64 * 1024))[: 64 * 1024])
    made = operator.json(
        *("client", "create", "--name", unique("Client"), "--version", "1", "--type", "public"),
        *("--redirect-uri", "https://app.example/cb", "--logo-file", logo),
    )
    assert len(made["branding"]["logo"]) > 80_000
    assert "65536 bytes" in operator("client", "show", made["client_id"]).out
    logo.write_bytes(logo.read_bytes() + b"x")
    assert "65536" in operator("client", "update", made["client_id"], "--logo-file", logo).line()
    logo.write_bytes(bytes(500_000))
    assert "send less" in operator("client", "update", made["client_id"], "--logo-file", logo).line()
    assert operator.json("client", "update", made["client_id"], "--logo-file", "")["branding"]["logo"] == ""


def test_a_credential_is_found_where_up_leaves_it(cluster: Cluster, operator: Tallystick, bare: Tallystick) -> None:
    """Without settings, .tallystick in the working directory says where the services are and who asks."""
    folder = bare.folder / ".tallystick"
    folder.mkdir()
    token = folder / "admin-token"
    token.touch(mode=0o600)
    token.write_text(cluster.admin_credential)
    (folder / "environment").write_text(
        f"TALLYSTICK_AUTHORIZE_TARGET={cluster.authorize.grpc_target}\nTALLYSTICK_TOKEN_TARGET=\n"
    )
    assert bare.json("scope", "list") == operator.json("scope", "list")
    # A file that lies around sends the credential nowhere else.
    (folder / "environment").write_text("TALLYSTICK_AUTHORIZE_TARGET=evil.example:443\n")
    assert "evil.example" not in bare("scope", "list").err
    token.chmod(stat.S_IRUSR | stat.S_IROTH)
    assert "chmod 600" in bare("scope", "list").line()


def test_a_service_that_is_not_there_is_said_to_be_unreachable(operator: Tallystick) -> None:
    """Where nobody listens, the line says which service was looked for, where, and what to do."""
    ended = operator.given(AUTHORIZE_TARGET="127.0.0.1:1")("client", "list")
    assert ended.status == 1
    assert ended.line() == (
        "tallystick client list: authorize cannot be reached at 127.0.0.1:1: start it (`tallystick up`), or set "
        "TALLYSTICK_AUTHORIZE_TARGET to where it serves gRPC"
    )


def test_another_program_is_not_taken_for_the_service(operator: Tallystick, cluster: Cluster) -> None:
    """Where token is asked for authorize, the line says that somebody else serves there."""
    ended = operator.given(AUTHORIZE_TARGET=cluster.token.grpc_target)("client", "list")
    assert ended.status == 1
    assert "UNIMPLEMENTED" in ended.line()
    assert "TALLYSTICK_AUTHORIZE_TARGET" in ended.line()


def test_a_credential_leaves_this_machine_by_tls_only(operator: Tallystick, cluster: Cluster) -> None:
    """A target that is not loopback is asked over TLS, whatever proxy the environment names."""
    ended = operator.given(AUTHORIZE_TARGET="authorize.invalid:9080")("client", "list")
    assert ended.status == 1
    assert "cannot be reached over TLS at authorize.invalid:9080" in ended.line()
    assert cluster.operator.call(cluster.operator.clients.ListClients, client_pb2.ListClientsRequest())
