"""The steps that every grant type shares (`services.token.grants`)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tallystick.oauth2.client import AuthMethod, ClientSecret, ClientType, GrantType
from tallystick.oauth2.errors import InvalidClient, InvalidRequest, OAuthError, UnauthorizedClient, UnsupportedGrantType
from tallystick.oauth2.opaque_token import digest
from tests.fakes.clients import client, new_secret
from tests.unit.token.world import PUBLIC, World, basic

SECRET = new_secret()
CONFIDENTIAL = "confidential"


@pytest.fixture
def world() -> World:
    world = World()
    world.add(client(CONFIDENTIAL, secret=SECRET))
    return world


async def refused(world: World, authorization: str | None = None, **parameters: str | list[str]) -> OAuthError:
    """Send a request that must be refused and return how."""
    with pytest.raises(OAuthError) as caught:
        await world.post(authorization, **parameters)
    return caught.value


async def test_a_request_needs_a_grant_type(world: World) -> None:
    """Without grant_type, or with an empty one, a request is invalid (TOK-02, GEN-04)."""
    for form in ({}, {"grant_type": ""}, {"Grant_Type": "client_credentials"}):
        assert isinstance(await refused(world, basic(CONFIDENTIAL, SECRET), **form), InvalidRequest)


@pytest.mark.parametrize(
    ("grant_type", "instead"),
    [
        ("password", "authorization_code"),
        ("implicit", "authorization_code"),
        ("urn:ietf:params:oauth:grant-type:device_code", ""),
        ("Client_Credentials", ""),
        ('"><script>\r\n', ""),
    ],
)
async def test_other_grant_types_are_not_offered(world: World, grant_type: str, instead: str) -> None:
    """What is not offered is refused, and what was removed names what to use instead (TOK-02, GEN-12, GEN-06)."""
    error = await refused(world, basic(CONFIDENTIAL, SECRET), grant_type=grant_type)
    assert isinstance(error, UnsupportedGrantType)
    assert instead in error.description
    assert "<" not in error.description


@pytest.mark.parametrize(
    "name",
    ["grant_type", "client_id", "client_secret", "scope", "redirect_uri", "code", "code_verifier", "refresh_token"],
)
async def test_no_parameter_may_repeat(world: World, name: str) -> None:
    """A known parameter sent twice is refused, also where the grant type has no use for it (GEN-03)."""
    form: dict[str, str | list[str]] = {"grant_type": "client_credentials", "client_id": CONFIDENTIAL}
    form[name] = ["a", "a"]
    assert isinstance(await refused(world, None, **form), InvalidRequest)


async def test_unknown_parameters_do_no_harm(world: World) -> None:
    """What nobody knows is ignored, even twice (GEN-04)."""
    await world.post(basic(CONFIDENTIAL, SECRET), grant_type="client_credentials", fancy=["a", "b"], code_verifier="")


@pytest.mark.parametrize("grant_type", list(GrantType))
async def test_a_confidential_client_authenticates_always(world: World, grant_type: GrantType) -> None:
    """A confidential client's bare client_id is refused for every grant type (CAUTH-05)."""
    form = {"grant_type": grant_type.value, "client_id": CONFIDENTIAL, "code": "c", "refresh_token": "r"}
    assert isinstance(await refused(world, **form), InvalidClient)


@pytest.mark.parametrize(
    "authorization",
    [
        basic(CONFIDENTIAL, new_secret()),
        basic(CONFIDENTIAL, ""),
        basic("nobody", SECRET),
        basic(PUBLIC, SECRET),
        basic(PUBLIC, ""),
        "Basic",
        "Basic !!!",
        "Bearer " + SECRET,
        "",
    ],
    ids=[
        "wrong secret",
        "no secret",
        "unknown client",
        "public client with a secret",
        "public client",
        "scheme alone",
        "broken base64",
        "another scheme",
        "empty",
    ],
)
async def test_bad_credentials_are_refused(world: World, authorization: str) -> None:
    """A wrong secret, an unknown client, a public one with a secret, a broken header all fail (CAUTH-04, CAUTH-06)."""
    assert isinstance(await refused(world, authorization, grant_type="client_credentials"), InvalidClient)


