"""Whether a container engine answers, and so which kind of stores the run uses."""

import gc
import os
import warnings
from enum import StrEnum
from functools import cache

import docker.errors  # type: ignore[import-untyped]  # ships no types
import pytest
import requests
from testcontainers.core.config import testcontainers_config
from testcontainers.core.docker_client import DockerClient

CHOICE = "TALLYSTICK_TEST_STORES"


class Stores(StrEnum):
    """Where Postgres and Redis come from."""

    CONTAINERS = "containers"
    EMBEDDED = "embedded"


@cache
def answers() -> bool:
    """Tell whether a container engine answers, where Testcontainers would look for it."""
    with warnings.catch_warnings():
        # Where no engine answers, the library leaves its socket for the garbage collector, which complains.
        warnings.simplefilter("ignore", ResourceWarning)
        answered = _ping()
        gc.collect()
    return answered


def _ping() -> bool:
    try:
        client = DockerClient(timeout=5).client
    except docker.errors.DockerException:
        return False
    try:
        return bool(client.ping())
    except (docker.errors.DockerException, requests.exceptions.RequestException):
        return False
    finally:
        client.close()


def image(variable: str, default: str) -> str:
    """Return the image that the environment names, or the default."""
    return os.environ.get(variable, default)


def images() -> tuple[str, ...]:
    """Return the images that the stores run from, with the one by which Testcontainers tidies up."""
    tidying = () if testcontainers_config.ryuk_disabled else (testcontainers_config.ryuk_image,)
    return (image("TEST_POSTGRES_IMAGE", "postgres:15"), image("TEST_REDIS_IMAGE", "redis:7"), *tidying)


@cache
def obstacle() -> str:
    """Say what keeps the stores from running in containers; empty when nothing does."""
    if not answers():
        return "no container engine answers"
    client = DockerClient().client
    try:
        for name in images():
            try:
                client.images.get(name)
            except docker.errors.ImageNotFound:
                client.images.pull(name)
    except docker.errors.DockerException:
        return f"a container engine answers, but the image {name} is not to be had"
    finally:
        client.close()
    return ""


def stores() -> Stores:
    """Return what this run uses: what the environment demands, else containers if nothing keeps them from running."""
    demanded = os.environ.get(CHOICE)
    if demanded is None:
        return Stores.EMBEDDED if obstacle() else Stores.CONTAINERS
    if demanded not in set(Stores):
        raise pytest.UsageError(f"{CHOICE} must be containers or embedded")
    if demanded == Stores.CONTAINERS and not answers():
        raise pytest.UsageError(f"{CHOICE}=containers, but no container engine answers")
    return Stores(demanded)
