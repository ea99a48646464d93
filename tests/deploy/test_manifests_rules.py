"""The rules of `tests.support.manifest_rules` hold in every overlay and with every component, and each can fail."""

import re
from collections.abc import Callable
from os.path import relpath
from pathlib import Path

import pytest
import yaml

from tests.support.manifest_rules import RULES, pods, references, replicas, traffic
from tests.support.manifests import KUSTOMIZE, SYSTEMS, Manifests, Object, Rule, kustomized, rendered

pytestmark = pytest.mark.needs("kubectl")

Mutation = Callable[[Manifests], object]
PRODUCTION = "overlays/production"


def one(manifests: Manifests, kind: str, name: str) -> Object:
    found = manifests.named(kind, name)
    assert found is not None
    return found


def spec(kind: str, name: str, change: Callable[[Object], object]) -> Mutation:
    """Return a mutation of an object's `spec`."""
    return lambda manifests: change(one(manifests, kind, name)["spec"])


def pod(change: Callable[[Object], object], name: str = "token") -> Mutation:
    """Return a mutation of a Deployment's pod."""
    return spec("Deployment", f"tallystick-{name}", lambda deployment: change(deployment["template"]["spec"]))


def container(change: Callable[[Object], object], name: str = "token") -> Mutation:
    """Return a mutation of a service's container."""
    return pod(lambda its: change(its["containers"][0]), name)


def settings(**changed: str) -> Mutation:
    """Return a mutation of what all services share."""

    def change(manifests: Manifests) -> None:
        for each in manifests.of("ConfigMap"):
            if "TALLYSTICK_ISSUER" in each["data"]:
                each["data"] |= changed

    return change


def add(kind: str, name: str, **body: object) -> Mutation:
    """Return a mutation that adds an object."""
    metadata = {"name": name, "namespace": "tallystick"}
    return lambda manifests: manifests.objects.append({"kind": kind, "metadata": metadata, **body})


def remove(kind: str, name: str) -> Mutation:
    """Return a mutation that takes an object away."""
    return lambda manifests: manifests.objects.remove(one(manifests, kind, name))


