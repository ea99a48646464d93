"""`ClientService` over a real server and database."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import client_pb2, scope_pb2
from tallystick.oauth2.opaque_token import CredentialType, digest, is_credential
from tests.rpc.operator_server import INVALID, NOT_FOUND, REFUSED, TAKEN, OperatorServer, refused, unique

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(40)
NOBODY = "a" * 26


async def update(server: OperatorServer, client_id: str, *paths: str, **fields: Any) -> client_pb2.Client:
    request = client_pb2.UpdateClientRequest(
        client=client_pb2.Client(client_id=client_id, **fields), update_mask=FieldMask(paths=paths)
    )
    updated: client_pb2.Client = (await server.call(server.clients.UpdateClient, request)).client
    return updated


async def get(server: OperatorServer, client_id: str) -> client_pb2.Client:
    found: client_pb2.Client = (
        await server.call(server.clients.GetClient, client_pb2.GetClientRequest(client_id=client_id))
    ).client
    return found


async def create_scope(server: OperatorServer) -> str:
    name = unique("scope")
    await server.call(server.scopes.CreateScope, scope_pb2.CreateScopeRequest(scope=scope_pb2.Scope(name=name)))
    return name


async def test_a_public_client_has_no_secret(server: OperatorServer) -> None:
    """A client is recorded as public and gets no secret (NAT-02)."""
    made = await server.create_client(redirect_uris=["http://127.0.0.1:8090/callback", "com.example.app:/cb"])
    assert not made.HasField("client_secret")
    assert made.client.type == client_pb2.CLIENT_TYPE_PUBLIC
    assert made.client.application_type == client_pb2.APPLICATION_TYPE_NATIVE
    assert made.client.token_endpoint_auth_method == client_pb2.TOKEN_ENDPOINT_AUTH_METHOD_NONE
    assert made.client.grant_types == ["authorization_code"]
    assert made.client.enabled


async def test_a_confidential_client_gets_its_secret_once(server: OperatorServer) -> None:
    """The secret is in the answer to its creation, and only its digest is kept."""
    made = await server.create_client(type=client_pb2.CLIENT_TYPE_CONFIDENTIAL)
    assert is_credential(CredentialType.CLIENT_SECRET, made.client_secret)
    assert made.client.token_endpoint_auth_method == client_pb2.TOKEN_ENDPOINT_AUTH_METHOD_CLIENT_SECRET_BASIC
    assert made.client.application_type == client_pb2.APPLICATION_TYPE_WEB
    assert secrets_of(server, made.client.client_id) == {digest(made.client_secret): None}
    assert made.client_secret not in str(await get(server, made.client.client_id))


def secrets_of(server: OperatorServer, client_id: str) -> dict[bytes, Any]:
    with server.database.connect() as connection:
        rows = connection.execute(
            "SELECT digest, expires_at FROM client_secrets WHERE client_id = %s", (client_id,)
        ).fetchall()
    return {bytes(row["digest"]): row["expires_at"] for row in rows}


async def test_a_client_id_can_be_mistaken_for_nothing_else(server: OperatorServer) -> None:
    """A client_id is 26 letters and digits: no user's UUID, no URL (DCR-07)."""
    client_id = (await server.create_client()).client.client_id
    assert len(client_id) == 26
    assert client_id.isalnum()
    assert client_id.islower()


