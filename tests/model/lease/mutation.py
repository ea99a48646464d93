"""Loads the lease and its simulation anew, with a few words of their text changed, beside what the services run."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_loader
from types import ModuleType

from tests.model.mutants import DoesNotApply
from tests.support.environment import ROOT

LEASE, MODEL = "tallystick.runtime.lease", "tests.model.lease"
MODULES = (
    *(f"{LEASE}.{name}" for name in ("view", "records", "answering", "log", "leased_reads", "revocation_wait")),
    *(f"{MODEL}.{name}" for name in ("virtual_time", "history", "database", "network", "replica", "revoker")),
    *(f"{MODEL}.{name}" for name in ("resource_server", "trouble", "simulation")),
)
"""What a simulation is made of; each imports none but those before it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """In a module, `before`, which stands there once, becomes `after`."""

    module: str
    before: str
    after: str

    def applied(self, text: str) -> str:
        """Return the text, changed; raise `DoesNotApply`."""
        if text.count(self.before) != 1:
            raise DoesNotApply(f"{self.module} has {text.count(self.before)} times {self.before!r}")
        return text.replace(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule that is taken away, all places where it stands, and a seed under which that is noticed."""

    rule: str
    noticed_under: int
    edits: tuple[Edit, ...]

    def __str__(self) -> str:
        return self.rule.replace(" ", "_")


SMALLER = (
    Edit(f"{LEASE}.view", "_MOST_SUBJECTS = 10_000", "_MOST_SUBJECTS = 6"),
    Edit(f"{LEASE}.log", "MOST_ROWS = 1000", "MOST_ROWS = 4"),
)
"""Bounds that are reached within seconds."""


def simulation(edits: Sequence[Edit] = ()) -> Callable[[int], str | None]:
    """Return what tells of a violation under a seed, once some edits are made; raise `DoesNotApply`."""
    present = {name: sys.modules.pop(name, None) for name in MODULES}
    try:
        loaded = {name: _loaded(name, [edit for edit in (*SMALLER, *edits) if edit.module == name]) for name in MODULES}
    finally:
        for name, module in present.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module
    violation: Callable[[int], str | None] = loaded[f"{MODEL}.simulation"].violation
    return violation


def _loaded(name: str, edits: Sequence[Edit]) -> ModuleType:
    path = ROOT / (name.replace(".", "/") + ".py")
    text = path.read_text()
    for edit in edits:
        text = edit.applied(text)
    spec = spec_from_loader(name, loader=None, origin=str(path))
    if spec is None:
        raise DoesNotApply(name)
    module = module_from_spec(spec)
    # Modules that are loaded later import it by its name.
    sys.modules[name] = module
    exec(compile(text, str(path), "exec"), module.__dict__)  # noqa: S102 - our own text, but for the words of a mutant
    return module
