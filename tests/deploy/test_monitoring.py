"""The dashboard, the alerts and the page about metrics tell of what the services export, and of nothing else."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.support.cluster import SERVICES, Cluster
from tests.support.environment import ROOT
from tests.support.exposed_metrics import Scrape, scrape
from tests.support.monitoring import (
    ALERTS_TEST,
    RUNBOOKS,
    alerts,
    dashboard,
    dashboard_queries,
    metrics_in,
    promql_of,
    write_rules,
)
from tests.support.traffic import Traffic

PAGE = ROOT / "docs" / "metrics.md"
SECTIONS = ("## What it means", "## What users feel", "## First look", "## Cures")
# | `metric` | type | labels | services | question |
ROW = re.compile(r"^\| `(tallystick_\w+)` \| (\w+) \| ([^|]*)\| ([^|]+) \| [^|]+\|$", re.MULTILINE)
GRID_COLUMNS = 24
MADE_BY_PROMETHEUS = {"up"}
# Looked for when token starts and then every five minutes, and there only if something was found.
NOT_THERE_AT_ONCE = {"tallystick_retention_oldest_timestamp_seconds"}
# Whose services these are has no certificates.
WITH_TLS = {"tallystick_certificate_not_after_seconds"}

Exported = Mapping[str, Scrape]


@dataclass(frozen=True, slots=True)
class Told:
    """One row of docs/metrics.md, or what a service says of the same metric."""

    type: str
    labels: frozenset[str]
    services: frozenset[str]


@pytest.fixture(scope="module")
def exported(cluster: Cluster) -> Exported:
    """What each service exports when everything has happened once."""
    with Traffic(cluster) as traffic:
        traffic.one_of_each()
    return {service: scrape(getattr(cluster, service).metrics_url) for service in SERVICES}


def told_by_the_page() -> dict[str, Told]:
    """Return what docs/metrics.md says."""
    return {
        name: Told(
            type_,
            frozenset(re.findall(r"`(\w+)`", labels)),
            frozenset(SERVICES if services == "all" else services.split(", ")),
        )
        for name, type_, labels, services in ROW.findall(PAGE.read_text())
    }


def told_by_the_services(exported: Exported) -> dict[str, Told]:
    """Return what the services say of all metrics that are ours."""
    names = {name for each in exported.values() for name in each.families if name.startswith("tallystick_")}
    return {
        name: Told(
            next(each.families[name].type for each in exported.values() if name in each.families),
            frozenset().union(*(each.labels(name) for each in exported.values() if name in each.families)),
            frozenset(service for service, each in exported.items() if name in each.families),
        )
        for name in names
    }


def test_the_page_lists_what_the_services_export(exported: Exported) -> None:
    """Every metric stands in docs/metrics.md with its type, its labels and who has it, and nothing else does."""
    page, services = told_by_the_page(), told_by_the_services(exported)
    assert page.keys() - WITH_TLS == services.keys()
    assert {name for name in services if page[name] != services[name]} <= NOT_THERE_AT_ONCE
    assert all(
        (page[name].type, page[name].services) == (services[name].type, services[name].services) for name in services
    )


def test_everything_that_is_asked_for_is_exported(exported: Exported) -> None:
    """No panel and no alert asks for a metric that does not exist, which Prometheus would answer with nothing."""
    there = {name for each in exported.values() for name in each.sample_names()} | MADE_BY_PROMETHEUS
    asked = {name for query in dashboard_queries() for name in metrics_in(query.expr)}
    asked |= {name for alert in alerts() for name in metrics_in(alert.expr)}
    assert asked - there == NOT_THERE_AT_ONCE | WITH_TLS


def test_every_metric_is_on_the_dashboard(exported: Exported) -> None:
    """Nothing is exported that nobody looks at."""
    asked = {name for query in dashboard_queries() for name in metrics_in(query.expr)}
    ours = told_by_the_services(exported)
    assert {name for name in ours if not any(each.startswith(name) for each in asked)} == set()


def test_the_dashboard_can_be_read() -> None:
    """Panels have ids and titles of their own, lie within the grid and upon nothing else, and name their queries."""
    panels = dashboard()["panels"]
    assert [each for each, count in Counter(panel["id"] for panel in panels).items() if count > 1] == []
    assert [each for each, count in Counter(panel["title"] for panel in panels).items() if count > 1] == []
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < GRID_COLUMNS
        assert not cells & taken, panel["title"]
        taken |= cells
    assert all(query.row and query.legend for query in dashboard_queries())


def test_every_alert_has_its_runbook() -> None:
    """Each alert names a page, which says what it means, what users feel, where to look and what helps."""
    pages = {alert.name: ROOT / alert.runbook for alert in alerts()}
    assert {path.stem for path in RUNBOOKS.glob("Tallystick*.md")} == pages.keys()
    for name, page in pages.items():
        text = page.read_text()
        assert (page.stem, page.parent) == (name, RUNBOOKS)
        assert text.startswith(f"# {name}\n")
        assert [text.count(section) for section in SECTIONS] == [1] * len(SECTIONS), name


def test_runbooks_ask_for_what_is_exported(exported: Exported) -> None:
    """The queries of the pages can be answered, and alerts that they name exist."""
    there = {name for each in exported.values() for name in each.sample_names()} | NOT_THERE_AT_ONCE | WITH_TLS
    names = {alert.name for alert in alerts()}
    for page in RUNBOOKS.glob("*.md"):
        text = page.read_text()
        asked = {name for expr in promql_of(page) for name in metrics_in(expr)}
        assert asked - MADE_BY_PROMETHEUS <= there, page.name
        assert set(re.findall(r"\bTallystick[A-Z]\w+", text)) <= names, page.name


def test_every_alert_is_tested_both_ways() -> None:
    """Each alert has a case in which it fires and one, near to it, in which it is silent."""
    cases = [case for test in yaml.safe_load(ALERTS_TEST.read_text())["tests"] for case in test["alert_rule_test"]]
    names = {alert.name for alert in alerts()}
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == names


@pytest.mark.long
@pytest.mark.needs("prometheus")
def test_the_alerts_fire_when_they_should(tmp_path: Path) -> None:
    """Prometheus' own tool finds the rules well-formed and every case as expected."""
    rules = write_rules(tmp_path)
    cases = shutil.copy(ALERTS_TEST, tmp_path)
    for command in (["check", "rules", str(rules)], ["test", "rules", str(cases)]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
