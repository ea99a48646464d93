"""The error codes of OAuth, as exceptions.

OAuthError
├── InvalidRequest              invalid_request            400  RFC 6749 §5.2
├── InvalidClient               invalid_client             401  RFC 6749 §5.2
├── InvalidGrant                invalid_grant              400  RFC 6749 §5.2
├── UnauthorizedClient          unauthorized_client        400  RFC 6749 §5.2
├── UnsupportedGrantType        unsupported_grant_type     400  RFC 6749 §5.2
├── UnsupportedResponseType     unsupported_response_type  400  RFC 6749 §4.1.2.1
├── InvalidScope                invalid_scope              400  RFC 6749 §5.2
├── InvalidTarget               invalid_target             400  RFC 8707 §2
├── AccessDenied                access_denied              400  RFC 6749 §4.1.2.1
├── InvalidToken                invalid_token              401  RFC 6750 §3.1
├── InsufficientScope           insufficient_scope         403  RFC 6750 §3.1
├── RequestNotSupported         request_not_supported      400  OpenID Connect Core §3.1.2.6
├── RequestUriNotSupported      request_uri_not_supported  400  OpenID Connect Core §3.1.2.6
├── RegistrationNotSupported    registration_not_supported 400  OpenID Connect Core §3.1.2.6
├── ServerError                 server_error               500  RFC 6749 §4.1.2.1
└── TemporarilyUnavailable      temporarily_unavailable    503  RFC 6749 §4.1.2.1
    └── TooManyRequests         temporarily_unavailable    429  RFC 6585 §4
        └── TooManyFailures     the same, as too many of them failed
"""

import re
from typing import ClassVar

_OUTSIDE_ERROR_CHARACTERS = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")


class OAuthError(Exception):
    """An error that a client is told.

    `description` goes to the client, restricted to the characters of RFC 6749 §5.2; `detail` goes to the log only.
    """

    code: ClassVar[str]
    status: ClassVar[int] = 400
    reason: ClassVar[str] = ""
    """Why, where operators count it apart from others of the same code; clients are never told."""

    def __init__(self, description: str, *, detail: str = "") -> None:
        super().__init__(description)
        self.description = _OUTSIDE_ERROR_CHARACTERS.sub("?", description)
        self.detail = detail


class InvalidRequest(OAuthError):
    code = "invalid_request"


class InvalidClient(OAuthError):
    code = "invalid_client"
    status = 401


class InvalidGrant(OAuthError):
    code = "invalid_grant"


class UnauthorizedClient(OAuthError):
    code = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    code = "unsupported_grant_type"


class UnsupportedResponseType(OAuthError):
    code = "unsupported_response_type"


class InvalidScope(OAuthError):
    code = "invalid_scope"


class InvalidTarget(OAuthError):
    code = "invalid_target"


class AccessDenied(OAuthError):
    code = "access_denied"


class InvalidToken(OAuthError):
    code = "invalid_token"
    status = 401


class InsufficientScope(OAuthError):
    """`scope` is what would be needed."""

    code = "insufficient_scope"
    status = 403

    def __init__(self, scope: str) -> None:
        super().__init__(f"the access token lacks the scope {scope}")
        self.scope = scope


class RequestNotSupported(OAuthError):
    code = "request_not_supported"


class RequestUriNotSupported(OAuthError):
    code = "request_uri_not_supported"


class RegistrationNotSupported(OAuthError):
    code = "registration_not_supported"


class ServerError(OAuthError):
    code = "server_error"
    status = 500


class TemporarilyUnavailable(OAuthError):
    code = "temporarily_unavailable"
    status = 503


class TooManyRequests(TemporarilyUnavailable):
    """So much was asked that more of it is not answered, for `retry_after` seconds.

    No code is registered for this. Libraries take `invalid_client` for final, while `temporarily_unavailable` says what
    is true: the same request may be answered later.
    """

    status = 429

    def __init__(self, description: str, *, retry_after: int) -> None:
        super().__init__(description)
        self.retry_after = retry_after


class TooManyFailures(TooManyRequests):
    """So much has failed that further attempts are not answered."""

    reason = "too_many_failures"
