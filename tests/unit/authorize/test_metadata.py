"""`metadata`: what is advertised."""

from services.authorize.metadata import metadata

DOCUMENT = metadata(issuer="https://a.example/t1", token_url="https://b.example", introspect_url="https://c.example")


def test_every_default_is_spelled_out() -> None:
    """An absent member would stand for implicit and fragment (META-03, META-04, META-05)."""
    assert DOCUMENT == {
        "issuer": "https://a.example/t1",
        "authorization_endpoint": "https://a.example/t1/oauth2/authorize",
        "token_endpoint": "https://b.example/oauth2/token",
        "revocation_endpoint": "https://b.example/oauth2/revoke",
        "introspection_endpoint": "https://c.example/oauth2/introspect",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


def test_nothing_is_empty() -> None:
    """There are no empty arrays and no nulls (META-07)."""
    assert all(value not in (None, "", []) for value in DOCUMENT.values())
