"""`UserService` over a real server and database."""

from typing import Any
from uuid import UUID

import pytest
from argon2 import PasswordHasher

from tallystick.authorize.v1 import user_pb2
from tests.rpc.operator_server import INVALID, NOT_FOUND, TAKEN, OperatorServer, refused, unique

PASSWORD = "correct horse battery"


async def create(server: OperatorServer, username: str | None = None, password: str = PASSWORD) -> user_pb2.User:
    request = user_pb2.CreateUserRequest(username=unique("bob") if username is None else username, password=password)
    made: user_pb2.User = (await server.call(server.users.CreateUser, request)).user
    return made


def password_hash_of(server: OperatorServer, username: str) -> str:
    with server.database.connect() as connection:
        row = connection.execute("SELECT password_hash FROM users WHERE username = %s", (username,)).fetchone()
    assert row is not None
    return str(row["password_hash"])


async def test_a_user_is_kept_with_a_hash(server: OperatorServer) -> None:
    """Of the password only an Argon2id hash is kept, and the record never tells it."""
    made = await create(server, unique("Bøb Ünïcode"))
    assert UUID(made.user_id).version == 4
    assert (made.enabled, made.epoch) == (True, 0)
    hashed = password_hash_of(server, made.username)
    assert hashed.startswith("$argon2id$")
    assert PasswordHasher().verify(hashed, PASSWORD)
    found = await server.call(server.users.GetUser, user_pb2.GetUserRequest(username=made.username))
    listed = await server.call(server.users.ListUsers, user_pb2.ListUsersRequest(page_size=1000))
    assert found.user == made
    assert made in listed.users
    assert PASSWORD not in str(found)


@pytest.mark.parametrize(
    ("username", "password", "word"),
    [
        ("", PASSWORD, "username"),
        ("x" * 101, PASSWORD, "username"),
        ("bob\n", PASSWORD, "username"),
        ("bob\0", PASSWORD, "username"),
        (" bob", PASSWORD, "username"),
        ("b\u200eob", PASSWORD, "username"),
        ("bob", "", "password"),
        ("bob", "1234567", "password"),
        ("bob", "x" * 1025, "1024"),
        ("bob", "ü" * 513, "1024"),
        ("bob", "pass\nword", "control"),
        ("bob", "pass\0word", "control"),
    ],
)
async def test_users_who_cannot_be_are_refused(server: OperatorServer, username: str, password: str, word: str) -> None:
    """A wrong name or password is an invalid argument whose message names it and never repeats the password."""
    with refused(INVALID, word):
        await create(server, username, password)
    with refused(INVALID, word):
        request = user_pb2.SetUserPasswordRequest(username=username, password=password)
        await server.call(server.users.SetUserPassword, request)


async def test_a_user_name_is_taken_once(server: OperatorServer) -> None:
    """A second user of the same name is refused."""
    made = await create(server)
    with refused(TAKEN, made.username):
        await create(server, made.username)


async def test_a_new_password_ends_what_came_of_the_old_one(server: OperatorServer) -> None:
    """Setting a password raises the epoch and says that the user must be read again."""
    made = await create(server)
    request = user_pb2.SetUserPasswordRequest(username=made.username, password="another password")
    changed = (await server.call(server.users.SetUserPassword, request)).user
    assert changed.epoch == made.epoch + 1
    assert PasswordHasher().verify(password_hash_of(server, made.username), "another password")
    assert server.invalidations()[-1] == ("user", made.user_id)


async def test_disabling_a_user_can_be_undone(server: OperatorServer) -> None:
    """Enable and disable are states, and each must be read again."""
    made = await create(server)
    before = len(server.invalidations())
    disabled = await server.call(server.users.DisableUser, user_pb2.DisableUserRequest(username=made.username))
    enabled = await server.call(server.users.EnableUser, user_pb2.EnableUserRequest(username=made.username))
    assert (disabled.user.enabled, enabled.user.enabled, enabled.user.epoch) == (False, True, 0)
    assert server.invalidations()[before:] == [("user", made.user_id)] * 2


async def test_a_deleted_user_comes_back_as_another(server: OperatorServer) -> None:
    """The name is free again after a deletion, the id is never given twice, and the user must be read again."""
    made = await create(server)
    await server.call(server.users.DeleteUser, user_pb2.DeleteUserRequest(username=made.username))
    assert server.invalidations()[-1] == ("user", made.user_id)
    assert (await create(server, made.username)).user_id != made.user_id


@pytest.mark.parametrize("method", ["GetUser", "DeleteUser", "EnableUser", "DisableUser", "SetUserPassword"])
@pytest.mark.parametrize(("username", "code"), [("nobody", NOT_FOUND), ("", INVALID), ("no\0body", INVALID)])
async def test_an_unknown_user_is_said_to_be_unknown(
    server: OperatorServer, method: str, username: str, code: Any
) -> None:
    """A name that nobody has is not found, and one that nobody can have is an invalid argument."""
    extra = {"password": PASSWORD} if method == "SetUserPassword" else {}
    with refused(code, "user"):
        await server.call(
            getattr(server.users, method), getattr(user_pb2, f"{method}Request")(username=username, **extra)
        )