BROKEN: list[tuple[Rule, str, Mutation]] = [
    (pods.unprivileged, "base", pod(lambda its: its["securityContext"].pop("runAsNonRoot"))),
    (pods.unprivileged, "base", pod(lambda its: its["securityContext"].update(fsGroup=1))),
    (pods.unprivileged, "base", container(lambda its: its["securityContext"].update(readOnlyRootFilesystem=False))),
    (pods.unprivileged, "base", pod(lambda its: its["initContainers"][0].pop("securityContext"))),
    (pods.restricted_namespace, "base", lambda all_: one(all_, "Namespace", "tallystick")["metadata"].pop("labels")),
    (pods.no_rights_in_the_cluster, "base", pod(lambda its: its.update(serviceAccountName="default"))),
    (pods.no_rights_in_the_cluster, "base", pod(lambda its: its.pop("enableServiceLinks"))),
    (pods.probed, "base", container(lambda its: its.pop("startupProbe"))),
    (pods.probed, "base", container(lambda its: its["readinessProbe"]["grpc"].update(service="liveness"))),
    (pods.probed, "base", container(lambda its: its["livenessProbe"]["grpc"].update(port=9081))),
    (pods.drained, "base", pod(lambda its: its.update(terminationGracePeriodSeconds=40))),
    (pods.drained, "base", pod(lambda its: its.pop("terminationGracePeriodSeconds"))),
    (pods.drained, "base", settings(TALLYSTICK_DRAIN_SECONDS="30")),
    (pods.drained, "base", container(lambda its: its.pop("lifecycle"))),
    (
        pods.drained,
        "base",
        spec("Deployment", "tallystick-token", lambda its: its.update(strategy={"type": "Recreate"})),
    ),
    (pods.bounded, "base", container(lambda its: its["resources"]["limits"].update(cpu="1"))),
    (pods.bounded, "base", container(lambda its: its["resources"].pop("limits"))),
    (pods.schema_is_waited_for, "base", pod(lambda its: its.pop("initContainers"))),
    (
        pods.migration_can_be_repeated,
        "base",
        lambda all_: one(all_, "Job", "tallystick-migrate")["metadata"].pop("annotations"),
    ),
    (
        pods.migration_can_be_repeated,
        "base",
        spec("Job", "tallystick-migrate", lambda its: its.update(ttlSecondsAfterFinished=0)),
    ),
    (pods.one_image, "base", container(lambda its: its.update(image="tallystick:1"))),
    (pods.one_image, PRODUCTION, container(lambda its: its.update(image="valkey/valkey:8.1"), "redis")),
    (replicas.spread, "base", pod(lambda its: its["topologySpreadConstraints"].pop())),
    (
        replicas.spread,
        "base",
        pod(lambda its: its["topologySpreadConstraints"][0]["labelSelector"].update(matchLabels={"a": "b"})),
    ),
    (replicas.budgeted, "base", remove("PodDisruptionBudget", "tallystick-token")),
    (
        replicas.budgeted,
        "base",
        spec("PodDisruptionBudget", "tallystick-token", lambda its: its.pop("unhealthyPodEvictionPolicy")),
    ),
    (
        replicas.one_master_of_replicas,
        "base",
        spec("Deployment", "tallystick-token", lambda its: its.update(replicas=3)),
    ),
    (
        replicas.postgres_has_connections_for_all,
        PRODUCTION,
        spec("HorizontalPodAutoscaler", "tallystick-token", lambda its: its.update(maxReplicas=40)),
    ),
    (
        replicas.postgres_has_connections_for_all,
        PRODUCTION,
        spec("Cluster", "tallystick-postgres", lambda its: its["postgresql"].pop("parameters")),
    ),
    (replicas.one_master_of_replicas, "base", remove("HorizontalPodAutoscaler", "tallystick-token")),
    (
        replicas.one_master_of_replicas,
        "base+keda",
        add("HorizontalPodAutoscaler", "other", spec={"scaleTargetRef": {"name": "tallystick-token"}}),
    ),
    (
        replicas.token_scales_by_itself,
        "base",
        spec("HorizontalPodAutoscaler", "tallystick-token", lambda its: its.pop("behavior")),
    ),
    (
        replicas.token_scales_by_itself,
        "base+keda",
        spec("ScaledObject", "tallystick-token", lambda its: its.update(minReplicaCount=0)),
    ),
    (replicas.autoscalers_find_their_target, "base", container(lambda its: its.update(name="tokens"))),
    (replicas.autoscalers_find_their_target, "base+keda", container(lambda its: its.update(name="tokens"))),
    (
        references.in_one_namespace,
        "base",
        lambda all_: one(all_, "Job", "tallystick-migrate")["metadata"].pop("namespace"),
    ),
    (
        references.references_exist,
        "base",
        pod(lambda its: its["volumes"][0]["projected"]["sources"][0]["secret"].update(name="x")),
    ),
    (
        references.references_exist,
        "base",
        spec(
            "Job",
            "tallystick-migrate",
            lambda its: its["template"]["spec"]["volumes"][1]["secret"]["items"][0].update(key="dsn"),
        ),
    ),
    (
        references.references_exist,
        "base",
        container(lambda its: its["envFrom"][0]["configMapRef"].update(name="tallystick-settings")),
    ),
    (references.references_exist, PRODUCTION, remove("Certificate", "tallystick-token")),
    (
        references.references_exist,
        "base+ingress",
        spec("Ingress", "tallystick", lambda its: its["tls"][0].update(secretName="x")),
    ),
    (
        references.settings_roll_pods,
        "base",
        container(lambda its: its["envFrom"][0]["configMapRef"].update(name="tallystick-settings")),
    ),
    (
        references.settings_roll_pods,
        "base",
        spec(
            "Job",
            "tallystick-migrate",
            lambda its: its["template"]["spec"]["containers"][0].update(
                envFrom=[{"configMapRef": {"name": "tallystick-settings-0123456789"}}]
            ),
        ),
    ),
    (references.nothing_secret, "base", add("Secret", "tallystick-token")),
    (
        references.nothing_secret,
        "base",
        container(lambda its: its["env"].append({"name": "TALLYSTICK_POSTGRES_DSN", "value": "x"})),
    ),
    (
        references.nothing_secret,
        "base",
        container(
            lambda its: its["env"].append(
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "tallystick-token", "key": "refresh-key"}}}
            )
        ),
    ),
    (references.nothing_secret, "base", settings(TALLYSTICK_REDIS_URL="redis://tallystick-redis")),
    (references.nothing_secret, "base", settings(A="postgresql://somebody:something@postgres/tallystick")),
    (references.files_are_mounted, "base", container(lambda its: its.pop("volumeMounts"))),
    (
        references.files_are_mounted,
        "base",
        container(lambda its: its["env"].append({"name": "X_FILE", "value": "/secrets/y"})),
    ),
    (
        references.files_are_mounted,
        "base",
        spec(
            "Job",
            "tallystick-migrate",
            lambda its: its["template"]["spec"]["containers"][0]["command"].append("--login=/secrets/x"),
        ),
    ),
    (references.files_are_mounted, "base+mtls-cert-manager", container(lambda its: its["volumeMounts"].pop())),
    (
        references.mounts_are_folders,
        "base",
        container(lambda its: its["volumeMounts"][0].update(subPath="refresh-key")),
    ),
    (references.mounts_are_folders, "base", pod(lambda its: its["volumes"][0]["projected"].update(defaultMode=0o644))),
    (
        traffic.selectors_match,
        "base",
        spec("Service", "tallystick-token", lambda its: its.update(selector={"app": "token"})),
    ),
    (
        traffic.selectors_match,
        "base",
        spec(
            "Service", "tallystick-token", lambda its: its.update(selector={"app.kubernetes.io/part-of": "tallystick"})
        ),
    ),
    (
        traffic.selectors_match,
        "base",
        spec("Deployment", "tallystick-token", lambda its: its["selector"].update(matchLabels={"a": "b"})),
    ),
    (
        traffic.ports_exist,
        "base",
        spec("Service", "tallystick-token", lambda its: its["ports"][0].update(targetPort="web")),
    ),
    (
        traffic.ports_exist,
        "base",
        spec("Service", "tallystick-token-headless", lambda its: its["ports"][0].update(port=9080)),
    ),
    (traffic.services_of_both_kinds, "base", remove("Service", "tallystick-token-headless")),
    (
        traffic.services_of_both_kinds,
        "base",
        spec("Service", "tallystick-token-headless", lambda its: its.pop("clusterIP")),
    ),
    (traffic.targets_are_headless, "base", settings(TALLYSTICK_INTROSPECT_TARGET="dns:///tallystick-introspect:9082")),
    (
        traffic.targets_are_headless,
        "base",
        settings(TALLYSTICK_INTROSPECT_TARGET="tallystick-introspect-headless:9082"),
    ),
    (
        traffic.certificates_name_their_service,
        PRODUCTION,
        spec("Certificate", "tallystick-token", lambda its: its.update(uris=["spiffe://tallystick/authorize"])),
    ),
    (
        traffic.certificates_name_their_service,
        PRODUCTION,
        spec("Certificate", "tallystick-token", lambda its: its.update(dnsNames=["tallystick-token"])),
    ),
    (traffic.certificates_name_their_service, PRODUCTION, settings(TALLYSTICK_TLS_TRUST_DOMAIN="elsewhere")),
    (
        traffic.known_by_certificates_only,
        PRODUCTION,
        container(
            lambda its: its["env"].append({"name": "TALLYSTICK_SERVICE_TOKEN_FILE", "value": "/secrets/service-token"})
        ),
    ),
    (
        traffic.known_by_certificates_only,
        PRODUCTION,
        settings(TALLYSTICK_AUTHORIZE_TARGET="dns:///tallystick-authorize-headless:9080"),
    ),
    (
        traffic.scraped_once,
        PRODUCTION,
        spec(
            "Service",
            "tallystick-token",
            lambda its: its["ports"].append({"name": "metrics", "port": 9464, "targetPort": "metrics"}),
        ),
    ),
    (
        traffic.scraped_once,
        PRODUCTION,
        spec("ServiceMonitor", "tallystick", lambda its: its["endpoints"][0].update(port="http-metrics")),
    ),
    (traffic.routes_reach_the_services, PRODUCTION, settings(TALLYSTICK_ISSUER="https://elsewhere.example.com")),
    (traffic.routes_reach_the_services, PRODUCTION, spec("HTTPRoute", "tallystick", lambda its: its["rules"].pop(0))),
    (
        traffic.routes_reach_the_services,
        "base+ingress",
        spec("Ingress", "tallystick", lambda its: its["rules"][0]["http"]["paths"].pop(0)),
    ),
    (
        traffic.routes_reach_the_services,
        PRODUCTION,
        spec("GRPCRoute", "tallystick-introspect", lambda its: its["rules"][0]["backendRefs"][0].update(port=8082)),
    ),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_holds(rule: Rule) -> None:
    """What the rule's own words say does not happen, whatever overlay or component is applied."""
    assert rule.__doc__
    assert {name: broken for name in SYSTEMS if (broken := rule(rendered(name)))} == {}


