"""`GET /.well-known/oauth-authorization-server` (RFC 8414 §3), and the same where OpenID clients look for it."""

import json

from fastapi import FastAPI, Request, Response

from services.authorize.endpoints.answers import Answers
from services.authorize.endpoints.site import Site


class MetadataEndpoint:
    """Publishes a document that is written once, so that it depends on nothing of a request."""

    def __init__(self, document: dict[str, object], site: Site) -> None:
        self._document = json.dumps(document, indent=2).encode()
        # The latter comes after the issuer's own path (OpenID Connect Discovery §4).
        self.paths = (
            site.well_known("oauth-authorization-server"),
            site.path("/.well-known/openid-configuration"),
        )

    def add_to(self, app: FastAPI, answers: Answers) -> None:
        """Serve the document at both paths."""
        for path in self.paths:
            app.add_api_route(path, answers.around(self._handle), methods=["GET", "HEAD"], response_model=None)

    async def _handle(self, _: Request) -> Response:
        return Response(self._document, media_type="application/json")
