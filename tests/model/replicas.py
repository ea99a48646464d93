"""What the model's clients do, sent to two replicas of token."""

import secrets
from dataclasses import replace
from threading import Barrier

import httpx

from tallystick.oauth2.refresh_token import RefreshToken, parse_refresh_token
from tests.model.cast import Cast
from tests.model.requests import ClientCredentials, Redeem, Refresh, Request, RevokeAccessToken, RevokeRefreshToken
from tests.model.texts import Seen, Texts
from tests.support.flow import Pkce, credentials_of
from tests.support.operator_client import Client


class Replicas:
    """Sends requests, and asks introspection."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._stage = cast.stage

    def send(self, request: Request, texts: Texts, replica: int) -> Seen:
        """Send a request to a replica of token."""
        path, name, form = self._written(request, texts)
        client = self._cast.clients[name]
        if isinstance(request, ClientCredentials) and not request.right_secret:
            client = replace(client, client_secret=self._cast.former_secrets[name])
        own, auth = credentials_of(client)
        url = f"{self._stage.cluster.replicas('token')[replica].http_url}/oauth2/{path}"
        return self._seen(self._stage.http[replica].post(url, data={**form, **own}, auth=auth))

    def send_at_once(self, first: Request, second: Request, texts: Texts) -> tuple[Seen, Seen]:
        """Send two requests at the same moment, each to a replica of its own."""
        start = Barrier(2)

        def send(request: Request, replica: int) -> Seen:
            start.wait()
            return self.send(request, texts, replica)

        answers = [self._stage.threads.submit(send, each, replica) for replica, each in enumerate((first, second))]
        return answers[0].result(), answers[1].result()

    def introspect(self, token: str, caller: str) -> dict[str, object]:
        """Return what introspection says of a token to a client, to the resource server or to a stranger."""
        others = {"resource server": self._stage.resource_server, "stranger": self._stage.stranger}
        client: Client = others.get(caller) or self._cast.clients[caller]
        own, auth = credentials_of(client)
        url = f"{self._stage.cluster.introspect.http_url}/oauth2/introspect"
        answer: dict[str, object] = self._stage.http[0].post(url, data={"token": token, **own}, auth=auth).json()
        return answer

    def _written(self, request: Request, texts: Texts) -> tuple[str, str, dict[str, str]]:
        """Return endpoint, client and parameters of a request."""
        match request:
            case Redeem(client, code, right_verifier, right_redirect_uri):
                form = self._cast.approvals[code].form()
                if not right_verifier:
                    form["code_verifier"] = Pkce().verifier
                if not right_redirect_uri:
                    form["redirect_uri"] += "/elsewhere"
                return "token", client, form
            case Refresh(client, code, generation, damage, scopes):
                token = _damaged(texts.refresh[code, generation], damage)
                form = {"grant_type": "refresh_token", "refresh_token": token}
                if scopes is not None:
                    form["scope"] = " ".join(sorted(self._cast.scope_names(scopes)))
                return "token", client, form
            case ClientCredentials(client):
                return "token", client, {"grant_type": "client_credentials"}
            case RevokeAccessToken(client, access_token):
                return "revoke", client, {"token": texts.access[access_token]}
            case RevokeRefreshToken(client, code, generation, damage):
                return "revoke", client, {"token": _damaged(texts.refresh[code, generation], damage)}
        raise AssertionError(f"nobody knows how to send {request}")

    def _seen(self, answer: httpx.Response) -> Seen:
        """Read an answer; one that is no JSON says nothing."""
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        members = answer.json() if is_json else {}
        return Seen(
            status=answer.status_code,
            error=members.get("error", ""),
            scopes=self._cast.scopes_named(members["scope"]) if "scope" in members else None,
            access_token=members.get("access_token"),
            refresh_token=members.get("refresh_token"),
        )


def parsed(refresh_token: str) -> RefreshToken:
    """Return the parts of a refresh token."""
    token = parse_refresh_token(refresh_token)
    if token is None:
        raise AssertionError("that is no refresh token")
    return token


def _damaged(refresh_token: str, damage: str) -> str:
    """Return a refresh token as it is, cut, with one character changed, or made up with a checksum that is right."""
    match damage:
        case "cut":
            return refresh_token[:-1]
        case "flipped":
            return refresh_token[:9] + ("A" if refresh_token[9] != "A" else "B") + refresh_token[10:]
        case "forged":
            return str(replace(parsed(refresh_token), secret=secrets.token_bytes(32)))
        case _:
            return refresh_token
