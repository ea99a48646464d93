"""What a service tells Prometheus, read as Prometheus reads it."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.secrets_ledger import LEDGER, Remains
from tests.support.service_process import ServiceProcess

_PREFIX = "tallystick_"
_COUNTING = ("_total", "_count")
_SECONDS = 10.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Scrape:
    """One moment of one replica.

    A series is named in short, by its name and the values of its labels in the alphabetical order of these: as
    `codes issued`, `http_request_duration_seconds POST /oauth2/token 200`.
    """

    samples: Mapping[str, float]
    text: str = field(repr=False)

    def risen(self, since: "Scrape", *names: str) -> dict[str, float]:
        """Return by how much counters have risen, of those that have, and whose names begin so if some are given."""
        moved = {
            name: value - since.samples.get(name, 0.0)
            for name, value in self.samples.items()
            if name.partition(" ")[0].endswith(_COUNTING) and value != since.samples.get(name, 0.0)
        }
        return {_short(name): by for name, by in moved.items() if not names or name.startswith(names)}


def scrape(replica: ServiceProcess) -> Scrape:
    """Ask a replica; the text is searched for secrets at the run's end."""
    answer = httpx.get(replica.metrics_url, timeout=_SECONDS, trust_env=False)
    assert answer.status_code == httpx.codes.OK, answer.text
    LEDGER.keep(Remains(f"metrics of {replica.name}", answer.content))
    samples = {
        " ".join([sample.name.removeprefix(_PREFIX), *filter(None, sample.labels.values())]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    return Scrape(samples, answer.text)


def scrape_until(replica: ServiceProcess, enough: Callable[[Scrape], bool]) -> Scrape:
    """Ask until what is counted after an answer is there; return the last look, whether it is or not."""
    deadline = time.monotonic() + _SECONDS
    while not enough(found := scrape(replica)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return found


def counters(scrapes: Iterable[Scrape]) -> set[str]:
    """Return the counters of several scrapes."""
    return {name for each in scrapes for name in each.samples if name.partition(" ")[0].endswith(_COUNTING)}


def _short(name: str) -> str:
    metric, _, labels = name.partition(" ")
    for suffix in _COUNTING:
        metric = metric.removesuffix(suffix)
    return f"{metric} {labels}".strip()
