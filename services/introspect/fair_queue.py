"""Whose turn it is: everybody who waits has a few read in turn, so who asks much never holds up who asks little."""

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")

A_TURN = 16
"""How many things are taken of one who waits before it is the next one's turn."""


class FairQueue(Generic[Item]):
    """Keeps the order of what each asks, and takes from all of them in turn. Not safe to use from threads."""

    def __init__(self) -> None:
        self._lines: deque[deque[Item]] = deque()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, items: Iterable[Item]) -> None:
        """Let somebody wait for all of these."""
        line = deque(items)
        if line:
            self._lines.append(line)
            self._length += len(line)

    def take(self, most: int) -> list[Item]:
        """Take away up to `most` things, whose turn it is."""
        taken: list[Item] = []
        while self._lines and len(taken) < most:
            line = self._lines.popleft()
            turn = min(A_TURN, len(line), most - len(taken))
            taken.extend(line.popleft() for _ in range(turn))
            if line:
                self._lines.append(line)
        self._length -= len(taken)
        return taken
