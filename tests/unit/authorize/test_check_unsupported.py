"""`checks.unsupported`: what later issues bring is refused by its own error code."""

import pytest

from services.authorize.errors import Redirected
from tests.fakes.authorize import checked, query_of


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
    ],
)
def test_request_objects_and_registrations_are_refused(name: str, code: str) -> None:
    """Each has an error code of its own, whatever its value (AUTHZ-14)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of(**{name: "https://127.0.0.1:1/never-fetched"}))
    assert code == refusal.value.error.code


@pytest.mark.parametrize("name", ["request", "request_uri", "registration"])
def test_repeated_ones_are_refused(name: str) -> None:
    """A known parameter must not be repeated, even one that is refused anyway (AUTHZ-05)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of() + f"&{name}=&{name}=".encode())
    assert refusal.value.error.code == "invalid_request"


def test_an_empty_one_counts_as_absent() -> None:
    """An empty value is as if it had not been sent (GEN-04)."""
    assert checked(query_of(request="", request_uri="", registration="")) == checked(query_of())
