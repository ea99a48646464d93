"""What deploy/monitoring asks of Prometheus: the dashboard's queries, the alert rules and their tests."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.environment import ROOT

FOLDER = ROOT / "deploy" / "monitoring"
DASHBOARD, ALERTS, ALERTS_TEST = (FOLDER / name for name in ("dashboard.json", "alerts.yaml", "alerts_test.yaml"))
RUNBOOKS = ROOT / "docs" / "runbooks"
RULES = "rules.yaml"
"""By which name alerts_test.yaml finds the rule file."""

_PROMQL = re.compile(r"```promql\n(.*?)```", re.DOTALL)
_METRIC = re.compile(r"\b(?:(?:tallystick|process|python)_[a-z_]+|up)\b")
_STRING = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel."""

    row: str
    panel: str
    legend: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert rule."""

    name: str
    expr: str
    runbook: str


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana reads it."""
    read: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return read


def dashboard_queries() -> list[Query]:
    """Return every query of the dashboard, in its order."""
    queries, row = [], ""
    for panel in dashboard()["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        else:
            queries += [
                Query(row, panel["title"], target["legendFormat"], target["expr"]) for target in panel["targets"]
            ]
    return queries


def alerts() -> list[Alert]:
    """Return every alert rule."""
    return [
        Alert(rule["alert"], rule["expr"], rule["annotations"]["runbook"])
        for group in yaml.safe_load(ALERTS.read_text())["spec"]["groups"]
        for rule in group["rules"]
    ]


def write_rules(folder: Path) -> Path:
    """Write the rule file that is in the operator's object, for Prometheus itself."""
    rules = folder / RULES
    rules.write_text(yaml.safe_dump(yaml.safe_load(ALERTS.read_text())["spec"]))
    return rules


def metrics_in(expr: str) -> set[str]:
    """Return the names of the metrics that an expression asks for."""
    return set(_METRIC.findall(_STRING.sub('""', expr)))


def promql_of(page: Path) -> list[str]:
    """Return the queries of a page, one from each line of its blocks."""
    return [line for block in _PROMQL.findall(page.read_text()) for line in block.splitlines()]
