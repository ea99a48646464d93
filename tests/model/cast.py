"""Who plays the model's clients and people: registered ones, of this play alone, with their codes."""

import secrets
from dataclasses import dataclass, field

from tallystick.oauth2.client import ClientType, GrantType
from tests.model.stage import Stage
from tests.model.world import Client, Scopes
from tests.support.flow import Approval
from tests.support.operator_client import Client as Registered


@dataclass(slots=True)
class Cast:
    """The clients by name, with the secrets that they had before, and the codes in the order of their approval."""

    stage: Stage
    clients: dict[str, Registered] = field(default_factory=dict)
    former_secrets: dict[str, str] = field(default_factory=dict, repr=False)
    approvals: list[Approval] = field(default_factory=list, repr=False)

    def register(self, name: str, client: Client) -> None:
        """Register a client as the model has it."""
        kinds = [GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN]
        if client.confidential:
            kinds.append(GrantType.CLIENT_CREDENTIALS)
        self.clients[name] = self.stage.cluster.operator.create_client(
            ClientType.CONFIDENTIAL if client.confidential else ClientType.PUBLIC,
            scopes=sorted(self.scope_names(client.scopes)),
            grant_types=kinds,
            refresh_limit=client.refresh_limit,
        )
        self.former_secrets[name] = f"tss_{secrets.token_urlsafe(32)}"

    def client_id(self, name: str) -> str:
        """Return what a client is registered under."""
        return self.clients[name].client_id

    def code_id(self, code: int) -> str:
        """Return the part of a code by which it is found."""
        return self.approvals[code].code.split(".", maxsplit=1)[0]

    def scope_names(self, scopes: Scopes) -> frozenset[str]:
        """Return what the model's scopes are called."""
        return frozenset(self.stage.scopes[scope].name for scope in scopes)

    def scopes_named(self, names: str) -> Scopes:
        """Return which scopes of the model a `scope` member holds; what is none of them stays as it is."""
        known = {scope.name: name for name, scope in self.stage.scopes.items()}
        return frozenset(known.get(name, name) for name in names.split(" "))
