import pytest

from tallystick.oauth2.client import ApplicationType
from tallystick.oauth2.redirect_uri import is_native, is_on_device, matching, registration_problem

WEB, NATIVE = ApplicationType.WEB, ApplicationType.NATIVE
REGISTERED = "https://app.example/cb?x=1"


@pytest.mark.parametrize(
    "presented",
    [
        "HTTPS://app.example/cb?x=1",
        "https://App.example/cb?x=1",
        "https://app.example:443/cb?x=1",
        "https://app.example/cb/?x=1",
        "https://app.example/cb?x=1&y=2",
        "https://app.example/cb?x=%31",
        "https://app.example/cb",
        "https://app.example/%63b?x=1",
        "https://app.example/cb/../cb?x=1",
        "https://app.example/cb/x?x=1",
        "https://app.example.evil.com/cb?x=1",
        "https://app.example@evil.com/cb?x=1",
        "https://evil.com\\@app.example/cb?x=1",
        "https://app.example//cb?x=1",
        "https://app.example/cb?x=1\n",
        "https://app.example/cb?x=1\t",
        " https://app.example/cb?x=1",
        "https://app.example/cb?x=1#",
        "https://app.example/cb?x=1#f",
        "https://\u0430pp.example/cb?x=1",
        "http://app.example/cb?x=1",
        "https://app.example",
        "",
    ],
)
@pytest.mark.parametrize("application_type", [WEB, NATIVE])
def test_only_the_registered_string_matches(presented: str, application_type: ApplicationType) -> None:
    """A redirect URI is compared as a string, without normalising (AUTHZ-03)."""
    assert not matching([REGISTERED], presented, application_type)
    assert matching([REGISTERED], REGISTERED, application_type)


@pytest.mark.parametrize(
    ("registered", "presented"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb"),
        ("http://127.0.0.1:8090/cb", "http://127.0.0.1/cb"),
        ("http://[::1]/cb?a=b", "http://[::1]:5000/cb?a=b"),
        ("http://127.0.0.1", "http://127.0.0.1:5000"),
    ],
)
def test_a_native_client_may_listen_on_any_loopback_port(registered: str, presented: str) -> None:
    """On the loopback interface the port is free for native clients, and for nobody else (AUTHZ-04)."""
    assert matching([registered], presented, NATIVE)
    assert not matching([registered], presented, WEB)


@pytest.mark.parametrize(
    "presented",
    [
        "http://127.0.0.1.evil.com/cb",
        "http://127.0.0.1@evil.com/cb",
        "http://127.0.0.1:80@evil.com/cb",
        "http://127.0.0.1:80:80/cb",
        "http://0x7f.1/cb",
        "http://2130706433/cb",
        "http://127.1/cb",
        "http://localhost:5000/cb",
        "http://[::1]:5000/cb",
        "http://127.0.0.1:5000/cb/",
        "http://127.0.0.1:5000/other",
        "http://127.0.0.1:5000/cb?x=1",
        "http://127.0.0.1:5000/cb#f",
        "https://127.0.0.1:5000/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:065/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:5000/cb\n",
        "http://127.0.0.2:5000/cb",
    ],
)
def test_the_loopback_exception_is_about_the_port_only(presented: str) -> None:
    """Host, path and query stay exact, and look-alikes of the loopback address are none (AUTHZ-04)."""
    assert not matching(["http://127.0.0.1/cb"], presented, NATIVE)


def test_localhost_has_no_port_exception() -> None:
    """`localhost` may be registered but is compared exactly (AUTHZ-04)."""
    assert matching(["http://localhost:3000/cb"], "http://localhost:3000/cb", NATIVE)
    assert not matching(["http://localhost:3000/cb"], "http://localhost:3001/cb", NATIVE)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/cb",
        "app.example/cb",
        "https://",
        "https:///cb",
        "https://app.example/cb#f",
        "https://app.example/cb#",
        "https://user@app.example/cb",
        "https://user:secret@app.example/cb",
        "https://app.example/c b",
        "https://app.example/cb\n",
        "https://app.example/*/ü",
        "https://app.example:99999/cb",
        "https://app.example:0/cb",
        "https://[::1/cb",
        "http://app.example/cb",
        "http://127.0.0.1.evil.com/cb",
        "http://2130706433/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "myapp:/cb",
        "https://app.example/" + "a" * 2000,
    ],
)
@pytest.mark.parametrize("application_type", [WEB, NATIVE])
def test_uris_that_cannot_be_registered(uri: str, application_type: ApplicationType) -> None:
    """Fragments, cleartext off loopback, scripts and schemes without a dot are refused (NAT-01)."""
    assert registration_problem(uri, application_type) is not None


@pytest.mark.parametrize(
    "uri", ["https://app.example/cb?x=1", "http://127.0.0.1/cb", "http://[::1]:80/cb", "http://localhost:3000/cb"]
)
def test_uris_that_can_be_registered(uri: str) -> None:
    """Secure URIs anywhere and cleartext on this device may be registered (RESP-06)."""
    assert registration_problem(uri, WEB) is None


def test_private_schemes_are_for_native_clients() -> None:
    """A scheme with a dot belongs to a native application, in the single-slash form too (NAT-01)."""
    assert registration_problem("com.example.app:/cb", NATIVE) is None
    assert registration_problem("com.example.app:/cb", WEB) is not None


def test_where_an_application_runs_shows_in_its_uris() -> None:
    """An application whose every URI leads to the user's device is a native one (NAT-02)."""
    assert is_native(["http://127.0.0.1/cb", "com.example.app:/cb"])
    assert not is_native(["http://127.0.0.1/cb", "https://app.example/cb"])
    assert not is_native([])
    assert not is_on_device("https://127.0.0.1/cb")
