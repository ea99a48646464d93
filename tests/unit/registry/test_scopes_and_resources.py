"""Covers and services, before they reach a store."""

import pytest

from services.authorize.registry.model import Cover
from services.authorize.registry.resources import canonical_services
from services.authorize.registry.scopes import canonical_covers, is_wider
from tallystick.runtime.failures import Invalid

PHOTOS, PRINTS = "https://photos.example", "https://prints.example"


def covers(*pairs: tuple[str, str]) -> tuple[Cover, ...]:
    return canonical_covers(Cover(resource, service) for resource, service in pairs)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ((), (), False),
        ((), ((PHOTOS, "/a/b"),), False),
        (((PHOTOS, "/a/b"),), (), True),
        (((PHOTOS, "/a/b"),), ((PHOTOS, "POST /a/b"),), False),
        (((PHOTOS, "/a/b"),), ((PHOTOS, "/a/*"),), False),
        (((PHOTOS, "/a/*"),), ((PHOTOS, "/a/b"),), True),
        (((PHOTOS, "GET /a/*"),), ((PHOTOS, "/a/*"),), False),
        (((PHOTOS, "/a/*"),), ((PHOTOS, "GET /a/*"),), True),
        (((PRINTS, "/a/b"),), ((PHOTOS, "/a/b"),), True),
        (((PRINTS, "/a/b"), (PHOTOS, "/a/b")), ((PHOTOS, "/a/b"),), True),
        (((PHOTOS, "/a/b"),), ((PHOTOS, "/a/b"), (PRINTS, "/a/b")), False),
    ],
)
def test_a_cover_is_wider_when_it_reaches_something_new(
    new: tuple[tuple[str, str], ...], old: tuple[tuple[str, str], ...], *, expected: bool
) -> None:
    """Only what no cover reached before makes a scope wider."""
    assert is_wider(covers(*new), covers(*old)) is expected


def test_a_cover_that_only_an_earlier_version_took_can_be_taken_away() -> None:
    """It reaches nothing, so that neither what is left nor the cover itself, unchanged, is wider."""
    unreadable, left = Cover(PHOTOS, "GET /caf%E9"), Cover(PHOTOS, "GET /cafe")
    assert not is_wider([left], [unreadable, left])
    assert not is_wider([unreadable, left], [unreadable, left])
    assert is_wider([left], [unreadable])


def test_covers_are_sorted_and_each_once() -> None:
    """Two ways of writing one service are one cover."""
    assert covers((PRINTS, "/a/b"), (PHOTOS, "/a/b"), (PHOTOS, "POST /a/b")) == (
        Cover(PHOTOS, "POST /a/b"),
        Cover(PRINTS, "POST /a/b"),
    )


@pytest.mark.parametrize(
    "pair", [("", "/a/b"), (PHOTOS, ""), ("photos", "/a/b"), (PHOTOS, "a/b"), (f"{PHOTOS}#", "/a")]
)
def test_a_cover_names_a_resource_and_a_service(pair: tuple[str, str]) -> None:
    """A cover without a resource's URI or without a service is refused."""
    with pytest.raises(Invalid):
        covers(pair)


def test_services_that_no_request_could_tell_apart_are_refused() -> None:
    """Templates may be called anything, but only one service of a shape is registered."""
    assert canonical_services(["GET /a/{x}", "GET /a/{x}", "POST /a/{y}", "GET /a/b"]) == (
        "GET /a/b",
        "GET /a/{x}",
        "POST /a/{y}",
    )
    with pytest.raises(Invalid, match="keep one"):
        canonical_services(["GET /a/{x}", "GET /a/{y}"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GET /a:b", "GET /a%3Ab"),
        ("GET /a%3Ab", "GET /a%3ab"),
        ("GET /a:b", "POST /a%3Ab"),
        ("GET /{x}/a:b/c", "GET /{y}/a%3Ab/*"),
        ("/caf%C3%A9/*", "GET /caf%c3%a9/menu"),
    ],
)
def test_a_path_is_spelled_in_one_way(one: str, other: str) -> None:
    """What programs that undo escapes take for one path is registered once, so each request is for one service."""
    assert canonical_services([one])
    assert canonical_services([other])
    with pytest.raises(Invalid, match="keep one"):
        canonical_services([one, other])


def test_paths_that_are_several_are_kept() -> None:
    """Other escapes, and the same segments in other places, are paths of their own."""
    services = ("GET /%7B%7D", "GET /a%2Cb", "GET /a%3Ab", "GET /x/a:b", "GET /{id}")
    assert canonical_services(services) == services
