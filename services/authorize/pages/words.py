"""What a catalogue of words holds. There is one per language, with every word that the pages say to people.

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
    own_account: str
    failed: str
    throttled: str
    signed_out: str
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
    account: str
    approve: str
    deny: str


@dataclass(frozen=True, slots=True)
class AccountWords:
    """What the page says on which people see who has access to their account."""

    title: str
    title_withdrawn: str
    heading: str
    signed_in_as: str
    sign_out: str
    withdrawn: str
    applications: str
    explanation: str
    nobody: str
    nobody_explanation: str
    version: str
    returns_to: str
    this_device: str
    since: str
    last_used: str
    not_in_use: str
    allowed: str
    withdraw: str
    withdraw_from: str


@dataclass(frozen=True, slots=True)
class ErrorWords:
    """What one error page says: what happened, why, and what to do next."""

    heading: str
    explanation: str
    advice: str


@dataclass(frozen=True, slots=True)
class Words:
    """A catalogue; `lang` is its BCP 47 tag, `direction` the HTML `dir` of its script, `months` are January and on."""

    lang: str
    direction: Literal["ltr", "rtl"]
    product: str
    page_title: str
    unnamed_client: str
    request_id: str
    date: str
    months: tuple[str, ...]
    sign_in: SignInWords
    consent: ConsentWords
    account: AccountWords
    errors: Mapping[ErrorKind, ErrorWords]
