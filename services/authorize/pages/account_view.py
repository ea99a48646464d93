"""What the account page shows."""

from dataclasses import dataclass
from datetime import datetime

from services.authorize.pages.consent_view import RequestedScope


@dataclass(frozen=True, slots=True)
class ApplicationWithAccess:
    """An application, since when and to what it has access, and when it last made use of it.

    `last_used_at` is None while it holds nothing that it could use.
    """

    client_id: str
    name: str
    version: str
    redirect_uri: str
    scopes: tuple[RequestedScope, ...]
    given_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class AccountView:
    """Who is signed in and which applications have access; `withdrawn` names one that has just lost it."""

    username: str
    applications: tuple[ApplicationWithAccess, ...]
    withdrawn: str | None
