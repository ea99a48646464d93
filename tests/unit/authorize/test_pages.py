"""The pages: what they say, what they never say, and the headers that protect them."""

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from services.authorize.pages.account_view import AccountView, ApplicationWithAccess
from services.authorize.pages.branding import LOGO_LIMIT, Branding, check_logo
from services.authorize.pages.consent_view import ConsentView, RequestedScope
from services.authorize.pages.destination import Destination
from services.authorize.pages.display_text import display_text
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.pages.render import Page, Pages
from services.authorize.pages.sign_in_view import SignInView
from services.authorize.pages.translated_pages import TranslatedPages
from services.authorize.pages.words import Words
from services.authorize.pages.words_de import GERMAN
from services.authorize.pages.words_en import ENGLISH

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8L"
HOSTILE = "\"'><script>alert(1)</script>{{ 7 * 7 }}{client}\u202eevil\u2066\x00"
REDIRECT_URI = "https://photoprint.example/callback"
VIEW = ConsentView(
    client_name="PhotoPrint",
    client_version="1",
    redirect_uri=REDIRECT_URI,
    username="bob",
    scopes=(RequestedScope("photos.read", "See your photos"), RequestedScope("photos.print", "Order prints")),
    offline=True,
)
APPLICATION = ApplicationWithAccess(
    client_id="client-1",
    name="PhotoPrint",
    version="1",
    redirect_uri=REDIRECT_URI,
    scopes=VIEW.scopes,
    given_at=datetime(2026, 3, 1, tzinfo=UTC),
    last_used_at=datetime(2026, 5, 12, tzinfo=UTC),
)