async def test_everything_that_was_said_is_read_back(server: OperatorServer) -> None:
    """Creating, getting and listing give the same record, but for the logo, which a list leaves out."""
    scopes = sorted([await create_scope(server), await create_scope(server)])
    made = await server.create_client(
        name="Ünï ✂ <b>& ( ) \\ ; ' \"",
        version=unique("2.0"),
        description="von Hand angelegt",
        type=client_pb2.CLIENT_TYPE_CONFIDENTIAL,
        redirect_uris=["https://app.example/cb?x=1", "https://app.example/cb"],
        grant_types=["authorization_code", "refresh_token", "client_credentials"],
        token_endpoint_auth_method=client_pb2.TOKEN_ENDPOINT_AUTH_METHOD_CLIENT_SECRET_POST,
        scopes=[*scopes, scopes[0]],
        access_token_lifetime_seconds=60,
        refresh_limit=0,
        allow_plain_pkce=True,
        branding=client_pb2.Branding(title="Photos", logo=PNG, header="Hello", footer="Bye"),
    )
    client = made.client
    assert client.scopes == scopes
    assert client.redirect_uris == ["https://app.example/cb?x=1", "https://app.example/cb"]
    assert client.branding == client_pb2.Branding(title="Photos", logo=PNG, header="Hello", footer="Bye")
    assert client == await get(server, client.client_id)
    listed = await server.call(server.clients.ListClients, client_pb2.ListClientsRequest(page_size=1000))
    client.branding.logo = b""
    assert client in listed.clients


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "Photo\nPrint"}, "name"),
        ({"name": "Photo\u202ePrint"}, "name"),
        ({"name": "Photo\0Print"}, "name"),
        ({"name": " PhotoPrint"}, "name"),
        ({"version": ""}, "version"),
        ({"version": "1\x1b[31m"}, "version"),
        ({"description": "x" * 401}, "description"),
        ({"type": client_pb2.CLIENT_TYPE_UNSPECIFIED}, "type"),
        ({"type": 7}, "type"),
        ({"application_type": 9}, "application_type"),
        ({"token_endpoint_auth_method": 9}, "token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": client_pb2.TOKEN_ENDPOINT_AUTH_METHOD_CLIENT_SECRET_BASIC}, "public"),
        (
            {
                "type": client_pb2.CLIENT_TYPE_CONFIDENTIAL,
                "token_endpoint_auth_method": client_pb2.TOKEN_ENDPOINT_AUTH_METHOD_NONE,
            },
            "confidential",
        ),
        ({"grant_types": ["password"]}, "password"),
        ({"grant_types": ["implicit"]}, "implicit"),
        ({"grant_types": ["refresh_token"]}, "authorization_code"),
        ({"grant_types": ["client_credentials"]}, "confidential"),
        ({"redirect_uris": []}, "redirect_uris"),
        ({"redirect_uris": [f"https://app.example/{number}" for number in range(21)]}, "20"),
        ({"redirect_uris": ["https://app.example/" + "x" * 2000]}, "longer"),
        ({"scopes": ["No Scope"]}, "scopes"),
        ({"scopes": ["nobody.made.this"]}, "nobody.made.this"),
        ({"access_token_lifetime_seconds": 0}, "86400"),
        ({"access_token_lifetime_seconds": 86401}, "86400"),
        ({"refresh_limit": -1}, "refresh_limit"),
        ({"branding": client_pb2.Branding(logo=b"<svg/>")}, "PNG"),
        ({"branding": client_pb2.Branding(logo=PNG + bytes(65536))}, "65536"),
        ({"branding": client_pb2.Branding(title="x" * 101)}, "branding.title"),
        ({"branding": client_pb2.Branding(footer="a\u2028b")}, "branding.footer"),
    ],
)
async def test_settings_that_do_not_go_together_are_refused(
    server: OperatorServer, fields: dict[str, Any], word: str
) -> None:
    """A wrong field is an invalid argument whose message names what is wrong."""
    with refused(INVALID, word):
        await server.create_client(**fields)


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/cb#fragment",
        "https://*.app.example/cb",
        "https://app.example/*",
        "javascript:alert(1)",
        "data:text/html,x",
        "/cb",
        "cb",
        "",
        "http://app.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "myapp:/cb",
        "https://user@app.example/cb",
        "https:///cb",
        "https://app.example/c b",
        "https://app.example/\u0000",
        "http://[::1",
        "https://app.example:99999/cb",
    ],
)
async def test_redirect_uris_that_could_lead_elsewhere_are_refused(server: OperatorServer, uri: str) -> None:
    """A redirect URI with fragment, wildcard, script or dotless scheme, or none at all, is refused (DCR-02, NAT-01)."""
    with refused(INVALID, "redirect_uris"):
        await server.create_client(redirect_uris=[uri])


async def test_a_web_client_cannot_have_a_private_scheme(server: OperatorServer) -> None:
    """A private scheme beside an https URI needs the client to be called native (NAT-01)."""
    uris = ["https://app.example/cb", "com.example.app:/cb"]
    with refused(INVALID, "native"):
        await server.create_client(redirect_uris=uris)
    made = await server.create_client(redirect_uris=uris, application_type=client_pb2.APPLICATION_TYPE_NATIVE)
    assert made.client.redirect_uris == uris


async def test_name_and_version_are_unique_together(server: OperatorServer) -> None:
    """A second client of the same name needs another version, and keeps it when either is renamed."""
    name = unique("PhotoPrint")
    await server.create_client(name=name, version="1")
    second = await server.create_client(name=name, version="2")
    with refused(TAKEN, name):
        await server.create_client(name=name, version="1")
    with refused(TAKEN, name):
        await update(server, second.client.client_id, "version", version="1")


