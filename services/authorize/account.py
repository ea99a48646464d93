"""A resource owner's account: which applications have access, and how it ends."""

from services.authorize.model import User
from services.authorize.pages.account_view import AccountView, ApplicationWithAccess
from services.authorize.pages.consent_view import RequestedScope
from services.authorize.ports import AccountStore, Finality


class Account:
    """Shows and withdraws what a user has given."""

    def __init__(self, store: AccountStore, finality: Finality) -> None:
        self._store = store
        self._finality = finality

    async def view(self, user: User, *, withdrawn: str = "") -> AccountView:
        """Return what the page shows. `withdrawn` is a client_id, and believed only when its access is withdrawn."""
        clients = await self._store.clients(user.user_id)
        return AccountView(
            username=user.username,
            applications=tuple(
                ApplicationWithAccess(
                    client_id=client.client_id,
                    name=client.name,
                    version=client.version,
                    redirect_uri=client.redirect_uri,
                    scopes=tuple(RequestedScope(name, description) for name, description in client.scopes.items()),
                    given_at=client.given_at,
                    last_used_at=client.last_used_at,
                )
                for client in clients
            ),
            withdrawn=await self._store.withdrawn(user.user_id, withdrawn) if withdrawn else None,
        )

    async def withdraw(self, user: User, client_id: str) -> None:
        """End a client's access: all its grants, tokens and codes, and what is remembered of the consent.

        Whoever withdraws it a second time is told no earlier than the first time.
        """
        await self._store.withdraw(user.user_id, client_id)
        await self._finality.until_final()
