"""What authorize counts of sign-ins, codes and passwords."""

import asyncio
import threading

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from prometheus_client import CollectorRegistry

from services.authorize.adapters.argon2_passwords import Argon2Passwords
from services.authorize.adapters.metrics import decisions, watch_passwords
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.metrics.decisions import CountedAudit
from tests.fakes.audit import FakeAudit

OUTCOMES = {
    EventKind.SIGNED_IN: "sign_ins signed_in",
    EventKind.SIGN_IN_REFUSED: "sign_ins refused",
    EventKind.SIGN_IN_THROTTLED: "sign_ins throttled",
    EventKind.CODE_ISSUED: "codes issued",
    EventKind.CODE_MISMATCHED: "codes mismatched",
}


def series(registry: CollectorRegistry) -> dict[str, float]:
    """Return every counter with its label, in short: `codes issued`."""
    return {
        f"{sample.name.removeprefix('tallystick_').removesuffix('_total')} {''.join(sample.labels.values())}": (
            sample.value
        )
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


@pytest.mark.parametrize("kind", list(EventKind))
async def test_each_event_is_counted_once_or_is_none_of_ours(kind: EventKind) -> None:
    """Every series is there at 0, and one rises for an event of its kind, whoever it was."""
    registry = CollectorRegistry()
    audit = CountedAudit(FakeAudit(), *decisions(registry))
    assert series(registry) == dict.fromkeys(OUTCOMES.values(), 0)
    for number in range(3):
        await audit.record(AuditEvent(kind, actor=f"user:{number}", client_id=f"client-{number}"))
    risen = {OUTCOMES[kind]: 3} if kind in OUTCOMES else {}
    assert series(registry) == dict.fromkeys(OUTCOMES.values(), 0) | risen


class Held(PasswordHasher):
    """Hashes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__(CHEAPEST.time_cost, CHEAPEST.memory_cost, CHEAPEST.parallelism)
        self.go_on = threading.Event()

    def verify(self, *_: object) -> bool:  # type: ignore[override] # what is verified does not matter
        assert self.go_on.wait(10)
        return True


async def test_passwords_that_wait_are_told_of() -> None:
    """Those that are being hashed do not wait, and nobody waits afterwards."""
    registry, hasher = CollectorRegistry(), Held()
    with Argon2Passwords(hasher, threads=2, waiting=5) as passwords:
        watch_passwords(registry, passwords)
        asked = [asyncio.create_task(passwords.verify("x", "y")) for _ in range(5)]
        # Each begins when the loop comes by for the first time.
        await asyncio.sleep(0)
        assert registry.get_sample_value("tallystick_passwords_waiting") == 3
        hasher.go_on.set()
        await asyncio.gather(*asked)
    assert registry.get_sample_value("tallystick_passwords_waiting") == 0
