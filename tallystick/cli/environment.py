"""Where services, stores and authorities are: the environment, else what `tallystick up` left, else usual ports."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from tallystick.resource.channel import is_loopback

PREFIX = "TALLYSTICK_"
DEFAULT_TARGETS = {
    "authorize": "127.0.0.1:9080",
    "token": "127.0.0.1:9081",
    "introspect": "127.0.0.1:9082",
}

_LOCATES = re.compile(rf"{PREFIX}(\w+_TARGET|\w+_DSN|REDIS_URL|ADMIN_TOKEN)(_FILE)?")
_FOLDER = ".tallystick"
_ENVIRONMENT_FILE = "environment"
_CHECKOUT = Path(__file__).parents[2]


def environment() -> Mapping[str, str]:
    """Return the settings of this deployment.

    An environment that names a service, a store or a credential has to name all that is needed; what a running
    `tallystick up` left behind counts only where it names none.
    """
    file = environment_file()
    return os.environ if file is None else parse_environment(file.read_text("utf-8"))


def environment_file() -> Path | None:
    """Return the file that stands in for the environment; None when the environment is what counts."""
    if any(_LOCATES.fullmatch(name) for name in os.environ):
        return None
    return left_behind(_ENVIRONMENT_FILE)


def targets(*, anywhere: bool = False) -> dict[str, str]:
    """Return where each service serves gRPC.

    A file that lies around may send a credential no further than to this machine; `anywhere` is for questions that
    carry none.
    """
    given, trusted = environment(), anywhere or environment_file() is None
    found = dict(DEFAULT_TARGETS)
    for service in found:
        target = given.get(f"{PREFIX}{service.upper()}_TARGET")
        if target and (trusted or is_loopback(target)):
            found[service] = target
    return found


def authorities_file() -> Path | None:
    """Return the file of the authorities by which services are verified; None for the machine's own."""
    named = environment().get(f"{PREFIX}TLS_CA_FILE")
    return Path(named) if named else None


def left_behind(name: str) -> Path | None:
    """Return a file that `tallystick up` keeps in the working directory or, failing that, in the checkout."""
    for folder in (Path.cwd(), _CHECKOUT):
        file = folder / _FOLDER / name
        if file.is_file():
            return file
    return None


def parse_environment(text: str) -> dict[str, str]:
    """Read lines of `NAME=value`, of which only our own settings count."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value for name, equals, value in pairs if equals and name.startswith(PREFIX)}
