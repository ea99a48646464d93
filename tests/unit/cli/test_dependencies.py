"""What the commands for operators need to be installed."""

import subprocess
import sys

from tests.support.environment import ROOT, program_environment

PROGRAM = """
import sys
from tallystick.cli.__main__ import tallystick
for name in ("client", "scope", "resource", "user", "grant", "operator"):
    tallystick.get_command(None, name)
wanted = {"alembic", "fastapi", "psycopg", "pydantic", "redis", "sqlalchemy", "structlog", "uvicorn", "uvloop"}
print(sorted(wanted & set(sys.modules)))
"""


def test_commands_for_operators_need_no_server() -> None:
    """An operator's machine needs the extra `cli` and nothing that a service stands on."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=program_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout == "[]\n"
