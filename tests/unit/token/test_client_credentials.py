"""`client_credentials` (RFC 6749 §4.4)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.token.model import AccessTokenRecord, IssuedTokens
from tallystick.oauth2.errors import InvalidScope, InvalidTarget
from tallystick.oauth2.opaque_token import digest, parse_access_token
from tests.fakes.clients import client, new_secret
from tests.unit.token.world import ISSUER, World, basic

SECRET = new_secret()
ROBOT = "robot"
PHOTOS, MAIL = "https://photos.example", "https://mail.example"


@pytest.fixture
def world() -> World:
    world = World()
    scopes = frozenset({"photos.read", "mail.read", "profile", "introspect"})
    covers = {"photos.read": frozenset({PHOTOS}), "mail.read": frozenset({MAIL})}
    world.add(replace(client(ROBOT, secret=SECRET, scopes=scopes), resources_of=covers))
    return world


async def ask(world: World, **parameters: str | list[str]) -> IssuedTokens:
    """Send a client credentials request."""
    return await world.post(basic(ROBOT, SECRET), grant_type="client_credentials", **parameters)


def record_of(world: World, tokens: IssuedTokens) -> AccessTokenRecord:
    """Return what is kept of an issued token."""
    return world.store.tokens[digest(tokens.access_token)]


async def test_a_client_acts_for_itself(world: World) -> None:
    """The token is the client's own: no grant, no refresh token, the client's epoch (CC-02, CC-03)."""
    tokens = await ask(world, scope="photos.read")
    record = record_of(world, tokens)
    assert (tokens.refresh_token, tokens.grant_id, record.grant_id) == (None, None, None)
    assert (record.client_id, record.client_epoch, record.scopes) == (ROBOT, 0, ("photos.read",))


async def test_the_token_names_its_partition(world: World) -> None:
    """Bucket and expiry are of one moment, by the database's clock."""
    tokens = await ask(world, scope="photos.read")
    record, parsed = record_of(world, tokens), parse_access_token(tokens.access_token)
    assert parsed is not None
    assert parsed.bucket == record.bucket == int(record.expires_at.timestamp()) // 3600
    assert (record.issued_at, tokens.expires_in) == (world.store.now, 600)


@pytest.mark.parametrize("seconds", [1, 3600, 86400])
async def test_the_client_may_have_a_lifetime_of_its_own(world: World, seconds: int) -> None:
    """A client's own lifetime goes before the default (TOK-11)."""
    registered = world.clients.by_id[ROBOT]
    world.add(replace(registered, access_token_lifetime=timedelta(seconds=seconds)))
    tokens = await ask(world, scope="photos.read")
    record = record_of(world, tokens)
    assert (tokens.expires_in, record.expires_at - record.issued_at) == (seconds, timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("scope", "audience"),
    [("photos.read", PHOTOS), ("photos.read profile", PHOTOS), ("profile", ISSUER), ("introspect", ISSUER)],
)
async def test_the_audience_is_what_the_scopes_cover(world: World, scope: str, audience: str) -> None:
    """Scopes of one resource give its audience, scopes of none the issuer's (TOK-11)."""
    tokens = await ask(world, scope=scope)
    assert (record_of(world, tokens).audience, " ".join(tokens.scopes)) == (audience, scope)


async def test_resource_chooses_among_several(world: World) -> None:
    """Scopes that span several resources need one of them, and the token carries only its scopes."""
    with pytest.raises(InvalidTarget):
        await ask(world)
    tokens = await ask(world, resource=MAIL)
    assert (record_of(world, tokens).audience, set(tokens.scopes)) == (MAIL, {"mail.read", "profile", "introspect"})


@pytest.mark.parametrize(
    "resource",
    [
        "https://other.example",
        PHOTOS + "/",
        "not a uri",
        PHOTOS + "#x",
        [PHOTOS, MAIL],
        [MAIL, "https://other.example"],
    ],
)
async def test_other_targets_are_refused(world: World, resource: str | list[str]) -> None:
    """A resource that no requested scope covers, or a second one, is refused and nothing is kept."""
    with pytest.raises(InvalidTarget):
        await ask(world, scope="photos.read", resource=resource)
    assert world.store.tokens == {}


@pytest.mark.parametrize(
    "scope",
    [
        "photos.write",
        "photos.read photos.write",
        "openid",
        "offline_access",
        "photos",
        "PHOTOS.READ",
        "a  b",
        " ",
        'a"b',
    ],
)
async def test_scopes_beyond_the_list_are_refused(world: World, scope: str) -> None:
    """A client gets nothing outside its own list, and nothing is kept (CC-02, CC-04)."""
    with pytest.raises(InvalidScope):
        await ask(world, scope=scope)
    assert world.store.tokens == {}


async def test_a_client_without_scopes_gets_nothing(world: World) -> None:
    """With no scope on the list there is nothing to ask for (CC-04)."""
    world.add(client(ROBOT, secret=SECRET, scopes=frozenset()))
    with pytest.raises(InvalidScope):
        await ask(world)


async def test_tokens_share_nothing(world: World) -> None:
    """A thousand tokens of one request each differ from the first character after the tag (GEN-07)."""
    texts = [(await ask(world, scope="photos.read")).access_token for _ in range(1000)]
    assert len({text[4:12] for text in texts}) == 1000