class ParsedPage(HTMLParser):
    """The start tags of a page, with their attributes, and its text."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.tags if attributes.get("name") == name]

    def by_id(self, identifier: str) -> dict[str, str | None]:
        [found] = [attributes for _, attributes in self.tags if attributes.get("id") == identifier]
        return found


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages(Branding())


def sign_in(
    pages: Pages,
    *,
    client_name: str = "PhotoPrint",
    username: str = "",
    failed: bool = False,
) -> Page:
    view = SignInView(client_name, username, failed)
    return pages.sign_in(view, interaction="interaction-1", csrf="csrf-1")


def consent(pages: Pages, view: ConsentView = VIEW, branding: Branding | None = None) -> Page:
    return pages.consent(view, interaction="interaction-1", csrf="csrf-1", branding=branding or Branding())


def account(pages: Pages, *applications: ApplicationWithAccess, withdrawn: str | None = None) -> Page:
    return pages.account(AccountView("bob", applications, withdrawn), csrf="csrf-1", sign_out_csrf="csrf-2")


def every_page(pages: Pages) -> list[Page]:
    errors = [pages.error(kind, request_id="r-1") for kind in ErrorKind]
    own = [pages.sign_in(SignInView(wait_seconds=90, signed_out=True), interaction="", csrf="csrf-1")]
    accounts = [account(pages), account(pages, APPLICATION, withdrawn="Shoe box")]
    return [sign_in(pages), sign_in(pages, username="bob", failed=True), consent(pages), *own, *accounts, *errors]


def directives(page: Page) -> dict[str, str]:
    parts = (directive.partition(" ") for directive in page.headers["Content-Security-Policy"].split("; "))
    return {name: sources for name, _, sources in parts}


def test_every_page_carries_the_protecting_headers(pages: Pages) -> None:
    """No page may be framed, cached, sniffed or leak a Referer (UI-01, UI-02)."""
    for page in every_page(pages):
        policy = directives(page)
        others = {"default-src", "style-src", "script-src", "img-src", "frame-ancestors", "base-uri"}
        assert policy.keys() - {"form-action"} == others
        assert {policy["default-src"], policy["frame-ancestors"], policy["base-uri"]} == {"'none'"}
        assert {name: page.headers[name] for name in page.headers if name != "Content-Security-Policy"} == {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Language": "en",
            "Vary": "Accept-Language",
            "X-Frame-Options": "DENY",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store",
            "Pragma": "no-cache",
        } | ({"Retry-After": {429: "90", 503: "5"}[page.status]} if page.status in {429, 503} else {})


def test_the_policy_allows_exactly_the_style_in_the_page(pages: Pages) -> None:
    """The hash in the policy is that of the one style element, and no attribute carries style."""
    for page in every_page(pages):
        before, _, rest = page.html.partition("<style>")
        style, _, after = rest.partition("</style>")
        digest = b64encode(sha256(style.encode()).digest()).decode()
        assert directives(page)["style-src"] == f"'sha256-{digest}'"
        assert "<style" not in before + after
        assert "&#" not in style


def test_no_page_has_script_or_foreign_resource(pages: Pages) -> None:
    """A page works without JavaScript, loads nothing, and links to pages of its own origin only (UI-02)."""
    for page in every_page(pages):
        for tag, attributes in ParsedPage(page).tags:
            assert tag not in {"iframe", "object", "embed", "base", "template"}
            assert (tag, attributes) == ("script", {}) or tag != "script"
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            for target in (attributes.get("src"), attributes.get("href"), attributes.get("action")):
                ours = {"login", "consent", "account", "logout"}
                assert target is None or target.startswith("data:image/") or target in ours


def test_a_page_that_leads_to_a_client_leaves_the_target_open(pages: Pages) -> None:
    """Chromium lets the answer reach the client, and wherever that sends the browser from there (UI-03)."""
    for page in (sign_in(pages), consent(pages)):
        assert "form-action" not in directives(page)


def test_a_page_without_form_has_no_form_target(pages: Pages) -> None:
    """An error page can post nowhere."""
    for kind in ErrorKind:
        assert directives(pages.error(kind, request_id="r-1"))["form-action"] == "'none'"


@pytest.mark.parametrize(
    ("redirect_uri", "name", "on_this_device"),
    [
        ("https://photoprint.example:443/cb", "photoprint.example", False),
        ("https://photoprint.example:8443/cb", "photoprint.example:8443", False),
        ("https://photoprint.example@evil.example/cb", "evil.example", False),
        ("https://127.0.0.1.evil.example/cb", "127.0.0.1.evil.example", False),
        ("https://localhost.evil.example/cb", "localhost.evil.example", False),
        ("https://192.0.2.7/cb", "192.0.2.7", False),
        ("http://127.0.0.1:8090/cb", "127.0.0.1:8090", True),
        ("http://[::1]:8090/cb", "[::1]:8090", True),
        ("http://localhost/cb", "localhost", True),
        ("com.example.app:/cb", "com.example.app", True),
    ],
)
def test_the_destination_is_named_truthfully(redirect_uri: str, name: str, *, on_this_device: bool) -> None:
    """Only loopback and private schemes count as this device, whatever a host looks like (UI-07)."""
    assert Destination.of(redirect_uri) == Destination(name, on_this_device)


def test_sign_in_names_the_client_and_its_fields(pages: Pages) -> None:
    """The form posts interaction, anti-forgery value, username and password, under stable names."""
    page = ParsedPage(sign_in(pages))
    assert (
        page.by_id("username").items()
        >= {"name": "username", "autocomplete": "username", "autocapitalize": "none"}.items()
    )
    assert "autofocus" in page.by_id("username")
    assert page.by_id("password").items() >= {"name": "password", "autocomplete": "current-password"}.items()
    assert page.by_id("sign-in")["type"] == "submit"
    assert [page.named(name)[0]["value"] for name in ("interaction", "csrf")] == ["interaction-1", "csrf-1"]
    assert "PhotoPrint wants to use your account." in page.text
    assert "aria-invalid" not in sign_in(pages).html.partition("</style>")[2]


def test_a_failed_sign_in_says_one_thing(pages: Pages) -> None:
    """The username stays, the message is tied to both fields, and neither is blamed (UI-08)."""
    page = ParsedPage(sign_in(pages, username="bob", failed=True))
    [alert] = [attributes for _, attributes in page.tags if attributes.get("role") == "alert"]
    for field in ("username", "password"):
        assert page.by_id(field)["aria-invalid"] == "true"
        assert page.by_id(field)["aria-describedby"] == alert["id"]
    assert page.by_id("username")["value"] == "bob"
    assert "value" not in page.by_id("password")
    assert "autofocus" in page.by_id("password")
    assert "autofocus" not in page.by_id("username")
    assert ENGLISH.sign_in.failed in page.text


def test_consent_shows_who_asks_for_what(pages: Pages) -> None:
    """Client, version, host, user and scopes are on the page, every scope ticked and narrowable (UI-07)."""
    page = ParsedPage(consent(pages))
    for text in ("PhotoPrint", "Version 1", "photoprint.example", "bob", "See your photos", "photos.read"):
        assert text in page.text
    assert [(box["value"], "checked" in box) for box in page.named("scope")] == [
        ("photos.read", True),
        ("photos.print", True),
    ]
    assert page.by_id("approve").items() >= {"name": "decision", "value": "approve"}.items()
    assert page.by_id("deny").items() >= {"name": "decision", "value": "deny"}.items()
    assert ENGLISH.consent.offline in page.text
    assert ENGLISH.consent.on_this_device not in page.text


def test_the_first_button_of_consent_denies(pages: Pages) -> None:
    """Enter in a check box, which presses the first button, approves nothing."""
    assert [button["value"] for button in ParsedPage(consent(pages)).named("decision")] == ["deny", "approve"]


def test_consent_without_refresh_does_not_speak_of_it(pages: Pages) -> None:
    """A client that gets no refresh token is not said to keep access."""
    assert ENGLISH.consent.offline not in ParsedPage(consent(pages, replace(VIEW, offline=False))).text


@pytest.mark.parametrize("redirect_uri", ["http://127.0.0.1:8090/cb", "http://[::1]:8090/cb", "com.example.app:/cb"])
def test_consent_warns_when_the_answer_stays_on_this_device(pages: Pages, redirect_uri: str) -> None:
    """Nobody vouches for an application behind loopback or a private scheme (AUTHZ-12)."""
    text = ParsedPage(consent(pages, replace(VIEW, redirect_uri=redirect_uri))).text
    assert ENGLISH.consent.on_this_device in text
    assert ENGLISH.consent.this_device in text


def test_a_scope_without_description_shows_its_name(pages: Pages) -> None:
    """A box never stands without a label."""
    page = ParsedPage(consent(pages, replace(VIEW, scopes=(RequestedScope("photos.read", "\u200b"),))))
    assert page.text.count("photos.read") == 1


def test_foreign_text_is_inert_wherever_it_stands(pages: Pages) -> None:
    """Names, descriptions, usernames and branding bring no markup, template code or bidi control (UI-06)."""
    hostile = ConsentView(
        HOSTILE, HOSTILE, REDIRECT_URI, HOSTILE, (RequestedScope("photos.read", HOSTILE),), offline=True
    )
    branding = Branding(title=HOSTILE, header=HOSTILE, footer=HOSTILE)
    plain = ["html", "head", "body"]
    for page, model in (
        (consent(pages, hostile, branding), consent(pages, VIEW, Branding(title="t", header="h", footer="f"))),
        (sign_in(pages, client_name=HOSTILE, username=HOSTILE, failed=True), sign_in(pages, failed=True)),
        (
            account(
                pages,
                replace(APPLICATION, client_id="\"'><b>", name=HOSTILE, version=HOSTILE, scopes=hostile.scopes),
                withdrawn=HOSTILE,
            ),
            account(pages, APPLICATION, withdrawn="w"),
        ),
        (pages.error(ErrorKind.INTERNAL, request_id=HOSTILE), pages.error(ErrorKind.INTERNAL, request_id="r")),
    ):
        assert {tag for tag, _ in ParsedPage(page).tags} == {tag for tag, _ in ParsedPage(model).tags} >= set(plain)
        assert not {"\u202e", "\u2066", "\x00"} & set(page.html)
        assert "{{ 7 * 7 }}{client}evil" in ParsedPage(page).text
        assert {name for _, attributes in ParsedPage(page).tags for name in attributes} == {
            name for _, attributes in ParsedPage(model).tags for name in attributes
        }


def test_hidden_values_and_scope_values_are_escaped(pages: Pages) -> None:
    """A value cannot break out of its attribute, and comes back as it was."""
    value = "\"><input name='scope' value='admin'>"
    page = ParsedPage(
        pages.consent(replace(VIEW, scopes=(RequestedScope(value, "See"),)), interaction=value, csrf=value)
    )
    assert [box["value"] for box in page.named("scope")] == [value]
    assert [page.named(name)[0]["value"] for name in ("interaction", "csrf")] == [value, value]


def test_a_client_without_visible_name_is_called_so(pages: Pages) -> None:
    """An empty or invisible name cannot leave a gap where the client should stand."""
    for name in ("", " \t", "\u3164\u2800", "\u200d\u200c", "\u2066\u2069"):
        assert ENGLISH.unnamed_client in ParsedPage(consent(pages, replace(VIEW, client_name=name))).text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("PhotoPrint", "PhotoPrint"),
        ("طباعة الصور", "طباعة الصور"),
        ("\u0645\u06cc\u200c\u062e\u0648", "\u0645\u06cc\u200c\u062e\u0648"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("Photo\u202etnirP", "PhototnirP"),
        ("\u2066a\u2069\u200e\u200f\u061c\u202a\u202c", "a"),
        ("a\x00\x1b[31m\x7f\x9bb", "a [31m b"),
        ("a\r\nb\tc\u2028d\u2029e\u00a0f", "a b c d e f"),
        ("Ta\u200bl\u2060l\ufeffy\u00ad", "Tally"),
        ("a\U000e0041\U000e007f\ue000\ud800", "a"),
        ("\u3164\u115f\u2800", ""),
        ("x" * 21, "x" * 19 + "…"),
        ("x" * 20, "x" * 20),
        ("x" * 18 + " " + "y" * 9, "x" * 18 + "…"),
    ],
)
def test_display_text_keeps_scripts_and_strips_disguises(text: str, shown: str) -> None:
    """Bidi, control and invisible characters go; letters of every script stay (UI-06)."""
    assert display_text(text, limit=20) == shown


@pytest.mark.parametrize("kind", ErrorKind)
def test_an_error_page_explains_and_advises(pages: Pages, kind: ErrorKind) -> None:
    """Each reason has its status, words and request id, and no form or link to follow (UI-08, AUTHZ-02)."""
    page = pages.error(kind, request_id="r-1")
    words = ENGLISH.errors[kind]
    parsed = ParsedPage(page)
    assert page.status == kind.status >= 400
    for text in (words.heading, words.explanation, words.advice, "r-1"):
        assert text in parsed.text
    assert not {"form", "a", "input", "button"} & {tag for tag, _ in parsed.tags}
    assert not {"Location", "Refresh", "Link"} & page.headers.keys()


def test_each_error_has_a_page_of_its_own() -> None:
    """No two reasons are told with the same heading, or logged under the same label."""
    assert len({ENGLISH.errors[kind].heading for kind in ErrorKind}) == len(ErrorKind)
    assert len({kind.label for kind in ErrorKind}) == len(ErrorKind)


def test_consent_says_where_it_can_be_taken_back(pages: Pages) -> None:
    """The page links to the account, by a plain path of its own origin (UI-09)."""
    page = ParsedPage(consent(pages))
    assert [attributes["href"] for tag, attributes in page.tags if tag == "a"] == ["account"]
    assert "To withdraw access later, go to your account." in " ".join(page.text.split())


def test_signing_in_for_oneself_names_no_client(pages: Pages) -> None:
    """Without a client the page says what the sign-in is for, and its answer leads nowhere else."""
    page = pages.sign_in(SignInView(), interaction="", csrf="csrf-1")
    assert ENGLISH.sign_in.own_account in ParsedPage(page).text
    assert ENGLISH.unnamed_client not in page.html
    assert directives(page)["form-action"] == "'self'"


def test_the_account_shows_who_may_do_what_since_when(pages: Pages) -> None:
    """Name, version, place, scopes and dates of an application stand beside the button that ends it (UI-09)."""
    page = ParsedPage(account(pages, APPLICATION))
    for text in ("PhotoPrint", "Version 1", "photoprint.example", "See your photos", "1 March 2026", "12 May 2026"):
        assert text in page.text
    [button] = page.named("withdraw")
    assert (button["value"], button["aria-label"]) == ("client-1", "Withdraw access from PhotoPrint")
    assert [field["value"] for field in page.named("csrf")] == ["csrf-2", "csrf-1"]
    assert [attributes["datetime"] for tag, attributes in page.tags if tag == "time"] == ["2026-03-01", "2026-05-12"]
    assert "role" not in {name for _, attributes in page.tags for name in attributes}


def test_the_account_says_what_is_not_in_use(pages: Pages) -> None:
    """An application that holds nothing is still remembered, and said to be idle (UI-09)."""
    page = ParsedPage(account(pages, replace(APPLICATION, last_used_at=None)))
    assert ENGLISH.account.not_in_use in page.text
    assert "12 May 2026" not in page.text


def test_an_empty_account_says_so(pages: Pages) -> None:
    """Without applications there is no form but the one that signs out (UI-09)."""
    page = ParsedPage(account(pages))
    assert ENGLISH.account.nobody in page.text
    assert [attributes["action"] for tag, attributes in page.tags if tag == "form"] == ["logout"]


def test_a_withdrawal_is_said_aloud(pages: Pages) -> None:
    """The page's title and a status message tell who has lost access (UI-09)."""
    page = ParsedPage(account(pages, withdrawn="Shoe & box"))
    assert "Shoe & box no longer has access to your account." in " ".join(page.text.split())
    [status] = [attributes for _, attributes in page.tags if attributes.get("role") == "status"]
    assert status["id"] == "withdrawn"
    assert ENGLISH.account.title_withdrawn in page.text


