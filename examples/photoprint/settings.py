"""Where PhotoPrint listens, whom it trusts and who it is: from arguments, or else from the environment."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.photoprint.authorization import Registration
from examples.photoprint.journey import Variant


@dataclass(frozen=True, slots=True)
class Settings:
    """What PhotoPrint needs to know."""

    host: str
    port: int
    issuer: str
    api: str
    registrations: Mapping[Variant, Registration]

    @property
    def base_url(self) -> str:
        """Where browsers find PhotoPrint."""
        return f"http://{self.host}:{self.port}"


def read_settings(arguments: Sequence[str]) -> Settings:
    """Read the arguments; exit with a line that says what is missing."""
    parser = argparse.ArgumentParser(prog="python -m examples.photoprint", description="A print shop that uses OAuth.")
    for name, default, meaning in (
        ("listen", "127.0.0.1:8090", "where to serve HTTP"),
        ("issuer", "http://127.0.0.1:8080", "the authorization server"),
        ("api", "127.0.0.1:9090", "where PhotoStorage serves gRPC"),
        ("public-client-id", None, "by which the issuer knows PhotoPrint as an app"),
        ("confidential-client-id", None, "by which the issuer knows PhotoPrint as a website"),
        ("client-secret-file", None, "a file with the secret that goes with it"),
    ):
        variable = f"PHOTOPRINT_{name.upper().replace('-', '_')}"
        value = os.environ.get(variable, default)
        parser.add_argument(
            f"--{name}", default=value, required=value is None, help=f"{meaning} [{variable}, now: {value}]"
        )
    given = parser.parse_args(arguments)
    host, _, port = given.listen.rpartition(":")
    if not host or not port.isdecimal():
        parser.error(f"--listen {given.listen}: say HOST:PORT")
    callback = f"http://{host}:{port}/callback"
    try:
        # Secrets come from files: arguments and environments are shown by too many tools.
        client_secret = Path(given.client_secret_file).read_text("utf-8").strip()
    except OSError as error:
        parser.error(f"cannot read {given.client_secret_file}: {error.strerror}")
    registrations = {
        Variant.PUBLIC: Registration(given.public_client_id, None, callback),
        Variant.CONFIDENTIAL: Registration(given.confidential_client_id, client_secret, callback),
    }
    return Settings(host, int(port), given.issuer, given.api, registrations)
