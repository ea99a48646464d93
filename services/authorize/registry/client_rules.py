"""Which settings of a client go together (RFC 6749 §2, RFC 7591 §2, RFC 8252 §8)."""

from collections.abc import Iterable
from dataclasses import replace

from services.authorize.pages.branding import check_logo
from services.authorize.registry.identifiers import scope_name
from services.authorize.registry.model import ClientSettings
from services.authorize.registry.text import NAME_LIMIT, SENTENCE_LIMIT, excerpt, line, required_line
from tallystick.oauth2.client import ApplicationType, AuthMethod, ClientType, GrantType
from tallystick.oauth2.redirect_uri import is_native, registration_problem
from tallystick.runtime.failures import Invalid

LONGEST_ACCESS_TOKEN_LIFETIME_SECONDS = 86_400
MOST_REDIRECT_URIS = 20
MOST_SCOPES = 200


def grant_types(names: Iterable[str]) -> tuple[GrantType, ...]:
    """Return the grant types of these names, each once; raise `Invalid` for one that is not offered."""
    known = ", ".join(GrantType)
    found = []
    for name in dict.fromkeys(names):
        if name not in set(GrantType):
            raise Invalid(f"grant_types: {excerpt(name)!r} is not offered; there are {known}")
        found.append(GrantType(name))
    return tuple(found)


def checked(settings: ClientSettings) -> ClientSettings:
    """Return the settings with everything derived that was left out; raise `Invalid` when they do not go together."""
    if settings.type is None:
        raise Invalid("type is missing: confidential for a client that can keep a secret, else public")
    _check_text(settings)
    _check_grants(settings)
    _check_limits(settings)
    if settings.branding_logo:
        try:
            check_logo(settings.branding_logo)
        except ValueError as error:
            raise Invalid(f"branding.{error}") from None
    redirect_uris = tuple(dict.fromkeys(settings.redirect_uris))
    return replace(
        settings,
        redirect_uris=redirect_uris,
        application_type=_application_type(redirect_uris, settings.application_type),
        auth_method=_auth_method(settings.type, settings.auth_method),
        scopes=_scopes(settings.scopes),
    )


def _check_text(settings: ClientSettings) -> None:
    required_line("name", settings.name, limit=NAME_LIMIT)
    required_line("version", settings.version, limit=NAME_LIMIT)
    line("description", settings.description, limit=SENTENCE_LIMIT)
    line("branding.title", settings.branding_title, limit=NAME_LIMIT)
    line("branding.header", settings.branding_header, limit=SENTENCE_LIMIT)
    line("branding.footer", settings.branding_footer, limit=SENTENCE_LIMIT)


def _check_grants(settings: ClientSettings) -> None:
    grants = settings.grant_types
    if not grants:
        raise Invalid("grant_types is empty: a client needs at least one grant type")
    if GrantType.REFRESH_TOKEN in grants and GrantType.AUTHORIZATION_CODE not in grants:
        raise Invalid("grant_types: refresh_token needs authorization_code, which gives the first refresh token")
    # RFC 6749 §4.4: who can keep no secret cannot prove to be the client.
    if GrantType.CLIENT_CREDENTIALS in grants and settings.type is not ClientType.CONFIDENTIAL:
        raise Invalid("grant_types: client_credentials is for confidential clients only")
    if GrantType.AUTHORIZATION_CODE in grants and not settings.redirect_uris:
        raise Invalid("redirect_uris is empty: the grant type authorization_code needs at least one")


def _check_limits(settings: ClientSettings) -> None:
    lifetime, limit = settings.access_token_lifetime_seconds, settings.refresh_limit
    if lifetime is not None and not 1 <= lifetime <= LONGEST_ACCESS_TOKEN_LIFETIME_SECONDS:
        raise Invalid(
            f"access_token_lifetime_seconds must be between 1 and {LONGEST_ACCESS_TOKEN_LIFETIME_SECONDS}, "
            "or absent for the deployment's default"
        )
    if limit is not None and limit < 0:
        raise Invalid("refresh_limit must be 0 for no refresh token, more, or absent for no limit")


def _application_type(uris: tuple[str, ...], given: ApplicationType | None) -> ApplicationType:
    if len(uris) > MOST_REDIRECT_URIS:
        raise Invalid(f"redirect_uris: a client may have at most {MOST_REDIRECT_URIS}")
    # A native client may use all that a web client may, so what passes here can be looked at more closely.
    _check_redirect_uris(uris, ApplicationType.NATIVE)
    derived = ApplicationType.NATIVE if is_native(uris) else ApplicationType.WEB
    application_type = given or derived
    _check_redirect_uris(uris, application_type)
    return application_type


def _check_redirect_uris(uris: tuple[str, ...], application_type: ApplicationType) -> None:
    for uri in uris:
        problem = registration_problem(uri, application_type)
        if problem is not None:
            raise Invalid(f"redirect_uris: {excerpt(uri)!r} {problem}")


def _auth_method(client_type: ClientType, given: AuthMethod | None) -> AuthMethod:
    # RFC 8252 §8.5: a secret inside an app that is given to everybody proves nothing, so none is accepted.
    if client_type is ClientType.PUBLIC:
        if given not in {None, AuthMethod.NONE}:
            raise Invalid("token_endpoint_auth_method: a public client has no secret, so its method is none")
        return AuthMethod.NONE
    if given is AuthMethod.NONE:
        raise Invalid("token_endpoint_auth_method: a confidential client must authenticate, so none is not for it")
    return given or AuthMethod.CLIENT_SECRET_BASIC


def _scopes(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) > MOST_SCOPES:
        raise Invalid(f"scopes: a client may have at most {MOST_SCOPES}")
    return tuple(sorted({scope_name(name, "scopes") for name in names}))
