"""The credential in a call's metadata, for whoever it belongs to."""

import pytest

from tallystick.runtime.callers import bearer_credential
from tallystick.runtime.failures import Unauthenticated


@pytest.mark.parametrize("authorization", ["Bearer tso_x", "bearer tso_x", "BEARER   tso_x  "])
def test_it_is_read(authorization: str) -> None:
    """The scheme is compared without case, and what follows is taken as it is (GRPC-01)."""
    assert bearer_credential(authorization) == "tso_x"


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer a b", "Basic tso_x", "Bearer \x85", "Bearer a\xa0b", "Bearer \u017f"],
)
def test_anything_else_is_nobody(authorization: str | None) -> None:
    """Neither two words nor anything beyond visible ASCII is a credential (GRPC-01)."""
    with pytest.raises(Unauthenticated):
        bearer_credential(authorization)
