"""A fake introspection for the tests of resource servers: tokens by name, no server, no network."""

from collections.abc import Iterable

from tallystick.resource.errors import IntrospectionError
from tallystick.resource.introspection import INACTIVE, Introspection

_ISSUER = "https://issuer.example"
_FAR_FUTURE = 4_102_444_800
_LONG_AGO = 946_684_800


class _Tokens:
    """The tokens that a fake knows. Set `fails_with` to make every question fail."""

    def __init__(self) -> None:
        self.fails_with: IntrospectionError | None = None
        self._answers: dict[str, Introspection] = {}

    def add(
        self,
        token: str,
        *,
        audience: str,
        scopes: Iterable[str] = (),
        username: str = "",
        sub: str = "user:00000000-0000-4000-8000-000000000000",
        client_id: str = "client",
    ) -> None:
        """Let a token be live."""
        self._answers[token] = Introspection(
            active=True,
            scopes=frozenset(scopes),
            client_id=client_id,
            username=username,
            token_type="Bearer",  # noqa: S106 - RFC 6750's name for the type
            exp=_FAR_FUTURE,
            iat=_LONG_AGO,
            sub=sub,
            aud=(audience,),
            iss=_ISSUER,
        )

    def revoke(self, token: str) -> None:
        """Let a token be live no longer."""
        self._answers.pop(token, None)

    def _answer(self, token: str) -> Introspection:
        if self.fails_with is not None:
            raise self.fails_with
        return self._answers.get(token, INACTIVE)


class FakeIntrospection(_Tokens):
    """Stands for `IntrospectionClient`."""

    def introspect(self, token: str) -> Introspection:
        """Say what was added under this name."""
        return self._answer(token)


class AsyncFakeIntrospection(_Tokens):
    """Stands for `AsyncIntrospectionClient`."""

    async def introspect(self, token: str) -> Introspection:
        """Say what was added under this name."""
        return self._answer(token)
