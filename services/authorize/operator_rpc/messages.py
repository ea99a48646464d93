"""What all services for operators read from and write into messages alike."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Generic, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from services.authorize.registry.text import excerpt
from tallystick.runtime.failures import Invalid

Ours = TypeVar("Ours")
Theirs = TypeVar("Theirs", bound=int)


class EnumTable(Generic[Theirs, Ours]):
    """The values of a protobuf enum and ours, UNSPECIFIED included, which mostly stands for None."""

    def __init__(self, field: str, table: Mapping[Theirs, Ours]) -> None:
        self._field = field
        self._ours = table
        self._theirs = {ours: theirs for theirs, ours in table.items()}

    def ours(self, value: Theirs) -> Ours:
        """Return our value; raise `Invalid` for a number that the enum does not have (proto3 lets any through)."""
        if value not in self._ours:
            raise Invalid(f"{self._field}: {int(value)} is not a value of this enum")
        return self._ours[value]

    def theirs(self, value: Ours) -> Theirs:
        """Return the value for a message."""
        return self._theirs[value]


def masked_fields(mask: FieldMask, fields: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Return our fields that a mask names; raise `Invalid` for an empty mask and for a path that cannot be changed.

    `fields` maps each path that the mask may hold to our own names.
    """
    known = ", ".join(fields)
    if not mask.paths:
        raise Invalid(f"update_mask must name what to change: {known}")
    found: set[str] = set()
    for path in mask.paths:
        if path not in fields:
            raise Invalid(f"update_mask: {excerpt(path)!r} cannot be changed; what can be: {known}")
        found.update(fields[path])
    return frozenset(found)


def moment(field: str, stamp: Timestamp) -> datetime:
    """Return the moment of a timestamp, to the microsecond; raise `Invalid` when there is none (proto3 checks none)."""
    try:
        return stamp.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{field} must be a timestamp between the years 1 and 9999") from None


def timestamp(when: datetime | None) -> Timestamp | None:
    """Return a moment for a message; None leaves the field absent."""
    if when is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(when)
    return stamp
