"""Every secret that a run has used, and everything that it has left behind, to look for the ones in the other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.secret_search import SHORTEST, Finding, SecretSearch

_FEWEST_CHARACTERS = 8
"""How many different ones a secret has: `AAAAAAAAAAAA` is none."""

# What nobody need have noted, being recognised by its form: tokens, client secrets and credentials in plain and as
# Postgres shows bytes, and authorization codes.
_BY_FORM = re.compile(
    rb"ts[arsov]_[A-Za-z0-9_-]{43}"
    rb"|7473(?:61|72|73|6f|76)5f(?:[0-9a-f]{2}){43}"
    rb"|(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"
)
_LOGS = ("*.stdout", "*.stderr", "*.log")


@dataclass(frozen=True, slots=True)
class Remains:
    """What was found in a place, such as a table's rows."""

    place: str
    text: bytes = field(repr=False)


class SecretsLedger:
    """Secrets by what they are, and what remains of the run."""

    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}
        self._public: set[str] = set()
        self._remains: list[Remains] = []

    def __len__(self) -> int:
        return len(self._secrets)

    def note(self, kind: str, *secrets: str | None) -> None:
        """Remember secrets. Those that are too short or too plain are somebody's bad guesses, and left out."""
        for secret in secrets:
            if secret and len(secret) >= SHORTEST and len(set(secret)) >= _FEWEST_CHARACTERS:
                self._secrets.setdefault(secret, kind)

    def publish(self, *values: str) -> None:
        """Remember what is no secret, whoever takes it for one: a challenge that is sent as verifier, or is one."""
        self._public.update(values)

    def keep(self, *remains: Remains) -> None:
        """Remember what was found, until it is searched."""
        self._remains.extend(remains)

    def betrayals(self, folder: Path) -> list[str]:
        """Return where secrets stand among the remains and in the logs below a folder, in words without the secrets."""
        search = SecretSearch({each: kind for each, kind in self._secrets.items() if each not in self._public})
        return [
            f"{remains.place}, line {found.line}: {found.kind}"
            for remains in (*self._remains, *_logs(folder))
            for found in (*search.found_in(remains.text), *_recognised_in(remains.text))
        ]


def _recognised_in(text: bytes) -> list[Finding]:
    lines = {text.count(b"\n", 0, match.start()) + 1 for match in _BY_FORM.finditer(text)}
    return [Finding("what looks like a secret", line) for line in sorted(lines)]


def _logs(folder: Path) -> Iterator[Remains]:
    for pattern in _LOGS:
        for file in sorted(folder.rglob(pattern)):
            yield Remains(str(file.relative_to(folder)), file.read_bytes())


LEDGER = SecretsLedger()
"""The ledger of this run: what is secret is met in too many places to be handed to each."""
