"""checkov, a stranger's opinion of the production overlay."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.manifests import rendered_text
from tests.support.needs import CHECKOV

pytestmark = [pytest.mark.needs("kubectl", "checkov"), pytest.mark.timeout(180)]

SKIPPED = {
    "CKV_K8S_11": "a CPU limit stops a process for the rest of each tenth of a second, while others' CPUs are idle",
}

# What must be found, so that a report without findings is one.
PRIVILEGED = """
apiVersion: v1
kind: Pod
metadata: {name: privileged, namespace: tallystick}
spec: {containers: [{name: any, image: any, securityContext: {privileged: true}}]}
"""


def findings(manifests: str, folder: Path) -> dict[str, set[str]]:
    """Return the objects that each of checkov's checks finds fault with."""
    file = folder / "manifests.yaml"
    file.write_text(manifests)
    done = subprocess.run(
        [CHECKOV, "--file", file, "--framework", "kubernetes", "--skip-download", "--quiet", "--output", "json"],
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 100
    found: dict[str, set[str]] = {}
    for each in report["results"]["failed_checks"]:
        found.setdefault(each["check_id"], set()).add(each["resource"])
    return found


def test_it_finds_nothing_but_what_we_mean(tmp_path: Path) -> None:
    """Whatever it finds beyond the skipped checks may be a hole that our rules overlook; and it does find things."""
    found = findings(f"{rendered_text('overlays/production')}\n---\n{PRIVILEGED}", tmp_path)
    assert found["CKV_K8S_16"] == {"Pod.tallystick.privileged"}
    ours = {check: {each for each in objects if not each.endswith(".privileged")} for check, objects in found.items()}
    assert {check: objects for check, objects in ours.items() if objects and check not in SKIPPED} == {}
    assert {check for check, objects in ours.items() if objects} == SKIPPED.keys(), "what finds nothing needs no skip"
