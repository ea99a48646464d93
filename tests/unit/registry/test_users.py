"""Passwords, before they are hashed."""

import pytest

from services.authorize.registry.users import check_password
from tallystick.runtime.failures import Invalid


@pytest.mark.parametrize("password", ["x" * 8, "x" * 1024, "pass word", "пароль-пароль", "🔑🔑🔑🔑🔑🔑🔑🔑"])
def test_a_long_enough_password_is_taken(password: str) -> None:
    """Any characters that can be typed into one line will do."""
    assert check_password(password) is None


@pytest.mark.parametrize("password", ["", "x" * 7, "x" * 1025, "🔑" * 257, "tabs\there", "line\nbreak", "nul\0nul1"])
def test_a_password_is_refused_without_being_repeated(password: str) -> None:
    """A password that is too short, too long or cannot be typed is refused, and its text stays where it is."""
    with pytest.raises(Invalid) as caught:
        check_password(password)
    assert not password or password not in caught.value.message