async def test_only_masked_fields_change(server: OperatorServer) -> None:
    """An update takes what the mask names and nothing else, and says that the client must be read again."""
    scope = await create_scope(server)
    made = (await server.create_client(description="old", branding=client_pb2.Branding(title="T", footer="F"))).client
    updated = await update(
        server,
        made.client_id,
        "scopes",
        "branding.title",
        scopes=[scope],
        description="ignored",
        branding=client_pb2.Branding(title="New", footer="ignored"),
    )
    expected = client_pb2.Client()
    expected.CopyFrom(made)
    expected.scopes.append(scope)
    expected.branding.title = "New"
    assert updated == expected == await get(server, made.client_id)
    assert server.invalidations()[-1] == ("client", made.client_id)


async def test_a_whole_branding_and_absent_limits_are_taken_away(server: OperatorServer) -> None:
    """Naming a field and sending none clears it."""
    made = (
        await server.create_client(
            refresh_limit=3, access_token_lifetime_seconds=9, branding=client_pb2.Branding(title="T", logo=PNG)
        )
    ).client
    updated = await update(server, made.client_id, "branding", "refresh_limit", "access_token_lifetime_seconds")
    assert not updated.HasField("refresh_limit")
    assert not updated.HasField("access_token_lifetime_seconds")
    assert updated.branding == client_pb2.Branding()


@pytest.mark.parametrize(
    ("paths", "word"),
    [
        ((), "must name"),
        (("type",), "type"),
        (("application_type",), "application_type"),
        (("client_id",), "client_id"),
        (("epoch",), "epoch"),
        (("secret",), "secret"),
        (("name", "branding.colour"), "branding.colour"),
        (("x" * 5000,), "update_mask"),
    ],
)
async def test_a_mask_names_what_can_be_changed(server: OperatorServer, paths: tuple[str, ...], word: str) -> None:
    """An empty mask, an unknown path and a fixed field are refused."""
    made = (await server.create_client()).client
    with refused(INVALID, word):
        await update(server, made.client_id, *paths, name="New")


async def test_an_update_is_held_to_the_rules_for_the_whole_client(server: OperatorServer) -> None:
    """A change that leaves settings which do not go together is refused and changes nothing."""
    made = (await server.create_client(grant_types=["authorization_code", "refresh_token"])).client
    with refused(INVALID, "redirect_uris"):
        await update(server, made.client_id, "redirect_uris")
    with refused(INVALID, "refresh_token"):
        await update(server, made.client_id, "grant_types", grant_types=["refresh_token"])
    with refused(INVALID, "grant_types"):
        await update(server, made.client_id, "grant_types")
    with refused(INVALID, "native"):
        await update(server, made.client_id, "redirect_uris", redirect_uris=["com.example.app:/cb"])
    assert made == await get(server, made.client_id)


async def test_changes_at_the_same_moment_are_all_kept(server: OperatorServer) -> None:
    """Four updates of different fields at once lose nothing."""
    made = (await server.create_client()).client
    await asyncio.gather(
        update(server, made.client_id, "description", description="d"),
        update(server, made.client_id, "version", version="9"),
        update(server, made.client_id, "refresh_limit", refresh_limit=4),
        update(server, made.client_id, "branding.header", branding=client_pb2.Branding(header="h")),
    )
    found = await get(server, made.client_id)
    assert (found.description, found.version, found.refresh_limit, found.branding.header) == ("d", "9", 4, "h")


async def test_disabling_can_be_undone_and_revoking_cannot(server: OperatorServer) -> None:
    """Enable and disable are states; withdrawing all raises the epoch; each must be read again."""
    made = (await server.create_client()).client
    named = {"client_id": made.client_id}
    before = len(server.invalidations())
    disabled = await server.call(server.clients.DisableClient, client_pb2.DisableClientRequest(**named))
    enabled = await server.call(server.clients.EnableClient, client_pb2.EnableClientRequest(**named))
    revoked = await server.call(server.clients.RevokeAllOfClient, client_pb2.RevokeAllOfClientRequest(**named))
    assert (disabled.client.enabled, enabled.client.enabled, revoked.client.enabled) == (False, True, True)
    assert (disabled.client.epoch, enabled.client.epoch, revoked.client.epoch) == (0, 0, 1)
    assert server.invalidations()[before:] == [("client", made.client_id)] * 3


