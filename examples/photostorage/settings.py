"""Where PhotoStorage listens and whom it asks: from arguments, or else from the environment."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What PhotoStorage needs to know."""

    listen: str
    introspect_target: str
    client_id: str
    client_secret: str = field(repr=False)
    resource: str


def read_settings(arguments: Sequence[str]) -> Settings:
    """Read the arguments; exit with a line that says what is missing."""
    parser = argparse.ArgumentParser(prog="python -m examples.photostorage", description="A photo API behind OAuth.")
    for name, default, meaning in (
        ("listen", "127.0.0.1:9090", "where to serve gRPC"),
        ("introspect-target", "127.0.0.1:9082", "where Tallystick's introspection is"),
        ("client-id", None, "by which introspection knows this API"),
        ("client-secret-file", None, "a file with the secret that goes with it"),
        ("resource", "https://photostorage.example", "this API's name: the audience that tokens must have"),
    ):
        variable = f"PHOTOSTORAGE_{name.upper().replace('-', '_')}"
        value = os.environ.get(variable, default)
        parser.add_argument(
            f"--{name}", default=value, required=value is None, help=f"{meaning} [{variable}, now: {value}]"
        )
    given = parser.parse_args(arguments)
    try:
        # Secrets come from files: arguments and environments are shown by too many tools.
        client_secret = Path(given.client_secret_file).read_text("utf-8").strip()
    except OSError as error:
        parser.error(f"cannot read {given.client_secret_file}: {error.strerror}")
    return Settings(given.listen, given.introspect_target, given.client_id, client_secret, given.resource)
