"""`tallystick key`: the keys and credentials of a deployment."""

from pathlib import Path

import click

from tallystick.cli.deployment_secrets import DeploymentSecrets, NoDatabase
from tallystick.cli.usage import CommandFailed


@click.group()
def key() -> None:
    """Make the keys and credentials of a deployment."""


@key.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--postgres",
    metavar="URL",
    required=True,
    help="Where the services find the database: postgresql://host:5432/tallystick, without user and password.",
)
def create(folder: Path, postgres: str) -> None:
    """Write what each service keeps secret to a folder of its own in FOLDER; what is there already stays.

    Each folder is a volume or a Kubernetes Secret of one service: keys, credentials, and connection URLs with new
    passwords, which `tallystick migrate --login` gives to the database's roles.
    """
    try:
        made = DeploymentSecrets(folder, postgres).ensure()
    except NoDatabase as problem:
        raise click.UsageError(f"--postgres {problem}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "a file is not UTF-8"
        raise CommandFailed(f"cannot write to {folder}: {reason}") from None
    for name in made:
        click.echo(folder / name)
    if not made:
        click.echo(f"all is in {folder} already")
