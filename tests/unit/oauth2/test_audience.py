import pytest

from tallystick.oauth2.audience import Targeted, is_resource_identifier, target
from tallystick.oauth2.errors import InvalidTarget

ISSUER = "https://issuer.example"
PHOTOS, NOTES = "https://photos.example", "https://notes.example"
RESOURCES = {
    "photos.read": frozenset({PHOTOS}),
    "notes.read": frozenset({NOTES}),
    "both": frozenset({PHOTOS, NOTES}),
}


def test_the_audience_is_what_the_scopes_cover() -> None:
    """Scopes of one resource give a token for it (TOK-11)."""
    assert Targeted(("photos.read", "profile"), PHOTOS) == target(
        ("photos.read", "profile"), RESOURCES, requested=(), issuer=ISSUER
    )


def test_scopes_that_cover_nothing_are_for_the_issuer() -> None:
    """A token that reaches no resource is for its own client alone."""
    assert Targeted(("introspect",), ISSUER) == target(("introspect",), RESOURCES, requested=(), issuer=ISSUER)


def test_the_issuer_may_be_asked_for_by_name() -> None:
    """Naming the audience that a token would have anyway is no error."""
    assert target(("profile",), RESOURCES, requested=(ISSUER,), issuer=ISSUER).audience == ISSUER


@pytest.mark.parametrize("scopes", [("photos.read", "notes.read"), ("both",), ("both", "profile")])
def test_several_resources_need_a_choice(scopes: tuple[str, ...]) -> None:
    """Scopes that span resources are refused until one is named (RI-04)."""
    with pytest.raises(InvalidTarget):
        target(scopes, RESOURCES, requested=(), issuer=ISSUER)


def test_a_token_carries_only_its_resources_scopes() -> None:
    """The chosen resource's scopes and the uncovered ones stay, the others go (RI-04)."""
    asked = ("photos.read", "notes.read", "both", "profile")
    assert Targeted(("notes.read", "both", "profile"), NOTES) == target(
        asked, RESOURCES, requested=(NOTES, NOTES), issuer=ISSUER
    )


@pytest.mark.parametrize(
    "requested",
    [
        (NOTES,),
        (ISSUER,),
        (PHOTOS, NOTES),
        ("https://unknown.example",),
        ("photos",),
        ("/photos",),
        (PHOTOS + "#f",),
        (PHOTOS + "#",),
        ("https://photos.example /",),
        ("",),
        ("http://[::1",),
        ('https://photos.example/"',),
        ("https://photos.example/\\",),
        ("https://photos.example/<>",),
        ("https://photos.example/é",),
        ("https://photos.example/" + "a" * 2000,),
    ],
)
def test_resources_that_cannot_be_had(requested: tuple[str, ...]) -> None:
    """A resource that is malformed, unknown, not covered, or one of two is invalid_target (RI-01, RI-03)."""
    with pytest.raises(InvalidTarget):
        target(("photos.read",), RESOURCES, requested=requested, issuer=ISSUER)


@pytest.mark.parametrize("uri", ["https://photos.example", "urn:example:photos", "https://photos.example/v1?x=1"])
def test_identifiers_are_absolute_uris(uri: str) -> None:
    """Any absolute URI without fragment identifies a resource (RI-01)."""
    assert is_resource_identifier(uri)
