"""Finality without a log, and without time."""

from tallystick.runtime.failures import Unavailable


class FakeFinality:
    """Implements `Finality`: counts those who wait, and lets them go on at once, unless it is out of order."""

    def __init__(self) -> None:
        self.waits = 0
        self.out_of_order = False

    async def until_final(self) -> None:
        if self.out_of_order:
            raise Unavailable("how long to wait cannot be told now")
        self.waits += 1
