"""A fake introspection for the tests of resource servers: tokens by name, no server, no network."""

from collections.abc import Iterable, Mapping

from tallystick.resource.access import Access, Denial, denied
from tallystick.resource.errors import IntrospectionError
from tallystick.resource.freshness import LEASED, Freshness
from tallystick.resource.introspection import INACTIVE, Introspection
from tallystick.resource.questions import Outcome

_ISSUER = "https://issuer.example"
_FAR_FUTURE = 4_102_444_800
_LONG_AGO = 946_684_800


class _Tokens:
    """The tokens that a fake knows. Set `fails_with` to make every question fail."""

    def __init__(self) -> None:
        self.fails_with: IntrospectionError | None = None
        self._answers: dict[str, Introspection] = {}
        self._services: dict[str, Mapping[str, Denial | None]] = {}

    def add(
        self,
        token: str,
        *,
        audience: str,
        scopes: Iterable[str] = (),
        username: str = "",
        sub: str = "user:00000000-0000-4000-8000-000000000000",
        client_id: str = "client",
        services: Iterable[str] = (),
        denials: Mapping[str, Denial] | None = None,
    ) -> None:
        """Let a token be live.

        `check_access` allows the `services`, exactly as requests name them (`GET /albums/7`; without a method it means
        POST), and says why not for those in `denials`; of others the token's scope covers none.
        """
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
        allowed = dict.fromkeys(map(_with_method, services))
        refused = {_with_method(service): denial for service, denial in (denials or {}).items()}
        self._services[token] = {**allowed, **refused}

    def revoke(self, token: str) -> None:
        """Let a token be live no longer."""
        self._answers.pop(token, None)

    def _answer(self, token: str) -> Introspection:
        if self.fails_with is not None:
            raise self.fails_with
        return self._answers.get(token, INACTIVE)

    def _outcomes(self, tokens: Iterable[str]) -> list[Outcome]:
        return [self.fails_with or self._answer(token) for token in tokens]

    def _verdict(self, token: str, resource: str, service: str) -> Access:
        answer, requested = self._answer(token), _with_method(service)
        if not answer.active or resource not in answer.aud:
            return denied(resource, Denial.TOKEN_INACTIVE)
        denial = self._services[token].get(requested, Denial.INSUFFICIENT_SCOPE)
        if denial is not None:
            return denied(resource, denial, token=answer)
        return Access(True, None, requested, 200, "", "", answer)


class FakeIntrospection(_Tokens):
    """Stands for `IntrospectionClient`; every answer is fresh."""

    def introspect(self, token: str, *, freshness: Freshness = LEASED) -> Introspection:
        """Say what was added under this name."""
        del freshness
        return self._answer(token)

    def introspect_batch(self, tokens: Iterable[str], *, freshness: Freshness = LEASED) -> list[Outcome]:
        """Say what was added under these names."""
        del freshness
        return self._outcomes(tokens)

    def check_access(self, token: str, resource: str, service: str, *, freshness: Freshness = LEASED) -> Access:
        """Say what a token may be used for."""
        del freshness
        return self._verdict(token, resource, service)


class AsyncFakeIntrospection(_Tokens):
    """Stands for `AsyncIntrospectionClient`; every answer is fresh."""

    async def introspect(self, token: str, *, freshness: Freshness = LEASED) -> Introspection:
        """Say what was added under this name."""
        del freshness
        return self._answer(token)

    async def introspect_batch(self, tokens: Iterable[str], *, freshness: Freshness = LEASED) -> list[Outcome]:
        """Say what was added under these names."""
        del freshness
        return self._outcomes(tokens)

    async def check_access(self, token: str, resource: str, service: str, *, freshness: Freshness = LEASED) -> Access:
        """Say what a token may be used for."""
        del freshness
        return self._verdict(token, resource, service)


def _with_method(service: str) -> str:
    return f"POST {service}" if service.startswith("/") else service