async def test_a_rotated_secret_overlaps_the_old_one(server: OperatorServer) -> None:
    """The old secret ends after the overlap in the database's time, at once without one, and never later than said."""
    made = await server.create_client(type=client_pb2.CLIENT_TYPE_CONFIDENTIAL)

    async def rotate(overlap: int) -> tuple[str, datetime]:
        before = server.time()
        rotated = await server.call(
            server.clients.RotateClientSecret,
            client_pb2.RotateClientSecretRequest(client_id=made.client.client_id, overlap_seconds=overlap),
        )
        end_at: datetime = rotated.previous_expire_at.ToDatetime(before.tzinfo)
        assert before <= end_at - timedelta(seconds=overlap) <= server.time()
        return rotated.client_secret, end_at

    first, end_of_made = await rotate(60)
    assert secrets_of(server, made.client.client_id) == {digest(made.client_secret): end_of_made, digest(first): None}
    second, end_of_first = await rotate(3600)
    assert secrets_of(server, made.client.client_id) == {
        digest(made.client_secret): end_of_made,
        digest(first): end_of_first,
        digest(second): None,
    }
    third, _ = await rotate(0)
    assert secrets_of(server, made.client.client_id) == {digest(third): None}
    assert server.invalidations()[-1] == ("client", made.client.client_id)


async def test_rotations_at_the_same_moment_leave_one_lasting_secret(server: OperatorServer) -> None:
    """Of secrets made at once only one has no end."""
    made = await server.create_client(type=client_pb2.CLIENT_TYPE_CONFIDENTIAL)
    request = client_pb2.RotateClientSecretRequest(client_id=made.client.client_id, overlap_seconds=60)
    await asyncio.gather(*(server.call(server.clients.RotateClientSecret, request) for _ in range(4)))
    assert list(secrets_of(server, made.client.client_id).values()).count(None) == 1


async def test_a_public_client_has_nothing_to_rotate(server: OperatorServer) -> None:
    """Rotating the secret of a public client is refused, and so is an overlap that is not within bounds."""
    made = (await server.create_client()).client
    with refused(REFUSED, "public"):
        await server.call(
            server.clients.RotateClientSecret, client_pb2.RotateClientSecretRequest(client_id=made.client_id)
        )
    for overlap in (-1, 2**31 - 1):
        with refused(INVALID, "overlap_seconds"):
            await server.call(
                server.clients.RotateClientSecret,
                client_pb2.RotateClientSecretRequest(client_id=made.client_id, overlap_seconds=overlap),
            )


async def test_a_deleted_client_leaves_nothing(server: OperatorServer) -> None:
    """A deleted client is gone with its secrets, and must be read again."""
    made = await server.create_client(type=client_pb2.CLIENT_TYPE_CONFIDENTIAL)
    client_id = made.client.client_id
    await server.call(server.clients.DeleteClient, client_pb2.DeleteClientRequest(client_id=client_id))
    assert secrets_of(server, client_id) == {}
    assert server.invalidations()[-1] == ("client", client_id)
    with refused(NOT_FOUND):
        await server.call(server.clients.DeleteClient, client_pb2.DeleteClientRequest(client_id=client_id))


@pytest.mark.parametrize("method", ["Get", "Delete", "Enable", "Disable", "RotateSecret", "RevokeAll", "Update"])
@pytest.mark.parametrize(
    ("client_id", "code"),
    [(NOBODY, NOT_FOUND), ("", INVALID), ("PhotoPrint", INVALID), ("a" * 25 + "\0", INVALID), ("a" * 9000, INVALID)],
)
async def test_an_unknown_client_is_said_to_be_unknown(
    server: OperatorServer, method: str, client_id: str, code: Any
) -> None:
    """A client_id that nobody has is not found, and one that nobody can have is an invalid argument."""
    with refused(code, "client"):
        match method:
            case "Update":
                await update(server, client_id, "name", name="New")
            case "RotateSecret" | "RevokeAll":
                name = {"RotateSecret": "RotateClientSecret", "RevokeAll": "RevokeAllOfClient"}[method]
                await server.call(
                    getattr(server.clients, name), getattr(client_pb2, f"{name}Request")(client_id=client_id)
                )
            case _:
                await server.call(
                    getattr(server.clients, f"{method}Client"),
                    getattr(client_pb2, f"{method}ClientRequest")(client_id=client_id),
                )
