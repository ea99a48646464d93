"""What operators do to the model's clients, users and grants, over gRPC."""

import secrets
from dataclasses import replace

from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import client_pb2, user_pb2
from tallystick.token.v1 import grant_pb2
from tests.model.cast import Cast
from tests.model.world import Scopes


class Operating:
    """Each method is one call."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._operator = cast.stage.cluster.operator

    def enable_client(self, client: str, *, enabled: bool) -> None:
        """Enable or disable a client."""
        client_id, rpc = self._cast.client_id(client), self._operator.clients
        if enabled:
            self._operator.call(rpc.EnableClient, client_pb2.EnableClientRequest(client_id=client_id))
        else:
            self._operator.call(rpc.DisableClient, client_pb2.DisableClientRequest(client_id=client_id))

    def revoke_all(self, client: str) -> None:
        """Revoke all that a client holds."""
        request = client_pb2.RevokeAllOfClientRequest(client_id=self._cast.client_id(client))
        self._operator.call(self._operator.clients.RevokeAllOfClient, request)

    def delete_client(self, client: str) -> None:
        """Delete a client."""
        request = client_pb2.DeleteClientRequest(client_id=self._cast.client_id(client))
        self._operator.call(self._operator.clients.DeleteClient, request)

    def allow_scopes(self, client: str, scopes: Scopes) -> None:
        """Say what a client may ask for."""
        names = self._cast.scope_names(scopes)
        changed = client_pb2.Client(client_id=self._cast.client_id(client), scopes=sorted(names))
        request = client_pb2.UpdateClientRequest(client=changed, update_mask=FieldMask(paths=["scopes"]))
        self._operator.call(self._operator.clients.UpdateClient, request)

    def rotate_secret(self, client: str) -> None:
        """Give a client another secret, and end the one before at once."""
        request = client_pb2.RotateClientSecretRequest(client_id=self._cast.client_id(client), overlap_seconds=0)
        secret = self._operator.call(self._operator.clients.RotateClientSecret, request).client_secret
        present = self._cast.clients[client]
        self._cast.former_secrets[client] = present.client_secret or ""
        self._cast.clients[client] = replace(present, client_secret=secret)

    def enable_user(self, user: str, *, enabled: bool) -> None:
        """Enable or disable a user."""
        username, rpc = self._cast.stage.users[user].username, self._operator.users
        if enabled:
            self._operator.call(rpc.EnableUser, user_pb2.EnableUserRequest(username=username))
        else:
            self._operator.call(rpc.DisableUser, user_pb2.DisableUserRequest(username=username))

    def set_password(self, user: str) -> None:
        """Give a user another password."""
        changed = replace(self._cast.stage.users[user], password=secrets.token_urlsafe(12))
        request = user_pb2.SetUserPasswordRequest(username=changed.username, password=changed.password)
        self._operator.passwords.append(changed.password)
        self._operator.call(self._operator.users.SetUserPassword, request)
        self._cast.stage.users[user] = changed

    def revoke_grant(self, grant_id: str) -> None:
        """Revoke a grant."""
        self._operator.call(self._operator.grants.RevokeGrant, grant_pb2.RevokeGrantRequest(grant_id=grant_id))
