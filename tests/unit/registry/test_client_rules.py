"""Which settings of a client go together."""

from dataclasses import replace
from typing import Any

import pytest

from services.authorize.registry.client_rules import checked, grant_types
from services.authorize.registry.model import ClientSettings
from tallystick.oauth2.client import ApplicationType, AuthMethod, ClientType, GrantType
from tallystick.runtime.failures import Invalid

CODE, REFRESH, CREDENTIALS = GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN, GrantType.CLIENT_CREDENTIALS
PUBLIC = ClientSettings(
    name="PhotoPrint",
    version="1",
    type=ClientType.PUBLIC,
    redirect_uris=("https://app.example/cb",),
    grant_types=(CODE,),
)
CONFIDENTIAL = replace(PUBLIC, type=ClientType.CONFIDENTIAL)


def test_what_was_left_out_is_derived() -> None:
    """A public client has no way to authenticate, a confidential one has Basic, and https is for the web (NAT-02)."""
    assert checked(PUBLIC) == replace(PUBLIC, application_type=ApplicationType.WEB, auth_method=AuthMethod.NONE)
    assert checked(CONFIDENTIAL).auth_method is AuthMethod.CLIENT_SECRET_BASIC


def test_what_is_checked_stays_as_it_is() -> None:
    """Checking twice is checking once, so that an update can check the whole."""
    once = checked(replace(PUBLIC, scopes=("b", "a", "b"), redirect_uris=PUBLIC.redirect_uris * 2))
    assert once.scopes == ("a", "b")
    assert once.redirect_uris == PUBLIC.redirect_uris
    assert checked(once) == once


@pytest.mark.parametrize(
    ("uris", "expected"),
    [
        (("http://127.0.0.1/cb",), ApplicationType.NATIVE),
        (("http://[::1]:8080/cb", "http://localhost/cb"), ApplicationType.NATIVE),
        (("com.example.app:/cb",), ApplicationType.NATIVE),
        (("com.example.app:/cb", "http://127.0.0.1/cb"), ApplicationType.NATIVE),
        (("https://app.example/cb",), ApplicationType.WEB),
        (("https://app.example/cb", "http://127.0.0.1/cb"), ApplicationType.WEB),
    ],
)
def test_a_client_is_native_when_all_its_uris_are(uris: tuple[str, ...], expected: ApplicationType) -> None:
    """Loopback and private schemes make a native client, in the single slash form too (NAT-01)."""
    assert checked(replace(PUBLIC, redirect_uris=uris)).application_type is expected


def test_who_has_no_redirect_uri_is_a_web_client() -> None:
    """A client that only acts for itself needs no redirect URI."""
    settings = checked(replace(CONFIDENTIAL, redirect_uris=(), grant_types=(CREDENTIALS,)))
    assert settings.application_type is ApplicationType.WEB


@pytest.mark.parametrize(
    "changes",
    [
        {"application_type": ApplicationType.NATIVE},
        {"grant_types": (CODE, REFRESH)},
        {"grant_types": (REFRESH, CODE)},
        {"refresh_limit": 0},
        {"refresh_limit": 2**31 - 1},
        {"access_token_lifetime_seconds": 1},
        {"access_token_lifetime_seconds": 86_400},
        {"name": '写真 & (Prints); "quoted" <b>'},
        {"name": "x" * 100, "version": "x" * 100},
        {"auth_method": AuthMethod.NONE},
        {"branding_header": "x" * 400},
    ],
)
def test_what_goes_together_is_taken(changes: dict[str, Any]) -> None:
    """Names are any text that can be shown, and every bound is within."""
    settings = checked(replace(PUBLIC, **changes))
    assert all(getattr(settings, field) == value for field, value in changes.items())


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        (PUBLIC, {"type": None}),
        (PUBLIC, {"name": ""}),
        (PUBLIC, {"name": "x" * 101}),
        (PUBLIC, {"name": "a\tb"}),
        (PUBLIC, {"name": "a\u202eb"}),
        (PUBLIC, {"name": "a\u200bb"}),
        (PUBLIC, {"name": "a  b"}),
        (PUBLIC, {"name": "a "}),
        (PUBLIC, {"name": "\u3164"}),
        (PUBLIC, {"version": ""}),
        (PUBLIC, {"description": "a\nb"}),
        (PUBLIC, {"branding_footer": "x" * 401}),
        (PUBLIC, {"grant_types": ()}),
        (PUBLIC, {"grant_types": (REFRESH,)}),
        (PUBLIC, {"grant_types": (CODE, CREDENTIALS)}),
        (PUBLIC, {"redirect_uris": ()}),
        (PUBLIC, {"redirect_uris": ("com.example.app:/cb",), "application_type": ApplicationType.WEB}),
        (PUBLIC, {"auth_method": AuthMethod.CLIENT_SECRET_POST}),
        (CONFIDENTIAL, {"auth_method": AuthMethod.NONE}),
        (CONFIDENTIAL, {"grant_types": (REFRESH, CREDENTIALS)}),
        (PUBLIC, {"refresh_limit": -1}),
        (PUBLIC, {"access_token_lifetime_seconds": 0}),
        (PUBLIC, {"access_token_lifetime_seconds": 86_401}),
        (PUBLIC, {"scopes": ("a b",)}),
        (PUBLIC, {"scopes": tuple(f"s{number}" for number in range(201))}),
        (PUBLIC, {"branding_logo": b"GIF89a"}),
        (PUBLIC, {"redirect_uris": tuple(f"https://app.example/{number}" for number in range(21))}),
    ],
)
def test_what_does_not_go_together_is_refused(settings: ClientSettings, changes: dict[str, Any]) -> None:
    """Whatever a client could do harm with, or nothing at all, is refused."""
    with pytest.raises(Invalid):
        checked(replace(settings, **changes))


@pytest.mark.parametrize(
    "uri", ["myapp:/cb", "javascript:alert(1)", "https://a.example/#x", "http://a.example/cb", "x"]
)
def test_a_bad_uri_is_refused_whatever_the_client_is_called(uri: str) -> None:
    """Neither a native nor a web client can register a dotless scheme, a fragment or plain http (DCR-02, NAT-01)."""
    for application_type in (None, *ApplicationType):
        with pytest.raises(Invalid):
            checked(replace(PUBLIC, redirect_uris=(uri,), application_type=application_type))


def test_an_error_message_holds_no_more_than_an_excerpt() -> None:
    """A long value comes back shortened, as an error has to fit into the trailers of an answer."""
    with pytest.raises(Invalid) as caught:
        checked(replace(PUBLIC, redirect_uris=("http://a.example/" + "x" * 1900,)))
    assert len(caught.value.message) < 300


def test_grant_types_are_known_by_name() -> None:
    """Each grant type counts once, and one that is not offered is refused by its name (GEN-12)."""
    assert grant_types(["refresh_token", "authorization_code", "refresh_token"]) == (REFRESH, CODE)
    for name in ("password", "implicit", "", "Authorization_Code"):
        with pytest.raises(Invalid, match=f"'{name}' is not offered"):
            grant_types([name])
