"""Messages as plain values, for output: names as in the proto, enums as lower-case words, times in RFC 3339."""

import re
from typing import Any, TypeAlias

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

Value: TypeAlias = "str | bytes | int | bool | list[Value] | dict[str, Value] | None"
Record: TypeAlias = dict[str, Value]

_WORD_BEGINS = re.compile(r"(?<!^)(?=[A-Z])")


def record(message: Message) -> Record:
    """Return every field of a message; what is absent or unspecified is None. Maps are of plain values."""
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields}


def _field(message: Message, field: Any) -> Value:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(getattr(message, field.name))
    if field.is_repeated:
        return [_value(field, item) for item in getattr(message, field.name)]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(field, getattr(message, field.name))


def _value(field: Any, value: Any) -> Value:
    if isinstance(value, Timestamp):
        return value.ToJsonString()
    if isinstance(value, Message):
        return record(value)
    if field.enum_type is not None:
        return enum_word(field.enum_type, value)
    plain: str | bytes | int | bool = value
    return plain


def enum_word(enum: EnumDescriptor, number: int) -> str | None:
    """Return an enum value without its prefix, in lower case; None for UNSPECIFIED, the number for an unknown one."""
    value = enum.values_by_number.get(number)
    if value is None:
        return str(number)
    word = value.name.removeprefix(f"{_WORD_BEGINS.sub('_', enum.name).upper()}_").lower()
    return None if number == 0 else word
