"""Which refusals of strangers the audit tells one by one, and which by their number only.

Anybody can be refused as often as they like. If each refusal were kept, strangers could fill the database, and with it
stop everything else that is written there. So of one kind, from one network, the first ones of each window are told in
full and the others counted; what becomes of somebody who has proved who it is, is always told.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tallystick.runtime.audit_event import AuditEvent, EventKind, Outcome

_EVERYBODY_ELSE = ""


@dataclass(frozen=True, slots=True)
class Repeated:
    """Refusals that were counted: of what kind, from which network, how many."""

    kind: EventKind
    network: str
    times: int

    def event(self) -> AuditEvent:
        """Return the one event that stands for all of them."""
        return AuditEvent(
            self.kind, Outcome.REFUSED, detail="more of the same, only counted", attributes={"times": str(self.times)}
        )


@dataclass(slots=True)
class _Window:
    until: float
    seen: int = 0


class RepeatedRefusals:
    """Counts refusals by kind and network, in bounded memory: networks beyond `networks` are counted together."""

    def __init__(
        self, clock: Callable[[], float], *, told: int, window_seconds: float = 60, networks: int = 1000
    ) -> None:
        """`clock` returns seconds that never go back; `told` is how many are told in full in each window."""
        self.window_seconds = window_seconds
        self._clock = clock
        self._told = told
        self._networks = networks
        self._windows: dict[tuple[EventKind, str], _Window] = {}

    def tells(self, event: AuditEvent, network: str) -> bool:
        """Tell whether an event is to be told in full; if not, it has been counted."""
        if event.outcome is not Outcome.REFUSED or _is_of_somebody(event):
            return True
        window = self._window(event.kind, network, self._clock())
        window.seen += 1
        return window.seen <= self._told

    def _window(self, kind: EventKind, network: str, now: float) -> _Window:
        if (kind, network) not in self._windows and len(self._windows) >= self._networks:
            self._windows = {key: each for key, each in self._windows.items() if not self._is_forgotten(each, now)}
            if len(self._windows) >= self._networks:
                network = _EVERYBODY_ELSE
        window = self._windows.get((kind, network))
        if window is None or self._is_forgotten(window, now):
            window = self._windows[kind, network] = _Window(now + self.window_seconds)
        return window

    def _is_forgotten(self, window: _Window, now: float) -> bool:
        """Tell whether a window is over and everything in it has been told."""
        return window.until <= now and window.seen <= self._told

    @property
    def is_idle(self) -> bool:
        """Whether no window is open."""
        return not self._windows

    def over(self, *, all_of_them: bool = False) -> Sequence[Repeated]:
        """Return what was counted in the windows that are over, or in all of them, and forget these windows."""
        now = self._clock()
        ended = {key: window for key, window in self._windows.items() if all_of_them or window.until <= now}
        for key in ended:
            del self._windows[key]
        return [
            Repeated(kind, network, window.seen - self._told)
            for (kind, network), window in ended.items()
            if window.seen > self._told
        ]


def _is_of_somebody(event: AuditEvent) -> bool:
    return bool(event.actor) and event.attributes.get("authenticated") != "false"
