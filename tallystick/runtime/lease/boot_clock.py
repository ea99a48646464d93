"""The clock that durations are measured on: one that nobody sets, and that does not stop while the machine sleeps."""

import time

# Darwin's CLOCK_MONOTONIC counts sleep; that of Linux does not.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_seconds() -> float:
    """Return seconds since the machine was started."""
    return time.clock_gettime(_CLOCK)
