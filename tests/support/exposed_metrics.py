"""What a service tells of itself at `/metrics`, read as Prometheus does."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Scrape:
    """One answer: its text, and the families of metrics in it by name, as they are in the text's TYPE lines."""

    text: str
    families: Mapping[str, Metric]

    @classmethod
    def of(cls, text: str) -> "Scrape":
        """Read a text."""
        found = text_string_to_metric_families(text)
        # The parser takes the suffix of a counter from its name.
        return cls(text, {f"{each.name}_total" if each.type == "counter" else each.name: each for each in found})

    def value(self, sample: str, **labels: str) -> float:
        """Return the sum of the samples of this name that have these labels; 0 if there is none."""
        return sum(
            found.value
            for family in self.families.values()
            for found in family.samples
            if found.name == sample and labels.items() <= found.labels.items()
        )

    def labels(self, family: str) -> set[str]:
        """Return the names of the labels that any sample of a family has, but for a histogram's own."""
        return {label for sample in self.families[family].samples for label in sample.labels} - {"le"}

    def sample_names(self) -> set[str]:
        """Return the names by which this can be asked for."""
        return {sample.name for family in self.families.values() for sample in family.samples}


def scrape(url: str) -> Scrape:
    """Ask a service once."""
    with httpx.Client(timeout=_SECONDS, trust_env=False) as http:
        answer = http.get(url)
    assert answer.status_code == httpx.codes.OK, answer.text
    return Scrape.of(answer.text)
