"""What the embedded servers share: the start, which ends what a killed parent left, and the stop."""

import re
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from tallystick.local import processes
from tallystick.local.data_directory import DataDirectory
from tallystick.local.errors import LocalServerError
from tallystick.local.processes import Process
from tallystick.local.programs import Wheel
from tallystick.local.service_user import ServiceUser
from tallystick.local.system_folder import system_folder_path

# Crash recovery of a large database is what takes longest.
START_SECONDS = 60.0
POLL_SECONDS = 0.01
LONGEST_FAULT = 300


class EmbeddedServer(ABC):
    """A server from a wheel, with its data at `data`, that listens on one loopback address.

    It runs in a session of its own and ends only when asked. If the process that started it is killed, the server
    stays, and the next start on the same data ends it first. Every method blocks for a bounded time.

    `durable` says whether data must survive; `port_hint` completes the line about a taken port ("stop what uses it
    or …"); `system_folder` takes data and programs that the service user cannot reach where they are.
    """

    title: ClassVar[str]
    wheel: ClassVar[Wheel]
    # The server's own file with its process id, and the option that names its data.
    pid_file: ClassVar[str]
    data_option: ClassVar[str]
    # How to ask for the end, and how many seconds to wait each time.
    stop_requests: ClassVar[tuple[tuple[signal.Signals, float], ...]]
    # What marks the lines of the log that say why a start failed.
    fault: ClassVar[re.Pattern[str]]

    def __init__(
        self,
        data: Path,
        *,
        port: int,
        host: str = "127.0.0.1",
        durable: bool = True,
        port_hint: str = "choose another port",
        system_folder: Path | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._durable = durable
        self._port_hint = port_hint
        self._user = ServiceUser.current()
        self._system_folder = system_folder or system_folder_path()
        self._directory = DataDirectory(data, self._user, self._system_folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """The file that the server logs to."""
        return self._directory.log

    def start(self) -> None:
        """Start the server, with new data if there is none, and return when it answers.

        Raises:
            LocalServerError: with one line that says why it cannot.
        """
        try:
            self._directory.claim()
        except OSError as error:
            raise self._failure(error) from error
        try:
            self._launch()
        except BaseException as error:
            self.kill()
            if isinstance(error, OSError | subprocess.SubprocessError):
                raise self._failure(error) from error
            raise

    def is_running(self) -> bool:
        """Tell whether the server was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the server after it has finished what it must; does nothing when it does not run."""
        if self._process is not None:
            running = processes.find(self._process.pid)
            if running is not None:
                processes.end(running, self.stop_requests)
            self._reap(self._process)
        self._directory.release()

    def pause(self) -> None:
        """Stop all of the server's processes where they are."""
        processes.pause(self._pid)

    def resume(self) -> None:
        """Let a paused server go on."""
        processes.resume(self._pid)

    def kill(self) -> None:
        """End the server at once, as a crash would; does nothing when it does not run."""
        if self._process is not None:
            processes.kill(self._process.pid)
            self._reap(self._process)
        self._directory.release()

    def remove(self) -> None:
        """Stop the server and delete its data and its password.

        Raises:
            LocalServerError: if another process uses the data.
        """
        self.stop()
        self._directory.claim()
        try:
            self._end_leftover(self._directory.locate())
            self._directory.delete()
        finally:
            self._directory.release()

    @abstractmethod
    def _fill(self, folder: Path) -> None:
        """Write what a new, empty data folder needs."""

    @abstractmethod
    def _arguments(self) -> list[str]:
        """Return the command line after the option that names the data; it holds no secret, as everybody sees it."""

    @abstractmethod
    def _standard_input(self) -> bytes:
        """Return what the server reads from its standard input when it starts."""

    @abstractmethod
    def _is_ready(self, place: Path, pid: int) -> bool:
        """Tell whether the server with this process id answers."""

    def _executable(self) -> Path:
        return self.wheel.find_executable(self._user, self._system_folder)

    @property
    def _pid(self) -> int:
        if self._process is None:
            raise LocalServerError(f"{self.title} is not running")
        return self._process.pid

    def _launch(self) -> None:
        place = self._directory.locate()
        self._end_leftover(place)
        self._require_free_port()
        if self._directory.is_new:
            self._directory.create(self._fill)
        command = [str(self._executable()), self.data_option, str(place), *self._arguments()]
        with self._directory.open_log() as log:
            log_start = log.tell()
            self._process = self._user.spawn(command, output=log)
        self._feed(self._process)
        self._wait_until_ready(place, self._process, log_start)

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        # A server that has already given up is noticed, with its reason, by the wait that follows.
        if process.stdin is not None:
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(self._standard_input())

    def _wait_until_ready(self, place: Path, process: subprocess.Popen[bytes], log_start: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready(place, process.pid):
            if process.poll() is not None:
                # Somebody may have taken the port since it was free.
                self._require_free_port()
                raise LocalServerError(f"{self.title} did not start: {self._last_fault(log_start)} (see {self.log})")
            if time.monotonic() > deadline:
                raise LocalServerError(f"{self.title} was not ready after {START_SECONDS:.0f} s (see {self.log})")
            time.sleep(POLL_SECONDS)

    def _end_leftover(self, place: Path) -> None:
        leftover = self._find_running(place)
        if leftover is not None:
            processes.end(leftover, self.stop_requests)
        # What is left names no server of ours, and PostgreSQL would take a stranger with that id for one.
        (place / self.pid_file).unlink(missing_ok=True)

    def _find_running(self, place: Path) -> Process | None:
        try:
            pid = int((place / self.pid_file).read_text().split()[0])
        except (FileNotFoundError, ValueError, IndexError):
            return None
        process = processes.find(pid)
        if process is None or process.uid != self._user.uid or f"{self.data_option} {place}" not in process.command:
            return None
        return process

    def _require_free_port(self) -> None:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise LocalServerError(
                    f"{self.title} cannot listen on {self.host} port {self.port} ({error.strerror}): "
                    f"stop what uses it or {self._port_hint}"
                ) from error

    def _last_fault(self, log_start: int) -> str:
        with self.log.open("rb") as log:
            log.seek(log_start)
            lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        faults = [line for line in lines if self.fault.search(line)] or lines or ["it said nothing"]
        return faults[-1][:LONGEST_FAULT]

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._process = None

    def _failure(self, error: BaseException) -> LocalServerError:
        return LocalServerError(f"{self.title} did not start: {error}")
