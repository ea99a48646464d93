"""How values are written to Redis: as JSON, read back strictly."""

from typing import Generic, TypeVar

from pydantic import ConfigDict, RootModel, ValidationError

from tallystick.runtime.log import logger

Value = TypeVar("Value")

_log = logger(__name__)


class _Json(RootModel[Value], Generic[Value]):
    model_config = ConfigDict(strict=True, ser_json_bytes="base64", val_json_bytes="base64")


class JsonRecord(Generic[Value]):
    """Writes and reads one type of frozen dataclass."""

    def __init__(self, type_: type[Value]) -> None:
        self._model = _Json[type_]  # type: ignore[valid-type]  # a model is made for a type that is known only now
        self._name = type_.__name__

    def write(self, value: Value) -> bytes:
        """Return a value as JSON."""
        return self._model(value).model_dump_json().encode()

    def read(self, octets: bytes | str | None) -> Value | None:
        """Return the value; None, as when there is none, for what cannot be read, which is logged without its content.

        A member that is not known is ignored, so that an older replica reads what a newer one has written.
        """
        if octets is None:
            return None
        try:
            return self._model.model_validate_json(octets).root
        except ValidationError as error:
            _log.error("unreadable_record", type=self._name, problems=error.error_count())
            return None
