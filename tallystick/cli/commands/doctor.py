"""`tallystick doctor`: whether this deployment can work, and what to do where it cannot."""

import sys
from datetime import UTC, datetime

import click

from tallystick.cli.checks import clocks, database, redis
from tallystick.cli.checks.certificates import examine_certificates
from tallystick.cli.checks.finding import Finding, Outcome, skipped
from tallystick.cli.checks.services import examine_services
from tallystick.cli.checks.settings import examine_settings
from tallystick.cli.environment import authorities_file, environment, environment_file, targets
from tallystick.cli.escape import escaped
from tallystick.cli.output import as_json
from tallystick.cli.usage import REFUSED

_STYLES = {Outcome.OK: "green", Outcome.WARN: "yellow", Outcome.FAIL: "red", Outcome.SKIPPED: "cyan"}


@click.command()
@click.option("--json", "as_json_", is_flag=True, help="Print one JSON object.")
def doctor(as_json_: bool) -> None:  # noqa: FBT001 - click hands over flags so
    """Examine settings, certificates, database, roles, schema, Redis, services and clocks; exit 1 if anything fails."""
    findings = examine()
    works = all(finding.outcome is not Outcome.FAIL for finding in findings)
    if as_json_:
        click.echo(as_json({"ok": works, "checks": [finding.record() for finding in findings]}))
    else:
        width = max(len(finding.check) for finding in findings)
        for finding in findings:
            outcome = click.style(f"{finding.outcome.value:<7}", fg=_STYLES[finding.outcome])
            click.echo(f"{outcome}  {finding.check:<{width}}  {line(finding)}", color=sys.stdout.isatty())
    if not works:
        raise click.exceptions.Exit(REFUSED)


def examine() -> list[Finding]:
    """Look at everything, one subject after another."""
    file = environment_file()
    found, settings = examine_settings(environment(), "the environment" if file is None else str(file))
    certificates = examine_certificates(environment(), datetime.now(UTC))
    services = examine_services(targets(anywhere=True), authorities_file())
    if settings is None:
        why = "the settings cannot be used"
        stores = [skipped(check, why) for check in (*database.CHECKS, redis.CHECK)]
        return [found, *certificates, *stores, *services, skipped(clocks.CHECK, why)]
    in_database, postgres_ahead = database.examine_database(settings.dsn())
    url = settings.redis_url
    in_redis, redis_ahead = redis.examine_redis(None if url is None else url.get_secret_value())
    times = clocks.examine_clocks({"Postgres": postgres_ahead, "Redis": redis_ahead})
    return [found, *certificates, *in_database, in_redis, *services, times]


def line(finding: Finding) -> str:
    """Return what was found and what to do about it, in one line."""
    return escaped(f"{finding.message}: {finding.advice}" if finding.advice else finding.message)
