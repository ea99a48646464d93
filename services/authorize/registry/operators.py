"""The use cases of `OperatorService`."""

from datetime import timedelta

from services.authorize.registry import identifiers
from services.authorize.registry.model import CreatedOperator, Operator, OperatorRole, Page
from services.authorize.registry.page import page_request
from services.authorize.registry.ports import OperatorStore
from tallystick.oauth2.opaque_token import RANDOM_BYTES, CredentialType, digest, new_credential
from tallystick.runtime.failures import Invalid, NotFound, Refused
from tallystick.runtime.randomness import Randomness

LONGEST_LIFETIME_SECONDS = 10 * 366 * 86_400


class Operators:
    """Keeps operators and their credentials. Everything raises `Unavailable` when the store cannot be asked."""

    def __init__(self, store: OperatorStore, randomness: Randomness) -> None:
        self._store = store
        self._randomness = randomness

    async def create(self, name: str, role: OperatorRole | None, lifetime_seconds: int | None) -> CreatedOperator:
        """Make an operator and a credential, which works until deleted if no lifetime is given.

        Raise `Invalid`, or `AlreadyExists`: the name of a deleted operator stays taken, so that a record of who did
        what never means two.
        """
        identifiers.operator_name(name)
        if role is None:
            raise Invalid("role is missing: viewer may read, admin may change as well")
        credential = new_credential(CredentialType.OPERATOR, self._randomness.octets(RANDOM_BYTES))
        operator = await self._store.add(name, digest(credential), role, _lifetime(lifetime_seconds))
        return CreatedOperator(operator, credential)

    async def get(self, name: str) -> Operator:
        """Return an operator; raise `NotFound`."""
        return _found(await self._store.get(identifiers.operator_name(name)))

    async def page(self, size: int, token: str) -> Page[Operator]:
        """Return a page of operators by name; raise `Invalid`."""
        request = page_request("operators", size, token)
        return request.page(await self._store.after(request.after, request.limit), lambda operator: operator.name)

    async def delete(self, name: str) -> None:
        """End a credential at once, and keep the record; raise `NotFound`, or `Refused` for the last admin's.

        Deleting again changes nothing.
        """
        operator = _found(await self._store.revoke(identifiers.operator_name(name)))
        if operator.revoked_at is None:
            raise Refused(
                f"{name} is the last admin whose credential works: first make another with "
                "`tallystick operator create NAME --role admin`, and use that to delete this one"
            )


def _lifetime(seconds: int | None) -> timedelta | None:
    if seconds is None:
        return None
    if not 1 <= seconds <= LONGEST_LIFETIME_SECONDS:
        raise Invalid(f"lifetime_seconds must be between 1 and {LONGEST_LIFETIME_SECONDS}, or absent for without end")
    return timedelta(seconds=seconds)


def _found(operator: Operator | None) -> Operator:
    if operator is None:
        raise NotFound("there is no operator of this name")
    return operator
