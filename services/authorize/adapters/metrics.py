"""What operators can measure of authorize alone; docs/metrics.md explains each metric."""

from prometheus_client import CollectorRegistry, Gauge

from services.authorize.adapters.argon2_passwords import Argon2Passwords
from tallystick.runtime.audit_event import EventKind
from tallystick.runtime.metrics.decisions import Decisions

EXPECTED = ("warning redis_unavailable", "warning challenge_reused", "error audit_event_lost")
"""What alerts ask about in the log."""


def decisions(registry: CollectorRegistry) -> tuple[Decisions, ...]:
    """Return what counts sign-ins and codes."""
    return (
        Decisions(
            registry,
            "tallystick_sign_ins",
            "Attempts to sign in, by outcome.",
            {
                EventKind.SIGNED_IN: "signed_in",
                EventKind.SIGN_IN_REFUSED: "refused",
                EventKind.SIGN_IN_THROTTLED: "throttled",
            },
        ),
        Decisions(
            registry,
            "tallystick_codes",
            "Authorization codes, by what happened to them.",
            {EventKind.CODE_ISSUED: "issued", EventKind.CODE_MISMATCHED: "mismatched"},
        ),
    )


def watch_passwords(registry: CollectorRegistry, passwords: Argon2Passwords) -> None:
    """Tell how many passwords wait to be hashed."""
    waiting = Gauge("tallystick_passwords_waiting", "Passwords that wait to be hashed.", registry=registry)
    waiting.set_function(lambda: passwords.waiting)
