"""How long the machine plays, and how it is made to."""

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Machine
from tests.model.stage import Stage

BOUNDED = settings(
    max_examples=10,
    stateful_step_count=25,
    derandomize=True,
    # Two processes and a database are between two steps; only their answers are judged here.
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    report_multiple_bugs=False,
    # A failure is printed as it was found: shorter plays take minutes, and `--long` looks for them.
    phases=(Phase.generate,),
)
"""The same plays in every run."""


def play(stage: Stage, how: settings = BOUNDED, *, seed: int | None = None) -> None:
    """Play at a stage; raise `Difference` when server and model do not agree."""

    class MachineOnStage(Machine):
        def __init__(self) -> None:
            super().__init__(stage)

    machine = MachineOnStage if seed is None else seeded(seed)(MachineOnStage)
    run_state_machine_as_test(machine, settings=how)
