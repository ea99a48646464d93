"""The container image, built once for all tests that need it."""

import os
import secrets
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.environment import ROOT

BASE = "PYTHON_IMAGE"
DEFAULT_BASE = "python:3.11-slim"


@pytest.fixture(scope="session")
def base_image() -> str:
    """The image that ours is built upon: the Dockerfile's own choice, unless the environment names another."""
    return os.environ.get(BASE, DEFAULT_BASE)


@pytest.fixture(scope="session")
def image(base_image: str) -> Iterator[str]:
    """The image, from this checkout."""
    name = f"tallystick-test:{secrets.token_hex(4)}"
    built = subprocess.run(
        ["docker", "build", "--quiet", "--build-arg", f"{BASE}={base_image}",
         "--file", "deploy/image/Dockerfile", "--tag", name, "."],
        cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    yield name
    subprocess.run(["docker", "image", "rm", "--force", name], capture_output=True, check=True)
