"""Every word that the pages say to people, one catalogue per language.

`{names}` are placeholders, filled in by the templates with escaped text; each language may order them as it needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from services.authorize.pages.error_kind import ErrorKind


@dataclass(frozen=True, slots=True)
class SignInWords:
    """What the sign-in page says."""

    title: str
    title_failed: str
    heading: str
    asks: str
    failed: str
    username: str
    password: str
    submit: str


@dataclass(frozen=True, slots=True)
class ConsentWords:
    """What the consent page says."""

    title: str
    heading: str
    version: str
    signed_in_as: str
    returns_to: str
    this_device: str
    scopes: str
    scopes_hint: str
    offline: str
    on_this_device: str
    next_site: str
    next_device: str
    withdraw: str
    approve: str
    deny: str


@dataclass(frozen=True, slots=True)
class ErrorWords:
    """What one error page says: what happened, why, and what to do next."""

    heading: str
    explanation: str
    advice: str


@dataclass(frozen=True, slots=True)
class Words:
    """A catalogue; `lang` is its BCP 47 tag, `direction` the HTML `dir` of its script."""

    lang: str
    direction: Literal["ltr", "rtl"]
    product: str
    page_title: str
    unnamed_client: str
    request_id: str
    sign_in: SignInWords
    consent: ConsentWords
    errors: Mapping[ErrorKind, ErrorWords]


ENGLISH = Words(
    lang="en",
    direction="ltr",
    product="Tallystick",
    page_title="{page} · {title}",
    unnamed_client="An application without a name",
    request_id="Request ID",
    sign_in=SignInWords(
        title="Sign in",
        title_failed="Error: Sign in",
        heading="Sign in",
        asks="{client} wants to use your account. Sign in to see what it asks for.",
        failed="The username or the password is wrong. Check both and try again.",
        username="Username",
        password="Password",  # noqa: S106 - the label of a field
        submit="Sign in",
    ),
    consent=ConsentWords(
        title="Access for {client}",
        heading="{client} asks for access to your account",
        version="Version {version}",
        signed_in_as="Signed in as",
        returns_to="Returns to",
        this_device="an application on this device",
        scopes="What it asks for",
        scopes_hint="Untick what you do not want to allow.",
        offline="It may keep this access while you are away.",
        on_this_device="Approve only if you started this yourself, in an application on this device.",
        next_site="You will return to {destination}, whatever you choose.",
        next_device="You will return to the application, whatever you choose.",
        withdraw="To withdraw access later, ask whoever runs this service.",
        approve="Approve",
        deny="Deny",
    ),
    errors={
        ErrorKind.UNTRUSTED_REQUEST: ErrorWords(
            heading="We cannot trust this request",
            explanation=(
                "The application that sent you here is not known to us, or it wants the answer at an address that is "
                "not known to be its own. To be safe, we have not sent you on and have told it nothing."
            ),
            advice=(
                "Close this page if you did not expect it. Otherwise go back to the application and start again; if "
                "that does not help, tell the people who run it."
            ),
        ),
        ErrorKind.EXPIRED: ErrorWords(
            heading="This page has expired",
            explanation="It was answered already, or it was left open for too long.",
            advice="Go back to the application and start again.",
        ),
        ErrorKind.OTHER_BROWSER: ErrorWords(
            heading="This page belongs to another browser",
            explanation="What was started in one browser can be finished only there, so nobody else can do it for you.",
            advice="Go on in the browser where you started, or go back to the application and start again in this one.",
        ),
        ErrorKind.FORM_REFUSED: ErrorWords(
            heading="We could not accept this form",
            explanation=(
                "It was open for too long, it did not come from our own page, or this browser does not keep our "
                "cookies. Nothing was approved."
            ),
            advice="Allow cookies for this site, then go back to the application and start again.",
        ),
        ErrorKind.NOT_FOUND: ErrorWords(
            heading="There is no page here",
            explanation="The address is incomplete or mistyped, or the page has moved.",
            advice="Check the address, or go back to the application that you came from.",
        ),
        ErrorKind.TOO_LARGE: ErrorWords(
            heading="This request is too large",
            explanation="The application or form sent more than we accept.",
            advice="Go back to the application and start again; if that does not help, tell the people who run it.",
        ),
        ErrorKind.UNAVAILABLE: ErrorWords(
            heading="We cannot answer right now",
            explanation="A part of this service is out of reach for the moment. Nothing was approved.",
            advice="Wait a few seconds, then try again.",
        ),
        ErrorKind.INTERNAL: ErrorWords(
            heading="Something went wrong on our side",
            explanation="The fault is ours, not yours, and it has been recorded.",
            advice="Try again; if that does not help, tell the people who run this service, with the request ID.",
        ),
    },
)
