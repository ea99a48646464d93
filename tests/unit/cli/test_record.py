"""Messages as plain values."""

from google.protobuf.timestamp_pb2 import Timestamp

from tallystick.authorize.v1 import client_pb2, operator_pb2, scope_pb2
from tallystick.cli.record import enum_word, record
from tallystick.token.v1 import grant_pb2


def test_a_record_has_every_field_by_its_proto_name() -> None:
    """Enums are words without prefix, absent numbers None, times in RFC 3339, in the order of the proto."""
    client = client_pb2.Client(
        client_id="c",
        name="PhotoPrint",
        type=client_pb2.CLIENT_TYPE_PUBLIC,
        token_endpoint_auth_method=client_pb2.TOKEN_ENDPOINT_AUTH_METHOD_CLIENT_SECRET_POST,
        refresh_limit=0,
        branding=client_pb2.Branding(logo=b"\x89"),
        created_at=Timestamp(seconds=1_800_000_000),
        epoch=2**40,
    )
    found = record(client)
    assert list(found) == [field.name for field in client_pb2.Client.DESCRIPTOR.fields]
    assert found["type"] == "public"
    assert found["token_endpoint_auth_method"] == "client_secret_post"
    assert found["application_type"] is None
    assert found["refresh_limit"] == 0
    assert found["access_token_lifetime_seconds"] is None
    assert found["branding"] == {"title": "", "logo": b"\x89", "header": "", "footer": ""}
    assert found["created_at"] == "2027-01-15T08:00:00Z"
    assert found["epoch"] == 2**40
    assert found["scopes"] == []


def test_a_map_is_a_record() -> None:
    """Names and values of a map stay together."""
    event = grant_pb2.GrantEvent(event="refreshed", attributes={"generation": "1", "scope": "a b"})
    assert record(event)["attributes"] == {"generation": "1", "scope": "a b"}
    assert record(grant_pb2.GrantEvent())["attributes"] == {}


def test_messages_within_messages_are_records_too() -> None:
    """A list of messages is a list of records."""
    scope = scope_pb2.Scope(name="s", covers=[scope_pb2.Cover(resource="r", service="p")])
    assert record(scope)["covers"] == [{"resource": "r", "service": "p"}]


def test_a_grant_that_lives_has_no_end() -> None:
    """An unspecified reason and an absent time are None."""
    found = record(grant_pb2.Grant(grant_id="g"))
    assert (found["ended_at"], found["end_reason"], found["refreshes_left"]) == (None, None, None)
    ended = record(grant_pb2.Grant(end_reason=grant_pb2.END_REASON_CODE_REPLAYED))
    assert ended["end_reason"] == "code_replayed"


def test_an_enum_value_of_a_later_version_is_a_number() -> None:
    """A value that this version does not know is shown rather than hidden."""
    enum = operator_pb2.OperatorRole.DESCRIPTOR
    assert [enum_word(enum, number) for number in (0, 1, 2, 9)] == [None, "viewer", "admin", "9"]
