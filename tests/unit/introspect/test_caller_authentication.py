"""Who may ask, with a handful of clients in memory."""

import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest

from services.introspect.caller_authentication import CallerAuthentication
from services.introspect.model import (
    AccessTokenRecord,
    CallerLookup,
    Client,
    Freshness,
    Grant,
    Known,
    KnownRefreshToken,
    ResourceOwner,
    ResourcePolicy,
)
from tallystick.oauth2.client import AuthenticatableClient, AuthMethod, ClientSecret
from tallystick.oauth2.errors import InsufficientScope, InvalidClient, InvalidRequest, InvalidToken, OAuthError
from tallystick.oauth2.opaque_token import AccessToken, new_access_token
from tallystick.oauth2.parameters import Parameters
from tallystick.oauth2.refresh_token import RefreshToken
from tallystick.runtime.failure_throttle import FailureThrottle
from tallystick.runtime.failures import Failure

ISSUER = "https://issuer.example"
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECRET = "s3cret:with %+ ünusual characters"
NONE = Parameters(())


class Clients:
    """A client of each kind, in a store where it is always noon."""

    def client(self, client_id: str) -> CallerLookup:
        secret = ClientSecret(sha256(SECRET.encode()).digest(), None)
        old = replace(secret, expires_at=NOW)
        overlapping = (
            ClientSecret(sha256(b"new").digest(), None),
            replace(secret, expires_at=NOW + timedelta(seconds=1)),
        )
        known = {
            "basic": AuthenticatableClient("basic", AuthMethod.CLIENT_SECRET_BASIC, (secret,), enabled=True),
            "post": AuthenticatableClient("post", AuthMethod.CLIENT_SECRET_POST, (secret,), enabled=True),
            "public": AuthenticatableClient("public", AuthMethod.NONE, (), enabled=True),
            "disabled": AuthenticatableClient("disabled", AuthMethod.CLIENT_SECRET_BASIC, (secret,), enabled=False),
            "rotated": AuthenticatableClient("rotated", AuthMethod.CLIENT_SECRET_BASIC, overlapping, enabled=True),
            "outdated": AuthenticatableClient("outdated", AuthMethod.CLIENT_SECRET_BASIC, (old,), enabled=True),
            "secretless": AuthenticatableClient("secretless", AuthMethod.CLIENT_SECRET_BASIC, (), enabled=True),
        }
        return CallerLookup(NOW, known.get(client_id))


class Tokens:
    """Access tokens by their text."""

    def __init__(self) -> None:
        self._records: dict[str, AccessTokenRecord] = {}

    def add(self, name: str, record: AccessTokenRecord) -> str:
        token = new_access_token(sha256(name.encode()).digest(), record.expires_at).text
        self._records[token] = record
        return token

    def access_tokens(self, asked: Sequence[tuple[AccessToken, Freshness]]) -> Sequence[Known | Failure]:
        policy = ResourcePolicy(ISSUER, 0)
        return [Known(self._records.get(token.text), policy, NOW) for token, _ in asked]

    def refresh_tokens(self, asked: Sequence[tuple[RefreshToken, Freshness]]) -> Sequence[KnownRefreshToken | Failure]:
        raise AssertionError(asked)


own = AccessTokenRecord(
    client_id="api",
    client_epoch=0,
    scopes=("introspect",),
    audience=ISSUER,
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=10),
    revoked=False,
    client=Client(enabled=True, epoch=0, scopes=frozenset({"introspect", "photos.read"})),
    grant_id=None,
    grant=None,
    covering=frozenset(),
    groups=frozenset(),
    policy_version=0,
)
of_a_user = Grant("api", UUID(int=2), None, 0, 0, 0, ResourceOwner(UUID(int=2), "bob", True, 0), 0)
tokens = Tokens()
OWN = tokens.add("own", own)
authentication = CallerAuthentication(Clients(), tokens, ISSUER, FailureThrottle(time.monotonic, per_source=100))


def basic(client_id: str, secret: str) -> str:
    """Encode credentials as a careless client does: nothing is escaped."""
    return "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()


def form(**parameters: str) -> Parameters:
    return Parameters(tuple(parameters.items()))


ESCAPED = "s3cret%3Awith+%25%2B+%C3%BCnusual+characters"


@pytest.mark.parametrize(
    ("authorization", "parameters", "caller"),
    [
        pytest.param(basic("basic", ESCAPED), NONE, "basic", id="basic, form-encoded"),
        pytest.param(basic("basic", ESCAPED).replace("Basic", "bAsIc"), NONE, "basic", id="any case"),
        pytest.param(basic("basic", ESCAPED), form(client_id="basic"), "basic", id="bare client_id too"),
        pytest.param(None, form(client_id="post", client_secret=SECRET), "post", id="post"),
        pytest.param(basic("rotated", ESCAPED), NONE, "rotated", id="old secret during rotation"),
        pytest.param(basic("rotated", "new"), NONE, "rotated", id="new secret during rotation"),
        pytest.param(f"Bearer {OWN}", NONE, "api", id="a token of its own"),
        pytest.param(f"bEaReR {OWN}", form(client_id="api"), "api", id="a token, any case, bare client_id too"),
    ],
)
def test_known_callers(authorization: str | None, parameters: Parameters, caller: str) -> None:
    """A caller is known by its registered method or by a token of its own (INTR-02, CAUTH-01, CAUTH-06, CAUTH-08)."""
    assert authentication.authenticate(authorization, parameters) == caller


