"""Who takes part in a case: a person at a browser, and clients that do right or wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urljoin

import httpx

from tests.interop.black_box.target import Registered, Target
from tests.support.flow import SECONDS, Pkce, parameters_of
from tests.support.overheard import OVERHEARD
from tests.support.pages import forms

STATE = "a state"
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_LONGEST_WALK = 12

Changes = Mapping[str, str | None]
"""Parameters that differ from a good request's; None leaves one out."""


@dataclass(frozen=True, slots=True)
class Code:
    """A code, and what its rightful client redeems it with."""

    client: Registered
    code: str = field(repr=False)
    verifier: str = field(repr=False)

    def form(self, **changes: str | None) -> dict[str, str | None]:
        """Return the token request."""
        return {
            "grant_type": "authorization_code",
            "code": self.code,
            "code_verifier": self.verifier,
            "redirect_uri": self.client.redirect_uri,
            **changes,
        }


class Parties:
    """A person who is signed in from the first approval on, and the clients of a target."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._browser = httpx.Client(timeout=SECONDS, trust_env=False, event_hooks=OVERHEARD)
        self._http = httpx.Client(timeout=SECONDS, trust_env=False, event_hooks=OVERHEARD)

    def authorization_url(self, client: Registered, verifier: str, changes: Changes) -> str:
        """Return a client's authorization request."""
        good = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri,
            "scope": " ".join(self.target.scopes),
            "state": STATE,
            "code_challenge": Pkce(verifier).challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.target.metadata['authorization_endpoint']}?{urlencode(_present({**good, **changes}))}"

    def ask(self, url: str) -> httpx.Response:
        """Open an authorization request in a browser that nobody is signed in at."""
        return self._http.get(url)

    def code(self, client: Registered, *, verifier: str = "", **changes: str | None) -> Code:
        """Return a code that the person has approved."""
        verifier = verifier or Pkce().verifier
        answer = parameters_of(self._walk(self.authorization_url(client, verifier, changes), client.redirect_uri))
        return Code(client, answer["code"], verifier)

    def tokens(self, client: Registered) -> dict[str, Any]:
        """Return what a client is given for a new code."""
        answer = self.redeem(self.code(client))
        assert answer.status_code == httpx.codes.OK, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    def redeem(self, code: Code, /, *, by: Registered | None = None, **changes: str | None) -> httpx.Response:
        """Redeem a code."""
        return self.post("token_endpoint", by or code.client, code.form(**changes))

    def refresh(self, client: Registered, refresh_token: str, **changes: str) -> httpx.Response:
        """Refresh."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **changes}
        return self.post("token_endpoint", client, form)

    def is_active(self, access_token: str, owner: Registered) -> bool:
        """Tell whether a client's own token is live."""
        answer = self.post("introspection_endpoint", owner, {"token": access_token})
        return bool(answer.json()["active"])

    def post(self, endpoint: str, client: Registered | None, form: Changes, **headers: str) -> httpx.Response:
        """Post a form to an endpoint, with the client's credentials if there is a client."""
        sent = dict(_present(form))
        auth = None
        if client is not None and client.client_secret is not None:
            # Ids and secrets here need no form-encoding (RFC 6749 §2.3.1).
            auth = httpx.BasicAuth(client.client_id, client.client_secret)
        elif client is not None:
            sent = {"client_id": client.client_id, **sent}
        return self.send("POST", endpoint, urlencode(sent), auth=auth, headers={**_FORM, **headers})

    def send(self, method: str, endpoint: str, content: str, **options: Any) -> httpx.Response:
        """Send any request to an endpoint; a path after its name is appended to its address."""
        name, _, rest = endpoint.partition("?")
        url = self.target.metadata[name] + (f"?{rest}" if rest else "")
        return self._http.request(method, url, content=content, **options)

    def _walk(self, url: str, redirect_uri: str) -> str:
        response = self._browser.get(url)
        for _ in range(_LONGEST_WALK):
            if response.is_redirect:
                location = urljoin(str(response.url), response.headers["location"])
                if location.startswith(redirect_uri):
                    return location
                response = self._browser.get(location)
            else:
                response = self._answer(response)
        raise AssertionError(f"after {_LONGEST_WALK} steps there is still no answer for the client")

    def _answer(self, page: httpx.Response) -> httpx.Response:
        form = forms(page.text)[0]
        typed = [(name, self.target.sign_in.get(name, value)) for name, value in form.fields]
        pressed = form.buttons.get(self.target.approve)
        fields = [*typed, *form.boxes, *([pressed] if pressed and pressed[0] else [])]
        headers = {**_FORM, "origin": self.target.metadata["issuer"]}
        return self._browser.request(
            form.method, urljoin(str(page.url), form.action), content=urlencode(fields), headers=headers
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._browser.close()
        self._http.close()


def _present(parameters: Changes) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if value is not None}
