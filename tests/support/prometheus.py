"""Debian's Prometheus as a process: it scrapes every second and is asked over its HTTP API."""

import math
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.process import ProcessDied

_LISTENING = re.compile(r'msg="Listening on" address=(\S+)')
_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_SECONDS = 15.0

Series = Mapping[str, Any]


class Prometheus:
    """A running one."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=f"http://{address}/api/v1", timeout=_SECONDS, trust_env=False)

    def range(self, expr: str, start: float, end: float, step: float = 1.0) -> list[Series]:
        """Return the series of a query between two moments, as a panel shows it, without what is no number."""
        span: Mapping[str, str | float] = {"query": expr, "start": start, "end": end, "step": step}
        found: list[Series] = self._asked("query_range", span)["result"]
        numbers = [
            {**each, "values": [(at, value) for at, value in each["values"] if math.isfinite(float(value))]}
            for each in found
        ]
        return [each for each in numbers if each["values"]]

    def rules(self) -> list[Series]:
        """Return every rule with its health and state."""
        return [rule for group in self._asked("rules", {})["groups"] for rule in group["rules"]]

    def _asked(self, what: str, parameters: Mapping[str, str | float]) -> Any:
        answer = self._http.get(f"/{what}", params=parameters)
        assert answer.status_code == httpx.codes.OK, f"{parameters}: {answer.text}"
        return answer.json()["data"]

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


@contextmanager
def running_prometheus(folder: Path, jobs: Mapping[str, Sequence[str]], rules: Path) -> Iterator[Prometheus]:
    """Give a Prometheus that scrapes these `host:port` by job and looks at these rules, every second; end it then."""
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": list(targets)}]} for job, targets in jobs.items()
        ],
    }
    file, log = folder / "prometheus.yaml", folder / "prometheus.log"
    file.write_text(yaml.safe_dump(configuration))
    with log.open("w") as written:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}",
             "--web.listen-address=127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=written, stderr=written, start_new_session=True,
        )  # fmt: skip
    try:
        prometheus = Prometheus(_address(process, log))
        yield prometheus
        prometheus.close()
        process.send_signal(signal.SIGTERM)
        process.wait(_STOP_SECONDS)
    finally:
        process.kill()
        process.wait()


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        text = log.read_text()
        found = _LISTENING.search(text)
        if found and "ready to receive" in text:
            return found[1]
        if process.poll() is not None or time.monotonic() > deadline:
            raise ProcessDied(f"Prometheus is not ready\n{text}")
        time.sleep(0.05)
