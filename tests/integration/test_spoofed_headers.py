"""Headers that anybody can write, sent by a peer that is no trusted proxy, to every endpoint."""

from collections.abc import Iterator

import pytest

from tests.support.cluster import Cluster
from tests.support.doors import AUTHORIZE, EVERY_PATH, FORM, SERVICES, SPOOFED, Doors


@pytest.fixture(scope="module")
def doors(cluster: Cluster) -> Iterator[Doors]:
    with Doors(cluster, cluster.issuer) as doors:
        yield doors


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", [*EVERY_PATH, "/nowhere"])
def test_headers_of_strangers_change_nothing(doors: Doors, path: str, method: str) -> None:
    """Of an untrusted peer no header but those of the protocol has an effect on an answer (GEN-10)."""
    asked = doors.authorization() if path == AUTHORIZE else path
    body = f"token=x&client_id={doors.client.client_id}&grant_type=client_credentials"
    given = {"origin": doors.issuer, "x-request-id": "0123456789"}
    usual, spoofed = (
        doors.ask(method, asked, FORM | given | more, body) for more in ({}, {**SPOOFED, "origin": doors.issuer})
    )
    assert spoofed.status_code == usual.status_code
    assert spoofed.text == usual.text
    assert "evil" not in spoofed.text + str(spoofed.headers)
    changing = {"date", "location", "set-cookie"}
    assert {name: value for name, value in spoofed.headers.items() if name not in changing} == {
        name: value for name, value in usual.headers.items() if name not in changing
    }


@pytest.mark.parametrize("path", SERVICES)
def test_a_certificate_in_a_header_is_nobodys(doors: Doors, path: str) -> None:
    """Who names itself by a client-certificate header is not authenticated (GEN-10)."""
    body = {**doors.good_form(path), "client_id": doors.client.client_id}
    named = {**SPOOFED, "x-ssl-client-s-dn": f"CN={doors.client.client_id}"}
    assert doors.post(path, body, named).json()["error"] == "invalid_client"
