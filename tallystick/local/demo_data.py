"""What the demo needs to be known to authorize: people, PhotoPrint, PhotoStorage and what may be asked of it.

Everything is made once. What is there already stays as it is, so that a person may change it; only what the demo could
not run without is mended. What cannot be read back (passwords, client secrets) is kept in a file of mode 0600.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import client_pb2, group_pb2, resource_pb2, scope_pb2, user_pb2
from tallystick.local.operator_connection import OperatorConnection
from tallystick.runtime.private_files import write_private

PEOPLE = ("bob", "alice")
RESOURCE = "https://photostorage.example"
# What a scope tells people, and the service of the resource that it reaches. The demo API has the first one only.
SCOPES: Mapping[str, tuple[str, str]] = {
    "albums.read": ("See your photos", "POST /photos.v1.Albums/Get"),
    "albums.write": ("Add photos to your album", "POST /photos.v1.Albums/Add"),
}
PUBLIC, CONFIDENTIAL, API = "public", "confidential", "api"
# Who may use these services: bob sees his photos, alice is told that she may not.
GROUP, MEMBERS = "family", ("bob",)
# Without what is easily mistaken: I, l, 1, O, 0.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class DemoData:
    """What the file keeps: passwords by user (empty if not known), and by client its id and its secret, if any."""

    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    client_ids: Mapping[str, str] = field(default_factory=dict)
    client_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, file: Path) -> "DemoData":
        """Read the file; where there is none, nothing is known yet."""
        return cls(**json.loads(file.read_text("utf-8"))) if file.exists() else cls()

    def write(self, file: Path) -> None:
        """Write the file."""
        kept = {name: dict(getattr(self, name)) for name in ("passwords", "client_ids", "client_secrets")}
        write_private(file, json.dumps(kept, indent=2) + "\n")


class DemoMaker:
    """Makes the demo's data over gRPC, as any operator would."""

    def __init__(self, operator: OperatorConnection, callback: str) -> None:
        self._operator = operator
        self._clients = {
            API: _photostorage(),
            PUBLIC: _photoprint("demo app", client_pb2.CLIENT_TYPE_PUBLIC, callback),
            CONFIDENTIAL: _photoprint("demo website", client_pb2.CLIENT_TYPE_CONFIDENTIAL, callback),
        }

    def ensure(self, known: DemoData, keep: Callable[[DemoData], None]) -> DemoData:
        """Make what is missing, and hand over to `keep` what cannot be read back as soon as it is there.

        Raises `grpc.RpcError` when that fails.
        """
        registered = {(each.name, each.version): each for each in self._registered()}
        client_ids, client_secrets = {}, {}
        # The resource names its caller, scopes cover its services, and PhotoPrint may ask for the scopes.
        for key, wanted in self._clients.items():
            found = registered.get((wanted.name, wanted.version))
            client_ids[key], client_secrets[key] = self._ensure_client(key, wanted, found, known)
            if key == API:
                self._ensure_resource(client_ids[API])
                self._ensure_scopes()
        made = DemoData(known.passwords, client_ids, client_secrets)
        keep(made)
        for name in PEOPLE:
            password = self._ensure_user(name, known.passwords.get(name, ""))
            made = DemoData({**made.passwords, name: password}, client_ids, client_secrets)
            keep(made)
        self._ensure_group()
        return made

    def _registered(self) -> Iterator[client_pb2.Client]:
        page = ""
        while True:
            request = client_pb2.ListClientsRequest(page_token=page)
            answer = self._operator.call(self._operator.clients.ListClients, request)
            yield from answer.clients
            page = answer.next_page_token
            if not page:
                return

    def _ensure_client(
        self, key: str, wanted: client_pb2.Client, found: client_pb2.Client | None, known: DemoData
    ) -> tuple[str, str]:
        clients = self._operator.clients
        if found is None:
            created = self._operator.call(clients.CreateClient, client_pb2.CreateClientRequest(client=wanted))
            return created.client.client_id, created.client_secret
        if list(found.redirect_uris) != list(wanted.redirect_uris):
            change = client_pb2.Client(client_id=found.client_id, redirect_uris=wanted.redirect_uris)
            mask = FieldMask(paths=["redirect_uris"])
            self._operator.call(clients.UpdateClient, client_pb2.UpdateClientRequest(client=change, update_mask=mask))
        if known.client_ids.get(key) == found.client_id:
            return found.client_id, known.client_secrets.get(key, "")
        if found.type == client_pb2.CLIENT_TYPE_PUBLIC:
            return found.client_id, ""
        rotate = client_pb2.RotateClientSecretRequest(client_id=found.client_id)
        return found.client_id, self._operator.call(clients.RotateClientSecret, rotate).client_secret

    def _ensure_resource(self, caller: str) -> None:
        resources = self._operator.resources
        wanted = resource_pb2.Resource(
            identifier=RESOURCE, callers=[caller], services=[service for _, service in SCOPES.values()]
        )
        answer = self._operator.find(resources.GetResource, resource_pb2.GetResourceRequest(identifier=RESOURCE))
        if answer is None:
            self._operator.call(resources.CreateResource, resource_pb2.CreateResourceRequest(resource=wanted))
            return
        found = answer.resource
        missing = {
            "callers": [each for each in wanted.callers if each not in found.callers],
            "services": [each for each in wanted.services if each not in found.services],
        }
        if any(missing.values()):
            found.callers.extend(missing["callers"])
            found.services.extend(missing["services"])
            mask = FieldMask(paths=list(missing))
            self._operator.call(
                resources.UpdateResource, resource_pb2.UpdateResourceRequest(resource=found, update_mask=mask)
            )

    def _ensure_scopes(self) -> None:
        scopes = self._operator.scopes
        for name, (description, service) in SCOPES.items():
            if self._operator.find(scopes.GetScope, scope_pb2.GetScopeRequest(name=name)) is None:
                cover = scope_pb2.Cover(resource=RESOURCE, service=service)
                scope = scope_pb2.Scope(name=name, description=description, covers=[cover])
                self._operator.call(scopes.CreateScope, scope_pb2.CreateScopeRequest(scope=scope))

    def _ensure_group(self) -> None:
        groups = self._operator.groups
        if self._operator.find(groups.GetGroup, group_pb2.GetGroupRequest(name=GROUP)) is None:
            group = group_pb2.Group(name=GROUP, description="May see and add photos", users=MEMBERS)
            self._operator.call(groups.CreateGroup, group_pb2.CreateGroupRequest(group=group))
            self._let_in(GROUP)

    def _let_in(self, group: str) -> None:
        resources = self._operator.resources
        request = resource_pb2.GetResourceRequest(identifier=RESOURCE)
        found = self._operator.call(resources.GetResource, request).resource
        settled = {each.service for each in found.service_groups}
        for _, service in SCOPES.values():
            if service not in settled:
                found.service_groups.add(service=service, groups=[group])
        change = resource_pb2.UpdateResourceRequest(resource=found, update_mask=FieldMask(paths=["service_groups"]))
        self._operator.call(resources.UpdateResource, change)

    def _ensure_user(self, username: str, known: str) -> str:
        users = self._operator.users
        if self._operator.find(users.GetUser, user_pb2.GetUserRequest(username=username)) is not None:
            # It may be a person who has the name: then nobody's password changes, and ours is not known.
            return known
        password = _password()
        self._operator.call(users.CreateUser, user_pb2.CreateUserRequest(username=username, password=password))
        return password


def _photostorage() -> client_pb2.Client:
    return client_pb2.Client(
        name="PhotoStorage",
        version="demo",
        type=client_pb2.CLIENT_TYPE_CONFIDENTIAL,
        grant_types=["client_credentials"],
        scopes=["introspect"],
    )


def _photoprint(version: str, kind: "client_pb2.ClientType.ValueType", callback: str) -> client_pb2.Client:
    return client_pb2.Client(
        name="PhotoPrint",
        version=version,
        type=kind,
        redirect_uris=[callback],
        grant_types=["authorization_code", "refresh_token"],
        scopes=list(SCOPES),
    )


def _password() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))
