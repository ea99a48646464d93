"""Processes of this machine, found and signalled with their children."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tallystick.local.errors import LocalServerError

PROC = Path("/proc")
STOP_SECONDS = 5.0
KILL_SECONDS = 5.0
POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Process:
    """One process that has not ended; `state` is the first letter that `ps` shows (`T` is stopped).

    `started` tells it from a successor that was given the same id. Its unit is the platform's; the command line would
    not do, as a program that is just being executed has none yet.
    """

    pid: int
    parent: int
    uid: int
    state: str
    started: str
    command: str


def find(pid: int) -> Process | None:
    """Return the process, or None when it has ended, even if nobody has reaped it yet."""
    if PROC.joinpath("self", "status").exists():
        return read_proc(PROC / str(pid))
    return next(iter(read_ps("-p", str(pid))), None)


def family(pid: int) -> list[Process]:
    """Return a process and its children, itself first.

    PostgreSQL gives every backend a session of its own, so a process group does not hold them together.
    """
    if PROC.joinpath("self", "status").exists():
        entries = [read_proc(folder) for folder in PROC.iterdir() if folder.name.isdecimal()]
        everybody = [entry for entry in entries if entry is not None]
    else:
        everybody = read_ps("-A")
    return sorted((each for each in everybody if pid in (each.pid, each.parent)), key=lambda each: each.pid != pid)


def read_proc(folder: Path) -> Process | None:
    """Read one process from Linux's `/proc/PID`."""
    try:
        status = dict(line.split(":", 1) for line in (folder / "status").read_text(errors="replace").splitlines())
        # After the name, which may itself hold spaces and parentheses, the start time is the 20th (proc(5): 22nd).
        started = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[19]
        command = (folder / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return None
    state = status["State"].strip()[0]
    if state in "ZX":
        return None
    return Process(int(folder.name), int(status["PPid"]), int(status["Uid"].split()[1]), state, started, command)


def read_ps(*selection: str) -> list[Process]:
    """Read processes from `ps`, as macOS has no `/proc`."""
    columns = ("-o", "pid=", "-o", "ppid=", "-o", "uid=", "-o", "stat=", "-o", "lstart=", "-o", "command=")
    listing = subprocess.run(
        ["/bin/ps", "-ww", *selection, *columns],
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        timeout=10,
        check=False,
    ).stdout
    # A start time is five words: Sun Nov 22 20:44:56 2026.
    rows = [line.split(maxsplit=9) for line in listing.splitlines()]
    return [
        Process(int(pid), int(parent), int(uid), state[0], " ".join(rest[:5]), "".join(rest[5:]))
        for pid, parent, uid, state, *rest in rows
        if state[0] != "Z"
    ]


def pause(pid: int) -> None:
    """Stop a process and its children, and return once all of them have.

    Raises:
        LocalServerError: if one still runs after 5 s.
    """

    def all_stopped() -> bool:
        running = [each for each in family(pid) if each.state != "T"]
        for each in running:
            _send(each.pid, signal.SIGSTOP)
        return not running

    if not _wait(all_stopped, STOP_SECONDS):
        raise LocalServerError(f"process {pid} could not be paused")


def resume(pid: int) -> None:
    """Let a paused process and its children go on."""
    for each in family(pid):
        _send(each.pid, signal.SIGCONT)


def kill(pid: int) -> None:
    """End a process and its children at once, and return when they are gone.

    Raises:
        LocalServerError: if one is still there after 5 s.
    """
    # Stopped first, so that it starts no child between the listing and its end.
    _send(pid, signal.SIGSTOP)
    members = family(pid)
    for each in members:
        _send(each.pid, signal.SIGKILL)
    if not _wait(lambda: not any(_is_running(each) for each in members), KILL_SECONDS):
        raise LocalServerError(f"process {pid} could not be killed")


def end(process: Process, requests: Sequence[tuple[signal.Signals, float]]) -> None:
    """End a process by asking with each signal in turn, each with its patience in seconds, and killing it at last."""
    resume(process.pid)
    for request, patience in requests:
        _send(process.pid, request)
        if _wait(lambda: not _is_running(process), patience):
            return
    kill(process.pid)


def _is_running(process: Process) -> bool:
    current = find(process.pid)
    return current is not None and current.started == process.started


def _send(pid: int, request: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, request)


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
