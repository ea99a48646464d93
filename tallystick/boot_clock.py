"""The clock that durations are measured on: one that nobody sets, and that does not stop while the machine sleeps."""

import sys
import time

if sys.platform == "win32":

    def boot_seconds() -> float:
        """Return seconds since the machine was started; there the monotonic clock counts sleep."""
        return time.monotonic()

else:
    # Darwin's CLOCK_MONOTONIC counts sleep; that of Linux does not.
    _CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def boot_seconds() -> float:
        """Return seconds since the machine was started."""
        return time.clock_gettime(_CLOCK)
