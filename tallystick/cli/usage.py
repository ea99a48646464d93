"""How a command ends: exit status 0, 1 when refused, 2 when it was called wrongly; an error is one line on stderr."""

import os
import re
import sys
from collections.abc import Sequence

import click

from tallystick.cli.escape import escaped

REFUSED = 1
INTERRUPTED = 130

_PROGRAM = "tallystick"
_QUOTED_OPTION = re.compile(r"'(--?[\w-]+)'")


class CommandFailed(click.ClickException):
    """What was asked cannot be done; the text is one line that says what to do."""

    exit_code = REFUSED


def run(program: click.Group, arguments: Sequence[str]) -> int:
    """Run a command line and return the exit status."""
    path = command_path(program, arguments)
    try:
        with program.make_context(_PROGRAM, list(arguments)) as context:
            program.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        if path == _PROGRAM:
            print(error.message)
            return 0
        print(f"{path}: say what to do: {verbs(error)}; see {path} --help", file=sys.stderr)
        return error.exit_code
    except click.UsageError as error:
        print(f"{path}: {usage_problem(error)}; see {path} --help", file=sys.stderr)
        return error.exit_code
    except click.ClickException as error:
        print(f"{path}: {in_one_line(error.format_message())}", file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print(f"{path}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; what is left in the buffer must not raise again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    return 0


def command_path(program: click.Group, arguments: Sequence[str]) -> str:
    """Return the words that name the command of a command line, as far as they name one."""
    words, command = [_PROGRAM], program
    for argument in arguments:
        found = command.get_command(click.Context(command), argument)
        if found is None:
            break
        words.append(argument)
        if not isinstance(found, click.Group):
            break
        command = found
    return " ".join(words)


def usage_problem(error: click.UsageError) -> str:
    """Return what is wrong with a command line, in one line that begins in lower case and ends without full stop."""
    if isinstance(error, click.NoSuchOption):
        return in_one_line(f"no such option {error.option_name}")
    if isinstance(error, click.exceptions.NoSuchCommand):
        return in_one_line(f"no such command {error.command_name}")
    line = _QUOTED_OPTION.sub(r"\1", in_one_line(error.format_message())).removesuffix(".")
    return f"{line[:1].lower()}{line[1:]}"


def verbs(error: click.exceptions.NoArgsIsHelpError) -> str:
    """Return the commands of the group that was called without any."""
    command = error.ctx.command
    return ", ".join(command.list_commands(error.ctx)) if isinstance(command, click.Group) else ""


def in_one_line(text: str) -> str:
    """Return a text without line breaks, and without anything that a terminal would obey."""
    return escaped(" ".join(text.split()))
