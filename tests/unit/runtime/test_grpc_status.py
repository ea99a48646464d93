import grpc
import pytest

from tallystick.runtime.failures import Failure, Internal, Invalid, Unavailable
from tallystick.runtime.grpc_status import status_of


@pytest.mark.parametrize("failure", Failure.__subclasses__())
def test_every_failure_has_a_status(failure: type[Failure]) -> None:
    """No failure crosses gRPC without a line in the table (GRPC-03)."""
    status = status_of(failure("said so", detail="for the log"))
    assert status.code is not grpc.StatusCode.UNKNOWN
    assert (failure is Internal) == (status.code is grpc.StatusCode.INTERNAL)
    assert "for the log" not in str(status)


@pytest.mark.parametrize("error", [ValueError("tsa_secret"), KeyError("tsa_secret"), RuntimeError("tsa_secret")])
def test_what_is_unknown_crosses_without_its_text(error: Exception) -> None:
    """Our own faults are INTERNAL, and nobody outside reads what they say (GRPC-05)."""
    status = status_of(error)
    assert status.code is grpc.StatusCode.INTERNAL
    assert "tsa_secret" not in str(status)


def test_failures_are_told_apart() -> None:
    """A wrong request and a store that is away never share a status (GRPC-03)."""
    assert status_of(Invalid("x")).code is grpc.StatusCode.INVALID_ARGUMENT
    assert status_of(Unavailable("x")).code is grpc.StatusCode.UNAVAILABLE
