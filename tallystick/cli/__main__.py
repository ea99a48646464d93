"""The command `tallystick`, also as `python -m tallystick.cli`."""

import os
import sys
from importlib import import_module
from io import TextIOWrapper

import click

from tallystick.cli.usage import run

# Loaded when asked for: `up` needs packages that an operator's machine has no use for.
_COMMANDS = {
    "up": "tallystick.cli.up",
    "migrate": "tallystick.cli.commands.migrate",
    "doctor": "tallystick.cli.commands.doctor",
    "client": "tallystick.cli.commands.client",
    "scope": "tallystick.cli.commands.scope",
    "resource": "tallystick.cli.commands.resource",
    "group": "tallystick.cli.commands.group",
    "user": "tallystick.cli.commands.user",
    "grant": "tallystick.cli.commands.grant",
    "operator": "tallystick.cli.commands.operator",
    "audit": "tallystick.cli.commands.audit",
    "access": "tallystick.cli.commands.access",
    "key": "tallystick.cli.commands.key",
}


class Program(click.Group):
    """A group whose commands are objects of their own name in modules of their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which help shows them."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None when there is none of this name."""
        del ctx
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(module), cmd_name)
        return command


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tallystick", message="%(package)s %(version)s")
def tallystick() -> None:
    """Run Tallystick and register what takes part: clients, scopes, resources, groups, users."""


def main() -> int:
    """Run the command line and return the exit status."""
    # What gRPC has to say of its connections, an error of ours says in words for operators.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    for stream in (sys.stdout, sys.stderr):
        # What the terminal's encoding lacks is shown by its number rather than ending the command.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return run(tallystick, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