def test_a_hundred_applications_have_a_button_each(pages: Pages) -> None:
    """A long list is rendered whole, within the size of an ordinary page."""
    page = account(pages, *(replace(APPLICATION, client_id=f"client-{number}") for number in range(100)))
    assert len({button["value"] for button in ParsedPage(page).named("withdraw")}) == 100
    assert len(page.html) < 256 * 1024


@pytest.mark.parametrize(
    ("accept_language", "words"), [("de-CH, en;q=0.5", GERMAN), ("fr", ENGLISH), ("de;;", ENGLISH)]
)
def test_every_page_speaks_the_language_that_is_asked_for(accept_language: str, words: Words) -> None:
    """Pages, errors included, are in the best language, and say so in header and markup."""
    pages = TranslatedPages(Branding()).accepted_by([accept_language])
    for page in every_page(pages):
        assert page.headers["Content-Language"] == words.lang
        assert f'<html lang="{words.lang}" dir="ltr">' in page.html
    assert words.errors[ErrorKind.NOT_FOUND].heading in pages.error(ErrorKind.NOT_FOUND, request_id="r").html
    assert words.sign_in.submit in sign_in(pages).html
    assert words.consent.approve in consent(pages).html
    assert words.account.withdraw in account(pages, APPLICATION).html


def test_branding_of_a_client_covers_the_default_field_by_field() -> None:
    """An unset field shows the deployment's, an empty one nothing."""
    default = Branding(title="Nordlicht", logo=PNG, header="For readers", footer="Kiel")
    assert Branding().over(default) == default
    assert Branding(title="Shop", footer="").over(default) == Branding("Shop", PNG, "For readers", "")
    page = consent(Pages(default), branding=Branding(title="Shop", footer=""))
    assert "For readers" in page.html
    assert f"data:image/png;base64,{b64encode(PNG).decode()}" in page.html
    assert "Nordlicht" not in page.html
    assert "<footer>" not in page.html


