"""The services would start with what the manifests give them: settings that they know, and files where those say."""

import base64
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from services.authorize.settings import AuthorizeSettings
from services.introspect.settings import IntrospectSettings
from services.token.settings import TokenSettings
from tallystick.cli.deployment_secrets import DeploymentSecrets
from tallystick.cli.settings import DeploymentSettings
from tallystick.runtime.settings import PREFIX, Settings, SettingsError
from tests.support.environment import ROOT
from tests.support.manifest_rules.references import documented_secrets, referenced
from tests.support.manifests import KUSTOMIZE, SYSTEMS, Object, Pod, rendered

pytestmark = pytest.mark.needs("kubectl")

CLASSES: dict[str, type[Settings]] = {
    "tallystick-authorize": AuthorizeSettings,
    "tallystick-token": TokenSettings,
    "tallystick-introspect": IntrospectSettings,
}
PORTS = {
    "http": "HTTP_LISTEN",
    "grpc": "GRPC_LISTEN",
    "health": "HEALTH_LISTEN",
    "metrics": "METRICS_LISTEN",
    "grpc-mutual": "GRPC_MUTUAL_LISTEN",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `tallystick key create` makes, and what is kept beside it."""
    made = tmp_path_factory.mktemp("secrets")
    DeploymentSecrets(made, "postgresql://tallystick-postgres:5432/tallystick").ensure()
    (made / "authorize" / "redis-url").write_text("redis://tallystick-redis:6379/0")
    return made


def environment(pod: Pod, container: Object, variables: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return a container's variables, with files in the folder that stands for its mounted Secrets."""
    secrets = folder / pod.name.removeprefix("tallystick-")
    assert any(mount["mountPath"] == "/secrets" for mount in container["volumeMounts"])
    return {name: value.replace("/secrets", str(secrets), 1) for name, value in variables.items()}


@pytest.mark.parametrize("rendering", SYSTEMS)
def test_each_service_takes_its_settings(rendering: str, folder: Path) -> None:
    """A setting that is misspelt, missing or contradicts another stops every pod of the rollout."""
    manifests = rendered(rendering)
    for pod in manifests.services():
        [container] = pod.spec["containers"]
        given = environment(pod, container, manifests.variables(container), folder)
        settings = CLASSES[pod.name].read(given)
        assert container["command"] == ["python", "-m", f"services.{settings.service}"]
        [waiting] = pod.spec["initContainers"]
        assert DeploymentSettings.read(environment(pod, waiting, manifests.variables(waiting), folder)).dsn()


@pytest.mark.parametrize("rendering", SYSTEMS)
def test_each_service_listens_where_its_ports_are(rendering: str) -> None:
    """A Service, a probe or Prometheus would ask at a port where nobody listens."""
    manifests = rendered(rendering)
    for pod in manifests.services():
        [container] = pod.spec["containers"]
        variables = manifests.variables(container)
        ports = {port["name"]: f"0.0.0.0:{port['containerPort']}" for port in container["ports"]}
        listening = {name: variables[PREFIX + each] for name, each in PORTS.items() if PREFIX + each in variables}
        assert ports == listening
        assert {"http", "grpc", "health", "metrics"} <= ports.keys()
        defaults = CLASSES[pod.name].model_fields
        assert ports["http"].endswith(f":{defaults['http_listen'].default.port}")
        assert ports["grpc"].endswith(f":{defaults['grpc_listen'].default.port}")


def test_a_service_is_given_only_what_it_knows() -> None:
    """A setting in the wrong service's file has no effect, and nobody notices."""
    for rendering in SYSTEMS:
        manifests = rendered(rendering)
        for pod in manifests.services():
            [container] = pod.spec["containers"]
            own = manifests.named("ConfigMap", container["envFrom"][1]["configMapRef"]["name"])
            assert own
            names = {name.removeprefix(PREFIX) for name in own["data"]}
            names |= {each["name"].removeprefix(PREFIX) for each in container["env"]}
            fields = {name.upper() for name in CLASSES[pod.name].model_fields}
            assert {name for name in names if not {name, name.removesuffix("_FILE")} & fields} == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"TALLYSTICK_ISUER": "https://auth.example.com"},
        {"TALLYSTICK_ISSUER": "http://auth.example.com"},
        {"TALLYSTICK_TRUSTED_PROXIES": ""},
        {"TALLYSTICK_ALLOW_PLAINTEXT": "false"},
        {"TALLYSTICK_REFRESH_KEY_FILE": ""},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_wrong_setting_is_noticed(wrong: Mapping[str, str], folder: Path) -> None:
    """What would stop the service stops the check."""
    manifests = rendered("base")
    [pod] = [pod for pod in manifests.services() if pod.name == "tallystick-token"]
    [container] = pod.spec["containers"]
    given = environment(pod, container, manifests.variables(container), folder) | wrong
    present = {name: value for name, value in given.items() if value}
    with pytest.raises(SettingsError):
        TokenSettings.read(present)


def test_the_documented_secrets_are_those_that_are_made(folder: Path) -> None:
    """Whoever follows the list would otherwise bring a Secret that lacks a key, or one that nobody reads."""
    made = {
        f"tallystick-{path.name}": {file.name for file in path.iterdir()} - {"redis-url"} for path in folder.iterdir()
    }
    documented = documented_secrets()
    assert {name: documented.get(name) for name in made} == made
    read = {
        name
        for each in SYSTEMS
        for pod in rendered(each).pods()
        for kind, name, _ in referenced(pod)
        if kind == "Secret"
    }
    certificates = {each["spec"]["secretName"] for each in rendered("base+mtls-cert-manager").of("Certificate")}
    assert documented.keys() - {"tallystick-ingress-tls"} == read - certificates


def test_the_laptop_s_secrets_are_complete_and_stay(tmp_path: Path) -> None:
    """The script prints every key that its overlay mounts, and the same ones again, as tokens depend on them."""
    first, again = (made_on_a_laptop(tmp_path / "made") for _ in range(2))
    assert first == again
    for pod in rendered("overlays/dev").pods():
        for kind, name, keys in referenced(pod):
            assert kind != "Secret" or keys <= first[name].keys(), name
    secret = first["tallystick-redis"]["redis-url"].partition("@")[0].removeprefix("redis://:")
    assert first["tallystick-valkey"]["users.acl"] == f"user default on >{secret} ~* &* +@all\n"
    assert f":{first['tallystick-postgres']['password']}@" in first["tallystick-migrate"]["migrate-dsn"]
    assert len(first["tallystick-postgres"]["password"]) == len(secret) == 48


def made_on_a_laptop(folder: Path) -> dict[str, dict[str, str]]:
    """Run the dev overlay's script and return the Secrets that it prints."""
    done = subprocess.run(
        [KUSTOMIZE / "overlays" / "dev" / "secrets", folder],
        cwd=ROOT, env={**os.environ, "TALLYSTICK": str(Path(sys.executable).with_name("tallystick"))},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    namespace, *objects = yaml.safe_load_all(done.stdout)
    assert namespace["metadata"] == rendered("base").of("Namespace")[0]["metadata"] | {
        "labels": namespace["metadata"]["labels"]
    }
    return {
        each["metadata"]["name"]: {key: base64.b64decode(value).decode() for key, value in each["data"].items()}
        for each in objects
    }
