"""The pages, rendered: HTML together with the headers that protect it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from services.authorize.pages.account_view import AccountView
from services.authorize.pages.branding import Branding
from services.authorize.pages.consent_view import ConsentView, RequestedScope
from services.authorize.pages.content_security_policy import content_security_policy, inline_source
from services.authorize.pages.date_text import date_text
from services.authorize.pages.destination import Destination
from services.authorize.pages.display_text import display_text
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.pages.sign_in_view import SignInView
from services.authorize.pages.words import Words
from services.authorize.pages.words_en import ENGLISH

_HERE = Path(__file__).parent
_UNBRANDED = Branding()

# How much of a text a page shows, in characters. A longer name could push what matters out of sight.
_NAME = 120
_SENTENCE = 400
# The end of a host name says whose it is, so none is cut: RFC 1035 §2.3.4 allows 255 characters, a port follows.
_PLACE = 300


@dataclass(frozen=True, slots=True)
class Page:
    """An answer for a browser, complete but for cookies."""

    status: int
    html: str
    headers: Mapping[str, str]


class Pages:
    """Renders each page in one language and the deployment's branding, which a client's own overrides by field."""

    def __init__(self, branding: Branding, words: Words = ENGLISH) -> None:
        """Read and compile templates and style, so that a broken one stops the start and not a sign-in."""
        self._branding = branding
        self._words = words
        style = (_HERE / "style.css").read_text(encoding="utf-8")
        script = (_HERE / "one_answer.js").read_text(encoding="utf-8")
        self._style_source, self._script_source = inline_source(style), inline_source(script)
        environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["fill"] = _fill
        mark = environment.get_template("mark.svg").render()
        environment.globals.update(
            words=words, style=style, script=script, mark_uri=f"data:image/svg+xml,{quote(mark)}"
        )
        self._sign_in = environment.get_template("sign_in.html")
        self._consent = environment.get_template("consent.html")
        self._account = environment.get_template("account.html")
        self._error = environment.get_template("error.html")

    def sign_in(self, view: SignInView, *, interaction: str, csrf: str, branding: Branding = _UNBRANDED) -> Page:
        """Ask for username and password."""
        html = self._sign_in.render(
            self._frame(branding),
            client=None if view.client_name is None else self._client(view.client_name),
            interaction=interaction,
            csrf=csrf,
            username=display_text(view.username, limit=_NAME),
            failed=view.failed,
            wait_minutes=-(-view.wait_seconds // 60),
            signed_out=view.signed_out,
        )
        # An answer that needs no consent redirects to the client straight from this form.
        form_action = "'self'" if view.client_name is None else None
        if view.wait_seconds == 0:
            return self._page(HTTPStatus.OK, html, form_action=form_action)
        page = self._page(HTTPStatus.TOO_MANY_REQUESTS, html, form_action=form_action)
        return Page(page.status, page.html, {**page.headers, "Retry-After": str(view.wait_seconds)})

    def consent(self, view: ConsentView, *, interaction: str, csrf: str, branding: Branding = _UNBRANDED) -> Page:
        """Ask the resource owner what the client may do."""
        destination = Destination.of(view.redirect_uri)
        html = self._consent.render(
            self._frame(branding),
            client=self._client(view.client_name),
            version=display_text(view.client_version, limit=_NAME),
            username=display_text(view.username, limit=_NAME),
            place=display_text(destination.name, limit=_PLACE),
            on_this_device=destination.on_this_device,
            scopes=_scopes(view.scopes),
            offline=view.offline,
            interaction=interaction,
            csrf=csrf,
        )
        return self._page(HTTPStatus.OK, html, form_action=None)

    def account(self, view: AccountView, *, csrf: str, sign_out_csrf: str) -> Page:
        """Show who has access to an account; each application's access can be withdrawn."""
        applications = []
        for application in view.applications:
            destination = Destination.of(application.redirect_uri)
            used = application.last_used_at
            applications.append(
                {
                    "client_id": application.client_id,
                    "name": self._client(application.name),
                    "version": display_text(application.version, limit=_NAME),
                    "place": display_text(destination.name, limit=_PLACE),
                    "on_this_device": destination.on_this_device,
                    "scopes": _scopes(application.scopes),
                    "since": self._day(application.given_at),
                    "last_used": None if used is None else self._day(used),
                }
            )
        html = self._account.render(
            self._frame(_UNBRANDED),
            username=display_text(view.username, limit=_NAME),
            withdrawn=None if view.withdrawn is None else self._client(view.withdrawn),
            applications=applications,
            csrf=csrf,
            sign_out_csrf=sign_out_csrf,
        )
        return self._page(HTTPStatus.OK, html, form_action="'self'")

    def error(self, kind: ErrorKind, *, request_id: str, branding: Branding = _UNBRANDED) -> Page:
        """Say what went wrong and what to do next; nothing of the request but its id can get in."""
        html = self._error.render(
            self._frame(branding),
            say=self._words.errors[kind],
            request_id=display_text(request_id, limit=_NAME),
        )
        page = self._page(kind.status, html, form_action="'none'")
        if kind is ErrorKind.UNAVAILABLE:
            return Page(page.status, page.html, {**page.headers, "Retry-After": "5"})
        return page

    def _client(self, name: str) -> str:
        return display_text(name, limit=_NAME) or self._words.unnamed_client

    def _day(self, moment: datetime) -> dict[str, str]:
        return {"text": date_text(moment, self._words), "machine": moment.astimezone(UTC).date().isoformat()}

    def _frame(self, branding: Branding) -> dict[str, str | None]:
        shown = branding.over(self._branding)
        return {
            "title": display_text(shown.title or "", limit=_NAME) or self._words.product,
            "logo": shown.logo_uri(),
            "header": display_text(shown.header or "", limit=_SENTENCE),
            "footer": display_text(shown.footer or "", limit=_SENTENCE),
        }

    def _page(self, status: int, html: str, *, form_action: str | None) -> Page:
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Language": self._words.lang,
            "Vary": "Accept-Language",
            "Content-Security-Policy": content_security_policy(
                style=self._style_source, script=self._script_source, form_action=form_action
            ),
            "X-Frame-Options": "DENY",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store",
            "Pragma": "no-cache",
        }
        return Page(int(status), html, headers)


def _scopes(scopes: Iterable[RequestedScope]) -> list[dict[str, str]]:
    return [
        {
            "value": scope.name,
            "name": display_text(scope.name, limit=_NAME),
            "description": display_text(scope.description, limit=_SENTENCE),
        }
        for scope in scopes
    ]


def _fill(sentence: str, **parts: str) -> Markup:
    return escape(sentence).format(**parts)
