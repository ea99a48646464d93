"""How a command line ends: exit status, and one line that says what to do."""

from collections.abc import Sequence

import click
import pytest

from tallystick.cli.__main__ import tallystick
from tallystick.cli.usage import CommandFailed, command_path, run


@pytest.mark.parametrize(
    ("arguments", "path", "problem"),
    [
        (["client", "create", "--foo"], "tallystick client create", "no such option --foo"),
        (["frob"], "tallystick", "no such command frob"),
        (["client", "frob"], "tallystick client", "no such command frob"),
        (["--frob"], "tallystick", "no such option --frob"),
        (["client", "show"], "tallystick client show", "missing argument 'CLIENT_ID'"),
        (["client", "show", "a", "b"], "tallystick client show", "got unexpected extra argument (b)"),
        (["client", "create", "--name"], "tallystick client create", "option --name requires an argument"),
        (["client", "create", "--type", "public"], "tallystick client create", "missing option --name"),
        (
            ["scope", "create", "x", "--cover", "y"],
            "tallystick scope create",
            "--cover 'y' must read like https://photos.example#/photos.v1.Albums/Get",
        ),
        (["scope", "update", "x"], "tallystick scope update", "name at least one option to change"),
        (["resource", "update", "x"], "tallystick resource update", "name at least one option to change"),
        (["client", "update", "x"], "tallystick client update", "name at least one option to change"),
        (["client", "\x1b[31m"], "tallystick client", "no such command \\x1b[31m"),
        (
            ["user"],
            "tallystick user",
            "say what to do: create, delete, disable, enable, list, show, update",
        ),
    ],
)
def test_a_wrong_command_line_is_answered_by_one_line(
    arguments: Sequence[str], path: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the command, what is wrong and where to read on; the exit status is 2."""
    assert run(tallystick, arguments) == 2
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", f"{path}: {problem}; see {path} --help\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["client", "create", "--type", "secret"],
        ["client", "create", "--type", "public", "--refresh-limit", "-1"],
        ["client", "create", "--type", "public", "--refresh-limit", "many"],
        ["client", "create", "--type", "public", "--access-token-lifetime", "0"],
        ["client", "create", "--type", "public", "--grant", "password"],
        ["client", "rotate-secret", "x", "--overlap", "-1"],
        ["operator", "create", "x"],
        ["operator", "create", "x", "--role", "root"],
        ["grant", "list", "--limit", "0"],
        ["audit", "list", "--limit", "0"],
        ["audit", "list", "--since", "yesterday"],
        ["audit", "list", "--until", "1.5h"],
        ["audit", "follow", "--until", "1h"],
        ["audit", "follow", "--limit", "1"],
        ["user", "create", "bob"],
        ["user", "create", "bob", "--password", "secret"],
        ["user", "create", "bob", "--password-file", "/nowhere/at/all"],
        ["user", "create", "bob", "--password-file", "/dev/null"],
        ["migrate", "--wait", "--operator-file", "x"],
    ],
)
def test_every_wrong_value_is_answered_by_one_line(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is wrong with a value, it is one line on standard error, and the exit status is 2."""
    assert run(tallystick, arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert output.err.startswith(f"{command_path(tallystick, arguments)}: ")
    assert output.err.rstrip().endswith("--help")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["client", "--help"], ["client", "create", "--help"]])
def test_help_is_no_error(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Help goes to standard output, and so it does when nothing was asked."""
    assert run(tallystick, arguments) == 0
    output = capsys.readouterr()
    assert output.out.startswith("Usage: tallystick")
    assert output.err == ""


def failing(error: Exception) -> click.Group:
    """Return a program whose only command raises."""

    def fail() -> None:
        raise error

    return click.Group("program", commands=[click.Command("fail", callback=fail)])


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (CommandFailed("authorize said no"), 1, "tallystick fail: authorize said no"),
        (CommandFailed("two\nlines \x1b[31m"), 1, "tallystick fail: two lines \\x1b[31m"),
        (click.ClickException("the port is taken"), 1, "tallystick fail: the port is taken"),
        (KeyboardInterrupt(), 130, "tallystick fail: interrupted"),
    ],
)
def test_a_refusal_is_one_line(error: Exception, status: int, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a command raises is one line with the command's name, without anything that a terminal would obey."""
    assert run(failing(error), ["fail"]) == status
    assert capsys.readouterr().err == f"{line}\n"


def test_a_group_of_commands_has_the_verbs_that_scripts_rely_on() -> None:
    """The names of commands and verbs are part of the interface."""
    context = click.Context(tallystick)
    found = {}
    for name in tallystick.list_commands(context):
        command = tallystick.get_command(context, name)
        found[name] = sorted(command.commands) if isinstance(command, click.Group) else []
    common = ["create", "delete", "list", "show"]
    assert found == {
        "up": [],
        "migrate": [],
        "doctor": [],
        "client": sorted([*common, "disable", "enable", "update", "rotate-secret", "revoke-all"]),
        "scope": sorted([*common, "update"]),
        "resource": sorted([*common, "update"]),
        "group": sorted([*common, "update"]),
        "user": sorted([*common, "disable", "enable", "update"]),
        "grant": ["list", "revoke", "show"],
        "operator": common,
        "audit": ["follow", "list"],
        "access": ["explain"],
        "key": ["create"],
    }


def test_every_option_that_holds_a_secret_is_a_file() -> None:
    """No command takes a secret, a password or a credential as an argument."""
    context = click.Context(tallystick)
    groups = [tallystick.get_command(context, name) for name in tallystick.list_commands(context)]
    commands = [
        verb
        for group in groups
        if group is not None
        for verb in (group.commands.values() if isinstance(group, click.Group) else [group])
    ]
    options = {option for command in commands for parameter in command.params for option in parameter.opts}
    secret = {
        option for option in options if any(word in option for word in ("password", "secret", "token", "credential"))
    }
    assert secret == {"--password-file", "--admin-token-file", "--token-file", "--access-token-lifetime"}


def test_every_command_explains_itself() -> None:
    """Each command and each of its options has words for people."""
    context = click.Context(tallystick)
    for name in tallystick.list_commands(context):
        command = tallystick.get_command(context, name)
        assert command is not None
        verbs = command.commands.values() if isinstance(command, click.Group) else [command]
        for verb in (command, *verbs):
            assert verb.help, name
            assert all(option.help for option in verb.params if isinstance(option, click.Option)), verb.name
