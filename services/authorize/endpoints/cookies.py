"""The cookies: one by which a browser is known again, one for the login session, and one that outlasts both.

The last, of the device, tells where accounts have been signed in to, so that their owners are not taken for strangers.
"""

import re

from fastapi import Request, Response

from services.authorize.endpoints.site import Site
from services.authorize.known_device import LIFETIME_SECONDS
from tallystick.oauth2.opaque_token import base64url, digest
from tallystick.runtime.randomness import Randomness

_VALUE_BYTES = 32
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


class Cookies:
    """Reads and sets the cookies.

    Behind https their names begin with `__Host-`, which no other host can set; over http, on loopback, they have
    neither prefix nor `Secure`. Ports and paths share cookies, so each issuer has names of its own.
    """

    def __init__(self, site: Site, randomness: Randomness) -> None:
        prefix = "__Host-" if site.is_https else ""
        mark = digest(site.issuer).hex()[:8]
        self._browser = f"{prefix}tallystick-browser-{mark}"
        self._session = f"{prefix}tallystick-session-{mark}"
        self._device = f"{prefix}tallystick-device-{mark}"
        self._secure = site.is_https
        self._randomness = randomness

    def browser(self, request: Request) -> str:
        """Return the value by which the browser is known; empty when it is not."""
        return _well_formed(request.cookies.get(self._browser))

    def session(self, request: Request) -> str:
        """Return the name of the session; empty when there is none."""
        return _well_formed(request.cookies.get(self._session))

    def device(self, request: Request) -> str:
        """Return the value by which the device is known where somebody has signed in; empty when there is none."""
        return _well_formed(request.cookies.get(self._device))

    def new_browser(self) -> str:
        """Draw a value by which to know a browser again."""
        return base64url(self._randomness.octets(_VALUE_BYTES))

    def set_browser(self, response: Response, value: str) -> None:
        """Have the browser keep the value by which it is known, until it is closed."""
        self._set(response, self._browser, value)

    def set_session(self, response: Response, value: str) -> None:
        """Have the browser keep the name of its session, until it is closed; our store may forget it earlier."""
        self._set(response, self._session, value)

    def clear_session(self, response: Response) -> None:
        """Have the browser forget the name of its session."""
        self._set(response, self._session, "", seconds=0)

    def set_device(self, response: Response, value: str) -> None:
        """Have the browser keep the value by which the device is known, for as long as we know it."""
        self._set(response, self._device, value, seconds=LIFETIME_SECONDS)

    def _set(self, response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
        response.set_cookie(name, value, max_age=seconds, path="/", secure=self._secure, httponly=True, samesite="lax")


def _well_formed(value: str | None) -> str:
    return value if value is not None and _VALUE.fullmatch(value) else ""
