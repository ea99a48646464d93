"""One service as a process."""

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path

from tests.support.environment import ROOT
from tests.support.process import AddressTaken, ProcessDied, ProgramProcess

_START_SECONDS = 60.0
_POLL_SECONDS = 0.02
_ADDRESS_TAKEN = re.compile(r"TALLYSTICK_(HTTP|GRPC|GRPC_MUTUAL|HEALTH|METRICS)_LISTEN: .* cannot be used")


class ServiceProcess(ProgramProcess):
    """A replica of `authorize`, `token` or `introspect`, with settings named without `TALLYSTICK_`."""

    def __init__(
        self, service: str, settings: Mapping[str, object], folder: Path, name: str = "", *, checkout: Path = ROOT
    ) -> None:
        super().__init__(name or service, f"services.{service}", folder, settings=settings, checkout=checkout)
        self.service = service
        self._ports: dict[str, int] = {}

    @property
    def http_url(self) -> str:
        """Where HTTP is served."""
        return f"http://127.0.0.1:{self._ports['http_port']}"

    @property
    def grpc_target(self) -> str:
        """Where gRPC is served."""
        return f"127.0.0.1:{self._ports['grpc_port']}"

    @property
    def metrics_url(self) -> str:
        """Where its metrics are served; it must have been told to."""
        return f"http://127.0.0.1:{self._ports['metrics_port']}/metrics"

    @property
    def grpc_mutual_target(self) -> str:
        """Where gRPC is served to those who show a certificate; only authorize does, and only with TLS."""
        return f"127.0.0.1:{self._ports['grpc_mutual_port']}"

    def wait_until_listening(self) -> None:
        """Return once it takes requests.

        Raises:
            AddressTaken: when it found its port taken.
            ProcessDied: when it ended otherwise, or was not ready after a minute.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not self._ports:
            for line in self.stdout.splitlines():
                if '"listening"' in line and line.endswith("}"):
                    event = json.loads(line)
                    ports = {name: port for name, port in event.items() if name.endswith("_port")}
                    self._ports = ports | self._metrics_port()
            if not self.is_running():
                failure = AddressTaken if _ADDRESS_TAKEN.search(self.stderr) else ProcessDied
                raise failure(f"{self.name} ended before it was ready\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ProcessDied(f"{self.name} was not ready after {_START_SECONDS:.0f} s\n{self.tail()}")
            time.sleep(_POLL_SECONDS)

    def _metrics_port(self) -> dict[str, int]:
        lines = [line for line in self.stdout.splitlines() if '"metrics_listening"' in line]
        return {"metrics_port": json.loads(lines[0])["port"]} if lines else {}
