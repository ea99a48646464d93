"""How refresh tokens follow from one another (`services.token.refresh_chain`)."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.token.model import Rotated
from services.token.refresh_chain import RefreshChain
from tallystick.oauth2.refresh_token import RefreshToken, parse_refresh_token
from tests.unit.token.world import ring

FAMILY = UUID(int=1)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SECRET, NONCE = b"s" * 32, b"n" * 32
Change = Callable[[RefreshToken], RefreshToken]


@pytest.fixture
def chain() -> RefreshChain:
    return RefreshChain(ring("k1"))


@pytest.fixture
def first(chain: RefreshChain) -> RefreshToken:
    return chain.first(FAMILY, SECRET)


def rotated(token: RefreshToken, nonce: bytes, key_id: str = "k1") -> Rotated:
    """Return what a grant keeps of a rotation."""
    return Rotated(NOW, token.digest, nonce, key_id)


def flipped(octets: bytes, position: int) -> bytes:
    """Return the octets with one bit of one of them changed."""
    changed = bytearray(octets)
    changed[position] ^= 1 << position % 8
    return bytes(changed)


def test_the_first_generation_is_random(first: RefreshToken) -> None:
    """Generation 0 carries the random bytes it was given."""
    assert (first.family, first.generation, first.secret, first.key_id) == (FAMILY, 0, SECRET, "k1")


def test_a_token_survives_its_text(chain: RefreshChain, first: RefreshToken) -> None:
    """What was written as text is read back as the same token of ours."""
    parsed = parse_refresh_token(str(chain.successor(first, NONCE)))
    assert parsed == chain.successor(first, NONCE)
    assert chain.is_ours(parsed)


def test_the_same_predecessor_has_the_same_successor(chain: RefreshChain, first: RefreshToken) -> None:
    """A repeated derivation gives the very same text, MAC included (REFR-04)."""
    assert str(chain.successor(first, NONCE)) == str(chain.successor(first, NONCE))


def test_the_successor_is_of_the_next_generation(chain: RefreshChain, first: RefreshToken) -> None:
    """A successor belongs to the same family, one generation on, with another secret."""
    successor = chain.successor(first, NONCE)
    assert (successor.family, successor.generation) == (FAMILY, 1)
    assert successor.secret != first.secret


@pytest.mark.parametrize(
    "change",
    [
        lambda token: replace(token, secret=b"t" * 32),
        lambda token: replace(token, family=UUID(int=2)),
        lambda token: replace(token, generation=1),
    ],
    ids=["secret", "family", "generation"],
)
def test_the_successor_depends_on(chain: RefreshChain, first: RefreshToken, change: Change) -> None:
    """Secret, family and generation of the predecessor each change the successor's secret."""
    assert chain.successor(change(first), NONCE).secret != chain.successor(first, NONCE).secret


def test_the_successor_depends_on_the_nonce(chain: RefreshChain, first: RefreshToken) -> None:
    """A rotation that loses leaves nothing by which the winner's token could be told."""
    assert chain.successor(first, b"m" * 32).secret != chain.successor(first, NONCE).secret


def test_the_successor_depends_on_the_key(chain: RefreshChain, first: RefreshToken) -> None:
    """Whoever has a database dump and a token, but no key, cannot go on."""
    assert RefreshChain(ring("k2")).successor(first, NONCE).secret != chain.successor(first, NONCE).secret


def test_secret_and_mac_of_one_message_differ(chain: RefreshChain, first: RefreshToken) -> None:
    """The MAC, which the client sees, says nothing about a secret: the labels differ."""
    successor = chain.successor(first, NONCE)
    assert successor.mac not in {first.mac, successor.secret, first.secret}


@pytest.mark.parametrize("position", range(32))
def test_a_flipped_bit_is_not_ours(chain: RefreshChain, first: RefreshToken, position: int) -> None:
    """A token changed in one bit of secret or MAC is refused (REFR-08)."""
    assert not chain.is_ours(replace(first, secret=flipped(first.secret, position)))
    assert not chain.is_ours(replace(first, mac=flipped(first.mac, position)))


@pytest.mark.parametrize(
    "change",
    [
        lambda token: replace(token, family=UUID(int=2)),
        lambda token: replace(token, generation=1),
        lambda token: replace(token, key_id="k2"),
    ],
    ids=["family", "generation", "key"],
)
def test_a_moved_token_is_not_ours(first: RefreshToken, change: Change) -> None:
    """A token under another family, generation or key is refused by its MAC (REFR-08)."""
    assert not RefreshChain(ring("k1", "k2")).is_ours(change(first))


def test_a_token_of_an_unknown_key_is_not_ours(first: RefreshToken) -> None:
    """Retiring a key takes its tokens along."""
    assert not RefreshChain(ring("k2")).is_ours(first)


def test_a_token_of_an_older_key_is_ours(first: RefreshToken) -> None:
    """A token made before the key was rotated still counts, and its successor gets the current key."""
    later = RefreshChain(ring("k2", "k1"))
    assert later.is_ours(first)
    assert later.successor(first, NONCE).key_id == "k2"


def test_following_reaches_the_current_token(chain: RefreshChain, first: RefreshToken) -> None:
    """From an old secret and the nonces kept, the branch's current token is found, over a change of key (REFR-04)."""
    token, rotations = first, []
    chains = [chain, chain, RefreshChain(ring("k2", "k1")), RefreshChain(ring("k2", "k1"))]
    for each in chains:
        nonce = secrets.token_bytes(32)
        successor = each.successor(token, nonce)
        rotations.append(rotated(token, nonce, successor.key_id))
        token = successor
    assert chains[-1].follow(first, rotations) == token


def test_following_nothing_stays(chain: RefreshChain, first: RefreshToken) -> None:
    """Without rotations a token is the current one."""
    assert chain.follow(first, []) == first


def test_following_over_a_lost_key_fails(first: RefreshToken) -> None:
    """When the key of a rotation is gone, nothing is made up."""
    assert RefreshChain(ring("k1")).follow(first, [rotated(first, NONCE, "k2")]) is None


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_short_randomness_is_refused(chain: RefreshChain, first: RefreshToken, length: int) -> None:
    """Fewer or more than 256 bits are a mistake of ours (GEN-07)."""
    with pytest.raises(ValueError, match="random"):
        chain.first(FAMILY, bytes(length))
    with pytest.raises(ValueError, match="nonce"):
        chain.successor(first, bytes(length))


def test_tokens_show_no_secret(first: RefreshToken) -> None:
    """What a log would show of a token is neither secret nor MAC (GEN-11)."""
    assert repr(first.secret) not in repr(first)
    assert repr(first.mac) not in repr(first)
