"""Compares a server of somebody else's with ours, by hand: `python -m tests.interop.black_box TARGET.json`."""

import sys
from pathlib import Path

from tests.interop.black_box.authorization_cases import AUTHORIZATION_CASES
from tests.interop.black_box.client_cases import CLIENT_CASES
from tests.interop.black_box.parties import Parties
from tests.interop.black_box.target import Target
from tests.interop.black_box.token_cases import TOKEN_CASES


def main() -> None:
    """Print where the server answers otherwise than ours does."""
    cases = [*AUTHORIZATION_CASES, *CLIENT_CASES, *TOKEN_CASES]
    different = 0
    with Parties(Target.read(Path(sys.argv[1]))) as parties:
        for case in cases:
            try:
                observed = case.observe(parties)
            except (AssertionError, LookupError, ValueError) as error:
                observed = f"{type(error).__name__}: {error}"
            if observed != case.expected:
                different += 1
                sys.stdout.write(f"{case.name} ({case.source}): ours {case.expected!r}, theirs {observed!r}\n")
    sys.stdout.write(f"{len(cases)} cases, {different} different\n")


main()
