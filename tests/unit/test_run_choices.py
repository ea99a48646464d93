"""What a run leaves out, and how it says so (`tests/conftest.py`)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTHING_INSTALLED = "/nonexistent"
UNUSED_PLUGINS = ("cacheprovider", "hypothesispytest", "schemathesis")


def collect(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Let pytest collect tests in a process of its own, under a changed environment."""
    return run_pytest("--collect-only", *arguments, **environ)


def run_pytest(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run pytest in a process of its own, under a changed environment and without plugins that take long to load."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TALLYSTICK_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *(f"-pno:{plugin}" for plugin in UNUSED_PLUGINS), *arguments],
        cwd=ROOT,
        env={**kept, "TALLYSTICK_TEST_STORES": "embedded", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_missing_programs_are_named_in_one_line() -> None:
    """Tests whose needs are not met are deselected and counted in one closing line."""
    run = collect("tests/e2e/test_demo.py", "tests/unit/test_house_rules.py", PATH=NOTHING_INSTALLED)
    assert run.returncode == 0, run.stdout
    closing = [line for line in run.stdout.splitlines() if line.startswith("not run, missing ")]
    assert len(closing) == 1
    assert "chromium: " in closing[0]
    assert "test_approve_all" not in run.stdout
    assert "test_nothing_is_patched" in run.stdout


def test_a_missing_program_fails_a_run_that_must_be_complete() -> None:
    """With TALLYSTICK_TEST_REQUIRE=all a run that lacks something ends with an error that names it."""
    run = collect("tests/e2e/test_demo.py", PATH=NOTHING_INSTALLED, TALLYSTICK_TEST_REQUIRE="all")
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "TALLYSTICK_TEST_REQUIRE=all, but chromium: " in run.stdout


@pytest.mark.parametrize(
    ("demanded", "status", "said"),
    [
        ("all", pytest.ExitCode.USAGE_ERROR, "ERROR: TALLYSTICK_TEST_REQUIRE=all, but chromium: "),
        ("", pytest.ExitCode.OK, "not run, missing chromium: "),
    ],
)
def test_workers_tell_what_is_missing(demanded: str, status: int, said: str) -> None:
    """A run that is shared among workers says and does the same, and runs nothing when it must be complete."""
    files = ("tests/e2e/test_demo.py", "tests/unit/oauth2/test_pkce.py")
    run = run_pytest("--numprocesses=1", *files, PATH=NOTHING_INSTALLED, TALLYSTICK_TEST_REQUIRE=demanded)
    assert run.returncode == status, run.stdout
    assert len([line for line in run.stdout.splitlines() if line.startswith(said)]) == 1
    assert (" passed" in run.stdout) is (demanded == "")


@pytest.mark.parametrize(
    ("variable", "value"), [("TALLYSTICK_TEST_REQUIRE", "some"), ("TALLYSTICK_TEST_STORES", "elsewhere")]
)
def test_a_misspelt_choice_is_refused(variable: str, value: str) -> None:
    """A choice that nobody knows ends the run instead of being passed over."""
    run = collect("tests/unit/test_house_rules.py", **{variable: value})
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"{variable} must be " in run.stderr


def test_long_tests_run_when_wanted() -> None:
    """Long tests are left out, and said to be, unless the environment includes them."""
    file = "tests/integration/test_redemption_races.py"
    without, included = collect(file), collect(file, TALLYSTICK_TEST_LONG="1")
    assert "long tests: left out" in without.stdout
    assert "many_random_moments" not in without.stdout
    assert "long tests: included" in included.stdout
    assert "many_random_moments" in included.stdout


def test_a_complete_run_says_what_it_is() -> None:
    """A complete run is held up by nothing, names its stores and includes long tests by an option."""
    run = collect("tests/unit/test_house_rules.py", "--long", PATH=NOTHING_INSTALLED, TALLYSTICK_TEST_REQUIRE="all")
    assert run.returncode == 0, run.stdout
    assert "not run" not in run.stdout
    assert "stores: embedded servers" in run.stdout
    assert "long tests: included" in run.stdout
