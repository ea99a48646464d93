"""How PhotoPrint looks: templates, and the headers that protect what they make."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from examples.photoprint.problems import Problem

HERE = Path(__file__).parent / "templates"
STEPS = ("Request", "Code", "Exchange", "Token", "Photos")


class Pages:
    """Renders each page; the style sheet is part of it, and nothing is loaded from elsewhere."""

    def __init__(self, issuer: str, api: str) -> None:
        style = (HERE / "style.css").read_text("utf-8")
        environment = Environment(
            loader=FileSystemLoader(HERE),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["data_uri"] = _data_uri
        icon = f"data:image/svg+xml,{quote(environment.get_template('mark.svg').render())}"
        environment.globals.update(style=style, icon=icon, steps=STEPS, issuer=issuer, api=api)
        self._environment = environment
        style_hash = b64encode(sha256(style.encode()).digest()).decode()
        self._headers = {
            "content-security-policy": f"default-src 'none'; style-src 'sha256-{style_hash}'; img-src data:; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            "cross-origin-opener-policy": "same-origin",
            "cache-control": "no-store",
            # Our own forms keep their Origin; other sites learn nothing, not even the code in the callback's address.
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
        }

    def show(self, name: str, *, step: int = 0, reached: int = 0, **context: object) -> HTMLResponse:
        """Render a page that stands at a step (0 is none), in a journey that has reached one."""
        return self._render(name, HTTPStatus.OK, {"step": step, "reached": max(step, reached), **context})

    def explain(self, problem: Problem) -> HTMLResponse:
        """Render what went wrong."""
        context = {"step": problem.step, "reached": problem.step, "problem": problem}
        return self._render("problem.html", problem.status, context)

    def _render(self, name: str, status: HTTPStatus, context: Mapping[str, object]) -> HTMLResponse:
        html = self._environment.get_template(name).render(context)
        return HTMLResponse(html, status, self._headers)


def _data_uri(octets: bytes, media_type: str) -> str:
    """Return an image as a URI; as `<img>` not even an SVG can run scripts or load anything."""
    return f"data:{media_type};base64,{b64encode(octets).decode()}"
