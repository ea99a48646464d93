"""`checks.resource`: what is named must exist."""

import pytest

from services.authorize.errors import Redirected
from tests.fakes.authorize import checked, query_of

PHOTOS, PRINTS = "https://photos.example", "https://prints.example"


@pytest.mark.parametrize("resource", [None, "", PHOTOS, f"{PHOTOS}&resource={PRINTS}", f"{PHOTOS}&resource={PHOTOS}"])
def test_known_resources_pass(resource: str | None) -> None:
    """`resource` may be absent, and may be repeated (RI-01, RI-02)."""
    request = checked(query_of(resource=resource), known_resources=(PHOTOS, PRINTS))
    assert request.scopes == ("photos.print", "photos.read")


@pytest.mark.parametrize(
    "resource",
    [
        "photos",
        "/photos",
        "//photos.example",
        f"{PHOTOS}%23fragment",
        f"{PHOTOS}%23",
        f"{PHOTOS}%20",
        f"{PHOTOS}/",
        "https://elsewhere.example",
        f"{PHOTOS}&resource=https://elsewhere.example",
        f"{PHOTOS}&resource=photos",
        "https://[",
    ],
)
def test_a_malformed_or_unknown_resource_is_refused(resource: str) -> None:
    """A relative URI, a fragment or an unknown one is invalid_target, beside a known one too (RI-01)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of(resource=resource), known_resources=(PHOTOS, PRINTS))
    assert refusal.value.error.code == "invalid_target"
