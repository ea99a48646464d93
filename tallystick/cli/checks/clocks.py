"""The clocks: this machine's, Postgres's and Redis's, since what expires is judged by more than one of them."""

from collections.abc import Mapping

from tallystick.cli.checks.finding import Finding, fail, ok, skipped

CHECK = "clocks"
FURTHEST_APART_SECONDS = 2.0


def examine_clocks(ahead: Mapping[str, float | None]) -> Finding:
    """Judge by how many seconds the clock of each store is ahead of this machine's; None where nobody could ask."""
    measured = {store: seconds for store, seconds in ahead.items() if seconds is not None}
    if not measured:
        return skipped(CHECK, "no store could be asked for the time")
    told = ", ".join(f"{store} {seconds:+.1f} s" for store, seconds in measured.items())
    positions = (0.0, *measured.values())
    if max(positions) - min(positions) > FURTHEST_APART_SECONDS:
        return fail(CHECK, f"apart from this machine's: {told}", "set all clocks by NTP")
    return ok(CHECK, f"together with this machine's: {told}")
