"""Names of services, and which covers which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.oauth2.service_name import LIMIT, MalformedServiceName, parse_service_name


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("/photos.v1.Albums/Get", "POST /photos.v1.Albums/Get"),
        ("POST /photos.v1.Albums/Get", "POST /photos.v1.Albums/Get"),
        ("GET /albums/{id}", "GET /albums/{id}"),
        ("GET /albums/{id}/photos/{photo_id}", "GET /albums/{id}/photos/{photo_id}"),
        ("/photos.v1.Albums/*", "/photos.v1.Albums/*"),
        ("GET /albums/*", "GET /albums/*"),
        ("GET /albums/{id}/*", "GET /albums/{id}/*"),
        ("/*", "/*"),
        ("/", "POST /"),
        ("GET /albums/", "GET /albums/"),
        ("GET /caf%C3%A9/a:b@c,d=e!$&'()+~_-.", "GET /caf%C3%A9/a:b@c,d=e!$&'()+~_-."),
        ("VERSION-CONTROL /x", "VERSION-CONTROL /x"),
    ],
)
def test_a_service_has_one_way_of_writing(written: str, canonical: str) -> None:
    """A service without method means POST, a folder without method every method."""
    assert str(parse_service_name(written)) == canonical
    assert parse_service_name(canonical) == parse_service_name(written)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "photos", "GET", "GET photos/1", "GET  /photos", "GET /photos ", " /photos", "GET /pho tos",
        "/photos\n", "get /photos", "Get /photos", "GET1 /photos", "-GET /photos", "X" * 21 + " /photos",
        "GET\t/photos",
        "//photos", "/photos//list", "/photos//*", "/./photos", "/photos/..", "/photos/../*", "/photos/.",
        "/photos;v=1", "/photos?x=1", "/photos#x", "/photos\\list", "/photos/ü", "/photos/\0", "/photos/\x7f",
        "/photos/*/list", "/photos*", "/*/photos", "/photos/**", "/photos/a*",
        "/photos/{}", "/photos/{1}", "/photos/{a b}", "/photos/x{id}", "/photos/{id}x", "/photos/{id", "/photos/id}",
        "/photos/%", "/photos/%2", "/photos/%zz", "/photos/%2f", "/photos/%2F", "/photos/%5c", "/photos/%25",
        "/photos/%00", "/photos/%0a", "/photos/%7F", "/photos/%41", "/photos/%2e%2e", "/photos/%7e",
        "/photos/%C0%AF", "/photos/%C3", "/photos/%C3x%A9", "/photos/%FF", "/photos/%C2%85", "/photos/%ED%A0%80",
        "/" + "x" * LIMIT,
    ],
)  # fmt: skip
def test_what_two_programs_could_read_differently_is_refused(text: str) -> None:
    """Empty segments, dots, wildcards inside, parameters and needless or dangerous escapes name no service."""
    with pytest.raises(MalformedServiceName):
        parse_service_name(text)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("/a/b", "POST /a/b"),
        ("/a/*", "POST /a/b"),
        ("/a/*", "GET /a/b/c"),
        ("/a/*", "/a/*"),
        ("/a/*", "/a/b/*"),
        ("/a/*", "GET /a/*"),
        ("/a/*", "GET /a/"),
        ("/*", "GET /"),
        ("/*", "/a/*"),
        ("GET /a/*", "GET /a/b"),
        ("GET /a/{x}", "GET /a/{y}"),
        ("GET /a/{x}/*", "GET /a/b/c"),
        ("GET /a/{x}/*", "GET /a/{y}/c"),
    ],
)
def test_a_folder_covers_all_below_it(outer: str, inner: str) -> None:
    """A service covers itself, and a folder everything below by its method."""
    assert parse_service_name(outer).covers(parse_service_name(inner))


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("/a/b", "GET /a/b"),
        ("/a/b", "/a/b/c"),
        ("/a/b", "/a/*"),
        ("/a/*", "GET /a"),
        ("/a/*", "GET /ab"),
        ("/a/*", "/ab/c"),
        ("/a/b/*", "/a/*"),
        ("GET /a/*", "POST /a/b"),
        ("GET /a/*", "/a/*"),
        ("GET /a/{x}", "GET /a/b"),
        ("GET /a/b", "GET /a/{x}"),
        ("GET /a/b/*", "GET /a/{x}/c"),
        ("GET /a/{x}/*", "GET /a//"),
        ("/A/*", "/a/b"),
    ],
)
def test_nothing_covers_what_is_beside_it(outer: str, inner: str) -> None:
    """Neither another method, a longer name, the folder itself, nor a narrower path is covered."""
    try:
        covered = parse_service_name(outer).covers(parse_service_name(inner))
    except MalformedServiceName:
        covered = False
    assert not covered


@given(st.text(alphabet="/GETPOS {}*.%aA1;?-\u00fc", max_size=30))
def test_whatever_is_read_is_written_as_it_is_read(text: str) -> None:
    """Any text is either refused, or read to a name that is read the same again and covers itself."""
    try:
        name = parse_service_name(text)
    except MalformedServiceName:
        return
    assert parse_service_name(str(name)) == name
    assert name.covers(name)
