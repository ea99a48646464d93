"""`accept_language`: the language that a browser prefers."""

import pytest

from services.authorize.pages.accept_language import preferred_language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de", "de"),
        ("de-CH", "de"),
        ("DE-at", "de"),
        ("de-Latn-DE-1996", "de"),
        ("de-CH, de;q=0.9, en;q=0.8", "de"),
        ("en;q=0.8,de;q=0.9", "de"),
        ("en;q=0.5, *", "de"),
        ("fr, de;q=0.1", "de"),
        ("en;q=0, *", "de"),
        ("de ; q=1.000", "de"),
        ("de;Q=0.5", "de"),
        (" de\t", "de"),
        ("en", "en"),
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("en, de", "en"),
        ("de, en", "de"),
        ("*", "en"),
        ("*, de;q=0.5", "en"),
        ("fr, it;q=0.9", "en"),
        ("de;q=0", "en"),
        ("de;q=0.000", "en"),
        ("*;q=0", "en"),
        ("en;q=0", "en"),
        ("den", "en"),
        ("x-de", "en"),
        ("", "en"),
    ],
)
def test_the_best_of_our_languages(header: str, language: str) -> None:
    """Quality decides, then the order of the header; a region is content with its language."""
    assert preferred_language([header], ("en", "de")) == language


@pytest.mark.parametrize(
    "header",
    [
        "de;q=2",
        "de;q=",
        "de;q=0.1234",
        "de;q=-1",
        "de;level=1",
        "de;;q=1",
        "d€",
        "de_DE",
        "de en",
        "-de",
        "de-",
        ";,;",
        "\0de",
    ],
)
def test_what_is_malformed_counts_as_absent(header: str) -> None:
    """Nobody gets another language, or an error, for a header that means nothing."""
    assert preferred_language([header], ("en", "de")) == "en"
    assert preferred_language([header + ", de"], ("en", "de")) == "de"


def test_a_header_that_comes_in_two_lines_is_one() -> None:
    """Lines are joined as RFC 9110 §5.3 joins them; without any the first language is taken."""
    assert preferred_language(["fr", "de;q=0.3"], ("en", "de")) == "de"
    assert preferred_language([], ("en", "de")) == "en"