def test_unbranded_pages_show_the_product(pages: Pages) -> None:
    """Without branding the title is Tallystick and the logo its mark, also when a title is invisible."""
    for page in (consent(pages), consent(pages, branding=Branding(title="\u200b"))):
        assert "<bdi>Tallystick</bdi>" in page.html
        assert '<svg class="mark"' in page.html
        assert "<img" not in page.html


@pytest.mark.parametrize("logo", [PNG, JPEG, WEBP, JPEG.ljust(LOGO_LIMIT, b"\x00")])
def test_a_small_image_may_be_the_logo(logo: bytes) -> None:
    """PNG, JPEG and WebP of up to 64 KiB are taken."""
    check_logo(logo)


@pytest.mark.parametrize(
    "logo",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<?xml version='1.0'?><svg/>",
        b"<!doctype html><script>alert(1)</script>",
        b"GIF89a\x01\x00\x01\x00",
        b"BM\x1e\x00\x00\x00",
        b"\x00\x00\x00\x1cftypavif",
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
        b"RIFF\x24\x00\x00\x00WEBPJUNK",
        b"RIFF",
        PNG[:8],
        PNG[1:],
        b" " + PNG,
        JPEG[:2],
    ],
)
def test_anything_else_is_no_logo(logo: bytes) -> None:
    """Documents, other formats and stumps are refused, and so cannot be branding (UI-06)."""
    with pytest.raises(ValueError, match="use a PNG, JPEG or WebP file"):
        check_logo(logo)
    with pytest.raises(ValueError, match="use a PNG, JPEG or WebP file"):
        Branding(logo=logo)


def test_a_large_logo_is_refused() -> None:
    """One byte above 64 KiB is too much for something that travels in every page."""
    with pytest.raises(ValueError, match="logo is 65537 bytes; use an image of at most 65536 bytes"):
        check_logo(PNG.ljust(LOGO_LIMIT + 1, b"\x00"))
