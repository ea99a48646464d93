"""The ports of a run."""

import socket

import pytest

from tallystick.local.errors import LocalServerError
from tallystick.local.ports import DEFAULTS, PURPOSES, choose_ports, is_answering, require_free


def test_choices_replace_defaults() -> None:
    """What is chosen replaces its default and nothing else."""
    assert choose_ports([]) == DEFAULTS
    assert choose_ports(["token=18081", "valkey=1"]) == {**DEFAULTS, "token": 18081, "valkey": 1}


def test_a_port_can_change_places() -> None:
    """Ports are compared after all choices, so two names can swap theirs."""
    swapped = choose_ports(["authorize=8081", "token=8080"])
    assert (swapped["authorize"], swapped["token"]) == (8081, 8080)


@pytest.mark.parametrize(
    "choice", ["", "token", "token=", "token=x", "token=-1", "token=0", "token=65536", "tokens=1", "=1", "token=8 "]
)
def test_a_wrong_choice_is_named(choice: str) -> None:
    """What is not NAME=NUMBER, with a known name and a possible number, is refused."""
    with pytest.raises(ValueError, match="say NAME=NUMBER"):
        choose_ports([choice])


def test_two_names_cannot_share() -> None:
    """One port for two names is refused, even if one of them is a default."""
    with pytest.raises(ValueError, match="token and photoprint cannot share port 8090"):
        choose_ports(["token=8090"])


def test_every_port_has_a_purpose() -> None:
    """There are words for people about each name."""
    assert PURPOSES.keys() == DEFAULTS.keys()


def test_a_taken_port_is_refused() -> None:
    """A port that somebody listens on is refused, unless it is not among those asked about."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ports = {**DEFAULTS, "photoprint": server.getsockname()[1]}
        assert is_answering(ports["photoprint"])
        require_free(ports, [])
        with pytest.raises(LocalServerError, match=r"for the demo app, .* --port photoprint=NUMBER"):
            require_free(ports, ["photoprint"])
    assert not is_answering(ports["photoprint"])
    require_free(ports, ["photoprint"])