@pytest.mark.parametrize(("rule", "rendering", "mutation"), BROKEN, ids=[rule.__name__ for rule, *_ in BROKEN])
def test_the_rule_can_fail(rule: Rule, rendering: str, mutation: Mutation) -> None:
    """A small change that breaks the rule is noticed by it."""
    manifests = rendered(rendering).changed()
    mutation(manifests)
    assert rule(manifests)


def test_every_rule_was_seen_to_fail() -> None:
    """A rule that nothing breaks would check nothing."""
    assert {rule for rule, *_ in BROKEN} == set(RULES)


def test_the_patches_of_the_readme_apply(tmp_path: Path) -> None:
    """Whoever copies them from there gets a Job without the first operator, and policies with a further address."""
    blocks = re.findall(r"(?:^    .*\n)+", (KUSTOMIZE / "README.md").read_text(), re.MULTILINE)
    patches = [patch for block in blocks if "- target" in block for patch in yaml.safe_load(block)]
    base = relpath(KUSTOMIZE / "base", tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [base], "patches": patches}))
    manifests = Manifests("base, patched", list(yaml.safe_load_all(kustomized(tmp_path))))
    assert {broken.__name__ for broken in RULES if broken(manifests)} == set()
    job = str(one(manifests, "Job", "tallystick-migrate"))
    assert "operator" not in job
    assert job.count("--login") == 4
    addresses = [each for each in manifests.of("NetworkPolicy") if "10.1.2.3/32" in str(each)]
    assert len(addresses) == 4
