"""Every overlay and component renders, to objects that Kubernetes 1.30 and 1.37 and the custom resources know."""

import json
import re
from functools import cache

import jsonschema_rs
import kubernetes_validate
import pytest

from tests.support.environment import ROOT
from tests.support.manifests import KUSTOMIZE, RENDERINGS, Manifests, Object, rendered

pytestmark = pytest.mark.needs("kubectl")

OLDEST, NEWEST = "1.30", "1.37"
SCHEMAS = ROOT / "tests" / "deploy" / "schemas"
# Kinds that are neither Kubernetes's own nor have a schema here, each with the reason.
UNCHECKED: dict[str, str] = {}
BUILT_IN_GROUPS = {"v1", "apps/v1", "autoscaling/v2", "batch/v1", "networking.k8s.io/v1", "policy/v1"}


def of_a_custom_resource(each: Object) -> bool:
    group = each["apiVersion"].partition("/")[0]
    return ("." in group and not group.endswith(".k8s.io")) or group.startswith("gateway.")


def kind_of(each: Object) -> str:
    """Return the name of the file that a kind's schema would have."""
    return f"{each['apiVersion'].partition('/')[0]}.{each['kind']}"


@cache
def problem_in(text: str, version: str) -> str | None:
    """Return what is wrong with an object that Kubernetes itself knows."""
    try:
        kubernetes_validate.validate(json.loads(text), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(map(str, error.path))}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        return "unknown kind"
    return None


@cache
def schema_of(kind: str) -> jsonschema_rs.Validator | None:
    file = SCHEMAS / f"{kind}.json"
    return jsonschema_rs.validator_for(json.loads(file.read_text())) if file.exists() else None


def version_in_table(kind: str) -> str | None:
    """Return the version whose schema is kept, by the table of sources."""
    row = re.search(
        rf"^\| `{re.escape(kind)}` \| (\w+) \| \S+@v\S+ \| `\S+` \|$", (SCHEMAS / "README.md").read_text(), re.MULTILINE
    )
    return row[1] if row else None


def problems(manifests: Manifests, version: str) -> list[str]:
    """Return what is wrong in a rendering."""
    found = []
    for each in manifests.objects:
        where = f"{manifests.name}: {each['kind']} {each['metadata']['name']}"
        if not of_a_custom_resource(each):
            problem = problem_in(json.dumps(each, sort_keys=True), version)
            found += [f"{where}: {problem}"] if problem else []
        elif (schema := schema_of(kind_of(each))) is None:
            found += [] if kind_of(each) in UNCHECKED else [f"{where}: no schema for {kind_of(each)}"]
        else:
            found += [
                f"{where}: {'.'.join(map(str, each_.instance_path))}: {each_.message}"
                for each_ in schema.iter_errors(each)
            ]
            if each["apiVersion"].partition("/")[2] != version_in_table(kind_of(each)):
                found.append(f"{where}: the schema is of another version than {each['apiVersion']}")
    return found


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_object_is_as_its_schema_says(version: str) -> None:
    """A misspelt field is dropped by the API server, or stops the whole deployment half way."""
    assert [problem for name in RENDERINGS for problem in problems(rendered(name), version)] == []


def test_the_base_needs_nothing_but_kubernetes() -> None:
    """One object of a custom kind would make the base fail on a cluster that lacks the definition."""
    assert {each["apiVersion"] for each in rendered("base").objects} == BUILT_IN_GROUPS


def test_every_folder_is_rendered() -> None:
    """An overlay or component that is forgotten here would be checked by nobody."""
    parts = {name for rendering in RENDERINGS for name in (rendering, f"components/{rendering.partition('+')[2]}")}
    folders = {str(path.parent.relative_to(KUSTOMIZE)) for path in KUSTOMIZE.glob("*/*/kustomization.yaml")}
    assert {each for each in folders if not each.startswith("base/")} <= parts


def test_every_schema_has_its_source_and_its_use() -> None:
    """A schema of unknown origin cannot be renewed, and one without use is no check of anything."""
    kept = {file.stem for file in SCHEMAS.glob("*.json")}
    used = {kind_of(each) for name in RENDERINGS for each in rendered(name).objects if of_a_custom_resource(each)}
    assert kept == used - UNCHECKED.keys()
    assert {kind for kind in kept if version_in_table(kind) is None} == set()


@pytest.mark.parametrize(
    ("rendering", "kind", "path", "value"),
    [
        ("base", "Deployment", ("spec", "template", "spec", "containers", 0, "livenessprobe"), {}),
        ("base", "Service", ("spec", "ports", 0, "port"), "http"),
        ("base", "NetworkPolicy", ("spec", "egres"), []),
        ("base", "Job", ("kind",), "Jobs"),
        ("overlays/production", "Certificate", ("spec", "renewBefore"), 8),
        ("overlays/production", "Cluster", ("spec", "postgresql", "synchronous", "dataDurability"), "some"),
        ("overlays/production", "HTTPRoute", ("spec", "rules", 0, "backendRef"), []),
        ("overlays/production", "ExternalSecret", ("apiVersion",), "external-secrets.io/v1beta1"),
        ("overlays/production", "ServiceMonitor", ("kind",), "PodMonitor"),
    ],
)  # fmt: skip
def test_the_schemas_find_mistakes(rendering: str, kind: str, path: tuple[str | int, ...], value: object) -> None:
    """A field misspelt, a type, a version or a kind that nobody knows is found."""
    manifests = rendered(rendering).changed()
    place = manifests.of(kind)[0]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert problems(manifests, NEWEST)
