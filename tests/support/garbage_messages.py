"""Requests that nobody would send, made from the descriptors of the messages themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.support.fuzz import NASTY, TEXT, damaged

Known = Mapping[str, Sequence[str]]
"""Values that mean something to the server, by field name."""

_DEEPEST = 4
_INT32 = st.one_of(st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31)]), st.integers(-(2**31), 2**31 - 1))
_INT64 = st.one_of(st.sampled_from([0, -1, 2**63 - 1, -(2**63), 253402300800]), st.integers(-(2**63), 2**63 - 1))
_OCTETS = st.binary(max_size=300)
_SCALARS: Mapping[int, SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_INT32: _INT32,
    FieldDescriptor.CPPTYPE_INT64: _INT64,
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_ENUM: st.integers(0, 4) | _INT32,
}


def garbage_request(message: Descriptor, known: Known) -> SearchStrategy[bytes]:
    """Draw the bytes of a request: well-formed ones with any values, damaged ones, ones of no message at all."""
    well_formed = garbage_message(message, known).map(lambda each: each.SerializeToString())
    return st.one_of(
        well_formed,
        well_formed,
        well_formed.flatmap(_damaged),
        st.lists(_fields(message), max_size=6).map(b"".join),
        _OCTETS,
    )


@st.composite
def garbage_message(draw: DrawFn, message: Descriptor, known: Known, depth: int = 0) -> Message:
    """Draw a message with any values in any of its fields."""
    made = message_factory.GetMessageClass(message)()
    for field in message.fields:
        if draw(st.integers(0, 3)) == 0 or depth > _DEEPEST:
            continue
        values = _values(field, known, depth)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        if field.is_repeated:
            drawn = draw(st.lists(values, max_size=4))
            getattr(made, field.name).extend(drawn)
        elif field.message_type is not None:
            getattr(made, field.name).CopyFrom(draw(values))
        else:
            setattr(made, field.name, draw(values))
    return made


def _values(field: FieldDescriptor, known: Known, depth: int) -> SearchStrategy[Any]:
    if field.message_type is not None:
        return garbage_message(field.message_type, known, depth + 1)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _OCTETS | _known(field, known).map(str.encode)
    if field.type == FieldDescriptor.TYPE_STRING:
        return _known(field, known) | damaged(_known(field, known)) | NASTY | TEXT
    return _SCALARS[field.cpp_type]


def _known(field: FieldDescriptor, known: Known) -> SearchStrategy[str]:
    return st.sampled_from(known.get(field.name) or ["a"])


def _fields(message: Descriptor) -> SearchStrategy[bytes]:
    """Draw one field as it looks on the wire, of a type that need not be its own, with bytes that need not be UTF-8."""
    numbers = st.sampled_from([field.number for field in message.fields] or [1]) | st.integers(1, 40)
    delimited = st.builds(lambda n, octets: _varint(n << 3 | 2) + _varint(len(octets)) + octets, numbers, _OCTETS)
    varint = st.builds(lambda n, value: _varint(n << 3) + _varint(value), numbers, st.integers(0, 2**64 - 1))
    other = st.builds(lambda n, kind, octets: _varint(n << 3 | kind) + octets, numbers, st.integers(0, 7), _OCTETS)
    return st.one_of(delimited, varint, other)


def _damaged(octets: bytes) -> SearchStrategy[bytes]:
    return damaged(st.just(octets.decode("latin-1"))).map(lambda text: text.encode("latin-1", "replace"))


def _varint(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)
