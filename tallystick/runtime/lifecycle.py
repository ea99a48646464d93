"""The life of a service's process: one clear line when it cannot start, signals, and how it ends."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop

from tallystick.runtime.failures import Unavailable
from tallystick.runtime.settings import SettingsError
from tallystick.schema.revision import SchemaTooOld

EXIT_CANNOT_START = 1


class StartError(Exception):
    """A service cannot start; the text is one line that says what to do."""


def run(service: str, main: Callable[[], Awaitable[None]]) -> int:
    """Run a service's main coroutine and return the exit status."""
    try:
        if len(sys.argv) > 1:
            raise StartError(f"takes no arguments, but got {sys.argv[1]!r}: settings are TALLYSTICK_… variables")
        uvloop.run(_awaited(main))
    except (SettingsError, StartError, SchemaTooOld, Unavailable) as error:
        print(f"tallystick {service}: {error}", file=sys.stderr)
        return EXIT_CANNOT_START
    return 0


async def _awaited(main: Callable[[], Awaitable[None]]) -> None:
    await main()


async def terminated() -> None:
    """Return when the process is asked to end (SIGTERM, or SIGINT from a terminal)."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
