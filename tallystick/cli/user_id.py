"""Users, named as people name them."""

from uuid import UUID

from tallystick.authorize.v1 import user_pb2
from tallystick.authorize.v1.user_pb2_grpc import UserServiceStub
from tallystick.cli.connection import Operator


def user_id(operator: Operator, user: str) -> str:
    """Return the id of a user who is named by it or by name; empty for nobody in particular.

    Raise `CommandFailed` when nobody has the name. An id is not looked up: its user may be gone.
    """
    if not user or _is_uuid(user):
        return user
    with operator.authorize() as authorize:
        stub = UserServiceStub(authorize.channel)
        return authorize.call(stub.GetUser, user_pb2.GetUserRequest(username=user)).user.user_id


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