@pytest.mark.parametrize(
    ("authorization", "parameters", "error"),
    [
        pytest.param(None, NONE, InvalidClient, id="nothing"),
        pytest.param(None, form(client_id="public"), InvalidClient, id="public client_id"),
        pytest.param(basic("public", ""), NONE, InvalidClient, id="public client with an empty secret"),
        pytest.param(basic("public", "x"), NONE, InvalidClient, id="public client with a secret"),
        pytest.param(None, form(client_id="basic"), InvalidClient, id="confidential client_id alone"),
        pytest.param(basic("basic", "wrong"), NONE, InvalidClient, id="wrong secret"),
        pytest.param(basic("basic", ""), NONE, InvalidClient, id="empty secret"),
        pytest.param(basic("secretless", ""), NONE, InvalidClient, id="client without a secret"),
        pytest.param(basic("nobody", ESCAPED), NONE, InvalidClient, id="unknown client"),
        pytest.param(basic("basic", SECRET), NONE, InvalidClient, id="secret not form-encoded"),
        pytest.param(basic("disabled", ESCAPED), NONE, InvalidClient, id="disabled client"),
        pytest.param(basic("outdated", ESCAPED), NONE, InvalidClient, id="secret that has just ended"),
        pytest.param(basic("post", ESCAPED), NONE, InvalidClient, id="basic instead of post"),
        pytest.param(None, form(client_id="basic", client_secret=SECRET), InvalidClient, id="post instead of basic"),
        pytest.param("Basic !!!", NONE, InvalidClient, id="broken base64"),
        pytest.param("Basic bm9jb2xvbg==", NONE, InvalidClient, id="no colon"),
        pytest.param("Basic Oj8=", NONE, InvalidClient, id="no client_id"),
        pytest.param("Basic", NONE, InvalidClient, id="scheme alone"),
        pytest.param("Digest username=basic", NONE, InvalidClient, id="another scheme"),
        pytest.param("", NONE, InvalidClient, id="empty header"),
        pytest.param(OWN, NONE, InvalidClient, id="token without a scheme"),
        pytest.param(basic("basic", ESCAPED), form(client_secret=SECRET), InvalidRequest, id="two methods at once"),
        pytest.param(basic("basic", ESCAPED), form(client_id="post"), InvalidRequest, id="header and form differ"),
        pytest.param(
            None, Parameters((("client_id", "post"), ("client_id", "post"))), InvalidRequest, id="client_id twice"
        ),
        pytest.param(f"Bearer {OWN}", form(client_secret="x"), InvalidRequest, id="token and secret"),
        pytest.param(f"Bearer {OWN}", form(client_id="basic"), InvalidRequest, id="token of another client"),
        pytest.param("Bearer", NONE, InvalidRequest, id="no token"),
        pytest.param(f"Bearer {OWN} {OWN}", NONE, InvalidRequest, id="two tokens"),
        pytest.param(f"Bearer {OWN},", NONE, InvalidRequest, id="what is no token"),
        pytest.param("Bearer abc", NONE, InvalidToken, id="not a token of ours"),
        pytest.param(f"Bearer {new_access_token(b'x' * 32, NOW).text}", NONE, InvalidToken, id="unknown token"),
    ],
)
def test_everybody_else_is_refused(authorization: str | None, parameters: Parameters, error: type[OAuthError]) -> None:
    """The unproven get nothing (INTR-02, CAUTH-01, CAUTH-03, CAUTH-04, CAUTH-05, CAUTH-06, CAUTH-08, CAUTH-09)."""
    with pytest.raises(error):
        authentication.authenticate(authorization, parameters)


@pytest.mark.parametrize(
    ("record", "error"),
    [
        pytest.param(replace(own, expires_at=NOW), InvalidToken, id="expired"),
        pytest.param(replace(own, revoked=True), InvalidToken, id="revoked by itself"),
        pytest.param(replace(own, client=None), InvalidToken, id="client deleted"),
        pytest.param(replace(own, client=Client(False, 0, frozenset({"introspect"}))), InvalidToken, id="disabled"),
        pytest.param(replace(own, client_epoch=1), InvalidToken, id="revoked"),
        pytest.param(replace(own, audience="https://photos.example"), InvalidToken, id="for a resource"),
        pytest.param(replace(own, grant_id=UUID(int=1)), InvalidToken, id="of a grant that is gone"),
        pytest.param(replace(own, grant_id=UUID(int=1), grant=of_a_user), InvalidToken, id="of a user"),
        pytest.param(replace(own, scopes=("photos.read",)), InsufficientScope, id="without the scope"),
        pytest.param(
            replace(
                own,
                scopes=("introspect", "photos.read"),
                client=Client(True, 0, frozenset({"photos.read"})),
            ),
            InsufficientScope,
            id="whose client lost the scope",
        ),
        pytest.param(
            replace(own, client=Client(True, 0, frozenset({"photos.read"}))), InvalidToken, id="with no scope left"
        ),
    ],
)
def test_a_token_must_be_good_for_asking(record: AccessTokenRecord, error: type[OAuthError]) -> None:
    """A caller's own token must be live, for the issuer, and carry the scope introspect (INTR-02)."""
    token = tokens.add(repr(record), record)
    with pytest.raises(error):
        authentication.authenticate(f"Bearer {token}", NONE)
