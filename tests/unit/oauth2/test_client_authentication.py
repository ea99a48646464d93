from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from tallystick.oauth2.client import AuthenticatableClient, AuthMethod, ClientSecret
from tallystick.oauth2.client_authentication import authenticate, basic_credentials, presented_credentials
from tallystick.oauth2.errors import InvalidClient, InvalidRequest
from tallystick.oauth2.parameters import Parameters

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "p@ss word:&%é"
BASIC = "Basic Y2xpZW50JTNBaWQlMkIxOnAlNDBzcyt3b3JkJTNBJTI2JTI1JUMzJUE5"


def client(method: AuthMethod, *secrets: ClientSecret, enabled: bool = True) -> AuthenticatableClient:
    return AuthenticatableClient("client:id+1", method, secrets, enabled)


def kept(secret: str, expires_at: datetime | None = None) -> ClientSecret:
    return ClientSecret(sha256(secret.encode()).digest(), expires_at)


def form(**values: str) -> Parameters:
    return Parameters(tuple(values.items()))


@pytest.mark.parametrize("header", [BASIC, BASIC.replace("Basic", "bAsIc"), BASIC.replace(" ", "  ")])
def test_basic_is_form_decoded(header: str) -> None:
    """Id and secret are form-decoded after base64, and the scheme's case does not matter (CAUTH-01, V-04)."""
    presented = presented_credentials(header, form())
    assert (presented.client_id, presented.secret) == ("client:id+1", SECRET)
    authenticate(presented, client(AuthMethod.CLIENT_SECRET_BASIC, kept(SECRET)), now=NOW)


def test_the_example_of_the_rfc() -> None:
    """The credentials of RFC 6749 §2.3.1 decode (CAUTH-01, V-04)."""
    presented = basic_credentials("Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3")
    assert (presented.client_id, presented.secret) == ("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw")


def test_unencoded_credentials_are_refused() -> None:
    """The same id and secret without form-encoding do not pass (CAUTH-01)."""
    raw = b64encode(b"client:id+1:" + SECRET.encode()).decode()
    with pytest.raises(InvalidClient):
        authenticate(basic_credentials(f"Basic {raw}"), client(AuthMethod.CLIENT_SECRET_BASIC, kept(SECRET)), now=NOW)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YQ",
        "Basic YQ==",
        "Basic Og==",
        "Basic OnNlY3JldA==",
        "Basic /zo=",
        "Bearer abc",
        "Basic YTpi YTpi",
        "Basic " + b64encode(b"%zz:b").decode(),
        "Basic " + b64encode(b"a:%ff").decode(),
        "Basic é",
        "Basic \x85",
        BASIC.replace("s", "\N{LATIN SMALL LETTER LONG S}", 1),
    ],
)
def test_headers_that_cannot_be_read(header: str) -> None:
    """A broken Authorization header is invalid_client and never an internal error (CAUTH-06)."""
    with pytest.raises(InvalidClient):
        presented_credentials(header, form())


def test_nothing_presented() -> None:
    """A request without client is invalid_client (CAUTH-05)."""
    with pytest.raises(InvalidClient):
        presented_credentials(None, form())


def test_two_methods_at_once() -> None:
    """A header and a secret in the form are two methods (CAUTH-03)."""
    with pytest.raises(InvalidRequest):
        presented_credentials(BASIC, form(client_id="client:id+1", client_secret=SECRET))


def test_header_and_form_name_different_clients() -> None:
    """The form may repeat the header's client and name no other (CAUTH-03)."""
    with pytest.raises(InvalidRequest):
        presented_credentials(BASIC, form(client_id="another"))
    assert presented_credentials(BASIC, form(client_id="client:id+1")).client_id == "client:id+1"


@pytest.mark.parametrize("registered", list(AuthMethod))
@pytest.mark.parametrize("used", list(AuthMethod))
def test_only_the_registered_method_passes(registered: AuthMethod, used: AuthMethod) -> None:
    """A client may not fall back to another method, even with the right secret (CAUTH-04, CAUTH-05)."""
    secrets = () if registered is AuthMethod.NONE else (kept(SECRET),)
    presented = {
        AuthMethod.CLIENT_SECRET_BASIC: lambda: presented_credentials(BASIC, form()),
        AuthMethod.CLIENT_SECRET_POST: lambda: presented_credentials(
            None, form(client_id="client:id+1", client_secret=SECRET)
        ),
        AuthMethod.NONE: lambda: presented_credentials(None, form(client_id="client:id+1")),
    }[used]()
    if used is registered:
        authenticate(presented, client(registered, *secrets), now=NOW)
    else:
        with pytest.raises(InvalidClient):
            authenticate(presented, client(registered, *secrets), now=NOW)


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + " ", SECRET[:-1]])
def test_a_wrong_secret(secret: str) -> None:
    """A secret that is not the client's is invalid_client (CAUTH-02)."""
    presented = presented_credentials(None, form(client_id="client:id+1", client_secret=secret or "x"))
    with pytest.raises(InvalidClient):
        authenticate(presented, client(AuthMethod.CLIENT_SECRET_POST, kept(SECRET)), now=NOW)


def test_unknown_client_and_wrong_secret_look_alike() -> None:
    """Nobody learns from the answer whether a client exists (CAUTH-06)."""
    presented = presented_credentials(BASIC, form())
    refusals = []
    for record in (None, client(AuthMethod.CLIENT_SECRET_BASIC, kept("other"))):
        with pytest.raises(InvalidClient) as refusal:
            authenticate(presented, record, now=NOW)
        refusals.append((refusal.value.description, refusal.value.status))
    assert refusals[0] == refusals[1]


def test_secrets_overlap_and_end_on_time() -> None:
    """While a secret is rotated both work, and the old one stops at its moment (CAUTH-08)."""
    presented = presented_credentials(BASIC, form())
    both = client(AuthMethod.CLIENT_SECRET_BASIC, kept("new"), kept(SECRET, NOW))
    authenticate(presented, both, now=NOW - timedelta(microseconds=1))
    with pytest.raises(InvalidClient):
        authenticate(presented, both, now=NOW)


def test_a_disabled_client() -> None:
    """A disabled client does not pass with the right secret."""
    with pytest.raises(InvalidClient):
        authenticate(
            presented_credentials(BASIC, form()),
            client(AuthMethod.CLIENT_SECRET_BASIC, kept(SECRET), enabled=False),
            now=NOW,
        )


def test_a_client_without_secrets_never_passes() -> None:
    """A confidential client whose secrets are all gone cannot authenticate with an empty one."""
    presented = basic_credentials("Basic " + b64encode(b"client%3Aid%2B1:").decode())
    with pytest.raises(InvalidClient):
        authenticate(presented, client(AuthMethod.CLIENT_SECRET_BASIC), now=NOW)


def test_secrets_stay_out_of_repr() -> None:
    """What is presented can be logged by mistake without giving the secret away (GEN-11)."""
    assert SECRET not in repr(presented_credentials(BASIC, form()))
