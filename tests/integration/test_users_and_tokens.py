"""What becomes of sessions and tokens when a user's password changes, or the user is disabled or deleted."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tallystick.authorize.v1 import user_pb2
from tests.support.cluster import Cluster
from tests.support.flow import Approval, Visitor, introspect, redeem, refresh
from tests.support.operator_client import Client, User
from tests.support.pages import forms

DEAD = {"active": False}
REFUSED = (400, "invalid_grant")


@dataclass(frozen=True, slots=True)
class Life:
    """A user at a browser, a code that has been redeemed and one that has not, and who is asked about the tokens."""

    cluster: Cluster
    user: User
    visitor: Visitor
    client: Client
    resource_server: Client
    access_token: str
    refresh_token: str
    code: Approval

    def is_signed_in(self) -> bool:
        """Tell whether the browser is shown the account."""
        answer = self.visitor.browser.get(f"{self.cluster.authorize.http_url}/account")
        return answer.status_code == httpx.codes.OK

    def is_live(self) -> bool:
        """Tell whether the access token is good."""
        return introspect(self.cluster, self.resource_server, self.access_token) != DEAD

    def refreshed(self) -> tuple[int, str]:
        """Refresh with the refresh token, and return status and error."""
        return told(refresh(self.cluster, self.client, self.refresh_token))


def told(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the error of an answer of token."""
    return answer.status_code, answer.json().get("error", "")


@pytest.fixture
def life(cluster: Cluster) -> Iterator[Life]:
    """Everything that stands on one user."""
    caller, _, scope = cluster.operator.create_resource_server()
    client, user = cluster.operator.create_client(scopes=[scope]), cluster.operator.create_user()
    with Visitor(cluster, user) as visitor:
        tokens = redeem(cluster, visitor.approve(client)).json()
        unspent = visitor.approve(client)
        living = Life(cluster, user, visitor, client, caller, tokens["access_token"], tokens["refresh_token"], unspent)
        assert living.is_signed_in()
        assert living.is_live()
        yield living


def test_a_new_password_ends_everything(life: Life) -> None:
    """Sessions, access tokens, refresh tokens and codes of before are dead, and stay so (REFR-07, UI-05)."""
    operator, password = life.cluster.operator, "another password"
    operator.passwords.append(password)
    request = user_pb2.SetUserPasswordRequest(username=life.user.username, password=password)
    operator.call(operator.users.SetUserPassword, request)
    assert (life.is_signed_in(), life.is_live()) == (False, False)
    assert (life.refreshed(), told(redeem(life.cluster, life.code))) == (REFUSED, REFUSED)
    with Visitor(life.cluster, User(life.user.user_id, life.user.username, password)) as visitor:
        tokens = redeem(life.cluster, visitor.approve(life.client)).json()
    assert introspect(life.cluster, life.resource_server, tokens["access_token"])["active"]
    assert (life.is_signed_in(), life.is_live(), life.refreshed()) == (False, False, REFUSED)


def test_a_disabled_user_is_suspended(life: Life) -> None:
    """Disabling stops sessions and tokens, and enabling gives them back (REFR-07)."""
    operator = life.cluster.operator
    operator.call(operator.users.DisableUser, user_pb2.DisableUserRequest(username=life.user.username))
    assert (life.is_signed_in(), life.is_live()) == (False, False)
    assert (life.refreshed(), told(redeem(life.cluster, life.code))) == (REFUSED, REFUSED)
    operator.call(operator.users.EnableUser, user_pb2.EnableUserRequest(username=life.user.username))
    assert (life.is_signed_in(), life.is_live()) == (True, True)
    assert life.refreshed() == (httpx.codes.OK, "")


def test_a_deleted_user_leaves_nothing_alive(life: Life) -> None:
    """Sessions, tokens and codes are dead, and another user of that name does not bring them back (REFR-07, UI-05)."""
    operator = life.cluster.operator
    operator.call(operator.users.DeleteUser, user_pb2.DeleteUserRequest(username=life.user.username))
    assert (life.is_signed_in(), life.is_live(), life.refreshed()) == (False, False, REFUSED)
    operator.create_user(life.user.username, life.user.password)
    assert (life.is_signed_in(), life.is_live(), life.refreshed()) == (False, False, REFUSED)
    assert told(redeem(life.cluster, life.code)) == REFUSED


def test_signing_out_leaves_what_was_allowed(life: Life) -> None:
    """What an application may do while people are away outlives their session (REFR-07)."""
    account = life.visitor.browser.get(f"{life.cluster.authorize.http_url}/account")
    [form] = [form for form in forms(account.text) if form.action == "logout"]
    headers = {"origin": life.cluster.issuer}
    life.visitor.browser.post(f"{life.cluster.authorize.http_url}/logout", data=dict(form.fields), headers=headers)
    assert (life.is_signed_in(), life.is_live(), life.refreshed()) == (False, True, (httpx.codes.OK, ""))
