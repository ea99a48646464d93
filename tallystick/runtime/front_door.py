"""What is decided about a request before any endpoint sees it: where it came from, and whether it came safely."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tallystick.runtime.cors import CrossOrigin
from tallystick.runtime.forwarded import Contradictory, TrustedProxies, parse_address
from tallystick.runtime.log import logger
from tallystick.runtime.settings import PREFIX

_HSTS = {"Strict-Transport-Security": "max-age=31536000"}
_BAD_REQUEST = 400

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a request at the door: where it came from, headers for its answer, and perhaps the answer.

    `proxied` tells that a trusted proxy sent it, whose other headers are believed as well.
    """

    address: str
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: Response | None = None
    proxied: bool = False


def _refused(request: Request, reason: str) -> Response:
    del request
    return PlainTextResponse(reason, _BAD_REQUEST)


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """The rules of the door; as it stands here, open to everybody as on loopback.

    `refused` writes the answer, with status 400, to what did not come safely, and is told why in words that quote
    nothing. It never redirects: what came in clear may have held secrets, and must not seem to work.
    """

    https_required: bool = False
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    cross_origin: CrossOrigin = field(default_factory=CrossOrigin)
    refused: Callable[[Request, str], Response] = _refused

    def entry(self, request: Request) -> Entry:
        """Judge a request by its connection and by what trusted proxies say of it."""
        peer = request.client.host if request.client else ""
        readable = self.cross_origin.headers(request.scope["path"])
        try:
            origin = self.proxies.origin(
                peer,
                request.headers.getlist("x-forwarded-for"),
                request.headers.getlist("x-forwarded-proto"),
            )
        except Contradictory as contradiction:
            _log.warning("forwarded_headers_refused", peer=peer, reason=str(contradiction))
            return Entry(peer, readable, self.refused(request, str(contradiction)))
        if self.https_required and not origin.is_https:
            _log.warning("plain_http_refused", peer=peer, advice=self._advice(peer))
            # RFC 6797 §7.2: nothing that came in clear is answered with Strict-Transport-Security.
            return Entry(origin.address, readable, self.refused(request, "the request must come over https"))
        secure = _HSTS if self.https_required else {}
        return Entry(
            origin.address,
            {**readable, **secure},
            self.cross_origin.preflight(request),
            proxied=self.proxies.trusts(parse_address(peer)),
        )

    def _advice(self, peer: str) -> str:
        if self.proxies.origin(peer, (), ("https",)).is_https:
            return f"{peer} is a trusted proxy: what comes over https it must say by X-Forwarded-Proto: https"
        return f"if {peer} is your proxy that terminates TLS, name it in {PREFIX}TRUSTED_PROXIES"