async def test_unknown_client_and_wrong_secret_are_told_the_same(world: World) -> None:
    """Nobody learns which clients there are (CAUTH-06)."""
    unknown = await refused(world, basic("nobody", SECRET), grant_type="client_credentials")
    wrong = await refused(world, basic(CONFIDENTIAL, new_secret()), grant_type="client_credentials")
    assert (unknown.code, unknown.status, unknown.description) == (wrong.code, wrong.status, wrong.description)


async def test_only_the_registered_method_is_accepted(world: World) -> None:
    """A client of client_secret_basic cannot put its secret into the form, and the other way round (CAUTH-04)."""
    form = {"grant_type": "client_credentials", "client_id": CONFIDENTIAL, "client_secret": SECRET}
    assert isinstance(await refused(world, **form), InvalidClient)
    world.add(replace(client(CONFIDENTIAL, secret=SECRET), auth_method=AuthMethod.CLIENT_SECRET_POST))
    await world.post(**form)
    assert isinstance(await refused(world, basic(CONFIDENTIAL, SECRET), grant_type="client_credentials"), InvalidClient)


async def test_two_methods_at_once_are_refused(world: World) -> None:
    """Header and form together are a mistake, and so are two clients in one request (CAUTH-03)."""
    header = basic(CONFIDENTIAL, SECRET)
    for extra in ({"client_secret": SECRET}, {"client_id": PUBLIC}):
        assert isinstance(await refused(world, header, grant_type="client_credentials", **extra), InvalidRequest)
    await world.post(header, grant_type="client_credentials", client_id=CONFIDENTIAL)


async def test_secrets_overlap_and_end_by_the_database_clock(world: World) -> None:
    """During rotation both secrets work, and the old one ends at its moment (CAUTH-08)."""
    old = new_secret()
    until = world.store.now + timedelta(seconds=30)
    rotated = client(CONFIDENTIAL, secret=SECRET)
    world.add(replace(rotated, secrets=(*rotated.secrets, ClientSecret(digest(old), until))))
    for secret in (old, SECRET):
        await world.post(basic(CONFIDENTIAL, secret), grant_type="client_credentials")
    world.store.now = until
    await world.post(basic(CONFIDENTIAL, SECRET), grant_type="client_credentials")
    assert isinstance(await refused(world, basic(CONFIDENTIAL, old), grant_type="client_credentials"), InvalidClient)


async def test_a_disabled_client_gets_nothing(world: World) -> None:
    """Disabling a client ends every grant type for it (TOK-09)."""
    world.add(client(CONFIDENTIAL, secret=SECRET, enabled=False))
    assert isinstance(await refused(world, basic(CONFIDENTIAL, SECRET), grant_type="client_credentials"), InvalidClient)


@pytest.mark.parametrize("grant_type", list(GrantType))
async def test_a_client_uses_what_is_registered_for_it(world: World, grant_type: GrantType) -> None:
    """A grant type that is not registered for the client is refused (TOK-02)."""
    world.add(client(CONFIDENTIAL, secret=SECRET, grant_types=frozenset(GrantType) - {grant_type}))
    error = await refused(world, basic(CONFIDENTIAL, SECRET), grant_type=grant_type.value, code="c", refresh_token="r")
    assert isinstance(error, UnauthorizedClient)


async def test_client_credentials_are_not_for_public_clients(world: World) -> None:
    """A public client proves nothing, whatever is registered for it (CC-01, CAUTH-09)."""
    assert isinstance(await refused(world, grant_type="client_credentials", client_id=PUBLIC), UnauthorizedClient)


async def test_a_record_that_contradicts_itself_opens_nothing(world: World) -> None:
    """A confidential type with no authentication method is still refused without credentials (CAUTH-09)."""
    world.add(replace(client(PUBLIC), client_type=ClientType.CONFIDENTIAL, auth_method=AuthMethod.CLIENT_SECRET_BASIC))
    assert isinstance(await refused(world, grant_type="client_credentials", client_id=PUBLIC), InvalidClient)
