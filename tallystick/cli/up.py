"""`tallystick up`: the whole of Tallystick and a demo on this machine, for as long as the command runs."""

import os
import sys
from pathlib import Path

import click

from tallystick.cli.usage import CommandFailed
from tallystick.local.checkout import find_checkout
from tallystick.local.errors import LocalServerError
from tallystick.local.ports import DEFAULTS, choose_ports
from tallystick.local.progress import Progress
from tallystick.local.run_options import USUAL_FOLDER, RunOptions
from tallystick.local.up import Run
from tallystick.runtime.private_files import PrivateFileError
from tallystick.runtime.settings import SettingsError

_PORTS = ", ".join(f"{name}={port}" for name, port in DEFAULTS.items())


@click.command(
    epilog="TALLYSTICK_POSTGRES_DSN or TALLYSTICK_MIGRATE_DSN, and TALLYSTICK_REDIS_URL, name servers of your own to "
    "use instead of the embedded ones. Other settings reach the services as they are."
)
@click.option("--data", type=click.Path(path_type=Path), help=f"Where to keep everything.  [default: {USUAL_FOLDER}]")
@click.option("--port", "choices", multiple=True, metavar="NAME=NUMBER", help=f"Choose a port.  [default: {_PORTS}]")
@click.option("--demo/--no-demo", default=True, show_default=True, help="Start PhotoPrint and PhotoStorage too.")
def up(data: Path | None, choices: tuple[str, ...], demo: bool) -> None:  # noqa: FBT001  click hands over flags so
    """Start everything on this machine: data services, Tallystick and a demo. Ctrl-C stops it."""
    try:
        ports = choose_ports(choices)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        checkout = find_checkout(Path.cwd())
        options = RunOptions(checkout, (data or checkout / USUAL_FOLDER).absolute(), ports, demo)
        Run(options, os.environ, Progress(sys.stdout)).until_stopped()
    except (LocalServerError, PrivateFileError, SettingsError) as error:
        raise CommandFailed(str(error)) from None
