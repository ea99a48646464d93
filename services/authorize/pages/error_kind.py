"""The reasons for which a person sees an error page instead of being sent back to the application."""

from enum import Enum, unique
from http import HTTPStatus


@unique
class ErrorKind(Enum):
    """One reason: its label, for logs, and the status of its page. The words are in the catalogue."""

    UNTRUSTED_REQUEST = "untrusted_request", HTTPStatus.BAD_REQUEST
    """The client or its redirect URI is unknown, so there is nowhere to send the browser (RFC 6749 §4.1.2.1)."""
    EXPIRED = "expired", HTTPStatus.GONE
    """The interaction was answered already, or its time is over."""
    OTHER_BROWSER = "other_browser", HTTPStatus.FORBIDDEN
    """The interaction was started in a browser with another cookie."""
    FORM_REFUSED = "form_refused", HTTPStatus.FORBIDDEN
    """The form lacks its anti-forgery value or comes from another origin (RFC 6749 §10.12)."""
    INSECURE = "insecure", HTTPStatus.BAD_REQUEST
    """It came over plain HTTP, as far as anybody can tell, although the issuer is https (RFC 6749 §3.1)."""
    NOT_FOUND = "not_found", HTTPStatus.NOT_FOUND
    TOO_LARGE = "too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    UNAVAILABLE = "unavailable", HTTPStatus.SERVICE_UNAVAILABLE
    """A store or service that an answer needs cannot be reached."""
    INTERNAL = "internal", HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, label: str, status: HTTPStatus) -> None:
        self.label = label
        self.status = status
