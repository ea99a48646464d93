"""Ending tokens, and bringing them back, at one replica of authorize and one of token."""

from collections.abc import Callable
from contextlib import ExitStack, closing

import grpc
import httpx

from tests.integration.lease.cast import Holding
from tests.integration.lease.operating import ending, restoring
from tests.integration.lease.places import Place
from tests.integration.lease.ways import Way
from tests.support.flow import credentials_of
from tests.support.operator_client import OperatorClient

_SECONDS = 9.0
_NO_ANSWER = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
_AT_TOKEN = {Way.ACCESS_TOKEN, Way.REFRESH_TOKEN, Way.OWN_TOKEN, Way.GRANT, Way.REPLAY, Way.REUSE}
_DELETED = {Way.CLIENT_DELETED, Way.USER_DELETED, Way.GROUP_DELETED}


class NotReported(Exception):
    """Nobody was told that it was done."""


class Hands:
    """Does what clients, users and operators do; returns once it is told that it was done."""

    def __init__(self, authorize: Place, token: Place, issuer: str, credential: str, resources: ExitStack) -> None:
        self._authorize = authorize
        self._token = token
        self._headers = {"origin": issuer}
        self._operator = resources.enter_context(
            closing(OperatorClient(authorize.grpc_target, token.grpc_target, credential))
        )
        # A connection for each request: one that was kept may belong to a process that is no more.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = resources.enter_context(httpx.Client(timeout=_SECONDS, trust_env=False, limits=limits))

    def place_of(self, way: Way) -> str:
        """Return the name of the replica where tokens are ended in a way."""
        return (self._token if way in _AT_TOKEN else self._authorize).name

    def end(self, holding: Holding) -> None:
        """End a holding in its way, or learn that it has ended; raise `NotReported`."""
        match holding.way:
            case Way.ACCESS_TOKEN | Way.OWN_TOKEN:
                self._revoke(holding, holding.access_tokens[0])
            case Way.REFRESH_TOKEN:
                self._revoke(holding, holding.refresh_token)
            case Way.REPLAY if holding.approval is not None:
                self._refused(holding, holding.approval.form())
            case Way.REUSE:
                self._refused(holding, {"grant_type": "refresh_token", "refresh_token": holding.replaced_token})
            case Way.CONSENT:
                self._withdraw(holding)
            case _:
                self._operate(holding)

    def learn(self, holding: Holding) -> None:
        """Refresh, and be told that the grant is over; raise `NotReported` when it is not."""
        self._refused(holding, {"grant_type": "refresh_token", "refresh_token": holding.refresh_token})

    def restore(self, holding: Holding) -> None:
        """Undo what is not for good; raise `NotReported` when it may or may not be."""
        self._answered(restoring(self._operator, holding))

    def _operate(self, holding: Holding) -> None:
        self._answered(ending(self._operator, holding), gone_will_do=holding.way in _DELETED)

    def _answered(self, call: Callable[[], object], *, gone_will_do: bool = False) -> None:
        try:
            call()
        except grpc.RpcError as error:
            if error.code() in _NO_ANSWER:
                raise NotReported from error
            if not (gone_will_do and error.code() is grpc.StatusCode.NOT_FOUND):
                raise

    def _revoke(self, holding: Holding, token: str) -> None:
        answer = self._post("revoke", holding, {"token": token})
        if answer.status_code != httpx.codes.OK:
            raise AssertionError(answer.text)

    def _refused(self, holding: Holding, form: dict[str, str]) -> None:
        answer = self._post("token", holding, form)
        if answer.status_code == httpx.codes.OK:
            raise NotReported
        if (answer.status_code, answer.json()["error"]) != (httpx.codes.BAD_REQUEST, "invalid_grant"):
            raise AssertionError(answer.text)

    def _post(self, endpoint: str, holding: Holding, form: dict[str, str]) -> httpx.Response:
        own, auth = credentials_of(holding.client)
        url = f"{self._token.http_url}/oauth2/{endpoint}"
        return _known(lambda: self._http.post(url, data={**form, **own}, auth=auth))

    def _withdraw(self, holding: Holding) -> None:
        if holding.account is None:
            raise AssertionError("nobody is signed in")
        browser, fields = holding.account
        url = f"{self._authorize.http_url}/account"
        answer = _known(lambda: browser.post(url, data=dict(fields), headers=self._headers))
        if not (answer.is_redirect and "/account" in answer.headers["location"]):
            raise AssertionError(f"{answer.status_code} {answer.text}")


def _known(request: Callable[[], httpx.Response]) -> httpx.Response:
    """Return an answer that says something; raise `NotReported`."""
    try:
        answer = request()
    except httpx.TransportError as error:
        raise NotReported from error
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        raise NotReported
    return answer
