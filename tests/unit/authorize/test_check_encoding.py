"""`checks.encoding`: nothing is guessed at."""

import pytest

from services.authorize.errors import Redirected
from tests.fakes.authorize import checked, query_of


@pytest.mark.parametrize("value", ["%", "%4", "%zz", "%ff", "%00", "%C3%28", "%ed%a0%80"])
@pytest.mark.parametrize(
    "name", ["response_type", "scope", "code_challenge", "code_challenge_method", "nobody_knows_me"]
)
def test_a_parameter_that_cannot_be_decoded_is_told_to_the_client(name: str, value: str) -> None:
    """A broken escape, bad UTF-8 or a NUL is invalid_request, with the state (GEN-06)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of(**{name: value}))
    assert (refusal.value.error.code, refusal.value.request.state) == ("invalid_request", "xyz")
