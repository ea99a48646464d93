"""What somebody needs to know about a run, on one screen."""

from pathlib import Path

from tallystick.local.demo import demo_url
from tallystick.local.demo_data import DemoData
from tallystick.local.ports import HOST
from tallystick.local.run_options import USUAL_FOLDER, RunOptions

UNKNOWN_PASSWORD = "the password that you gave"


def announcement(options: RunOptions, issuer: str, demo: DemoData) -> list[tuple[str, str]]:
    """Return names and what they stand for, the most wanted first."""
    rows = []
    if options.demo:
        people = [f"{name} / {password or UNKNOWN_PASSWORD}" for name, password in demo.passwords.items()]
        rows += [("Demo", demo_url(options.ports)), ("sign in as", " or ".join(people))]
    rows.append(("Issuer", issuer))
    if options.demo:
        rows.append(("Demo API", f"{HOST}:{options.ports['photostorage']} (gRPC)"))
    return [
        *rows,
        ("Operator", _shown(options.admin_token)),
        ("try", _command(options)),
        ("Logs", _shown(options.logs)),
        ("Stop", "Ctrl-C"),
    ]


def _command(options: RunOptions) -> str:
    """Return a command to try; it finds by itself what is kept at the usual place."""
    installed = options.checkout / ".venv" / "bin" / "tallystick"
    command = f"{_shown(installed) if installed.exists() else 'tallystick'} client list"
    if options.data == options.checkout / USUAL_FOLDER:
        return command
    target = f"{HOST}:{options.ports['authorize-grpc']}"
    return f"TALLYSTICK_AUTHORIZE_TARGET={target} TALLYSTICK_ADMIN_TOKEN_FILE={_shown(options.admin_token)} {command}"


def _shown(path: Path) -> str:
    """Return a path as somebody at this terminal would type it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
