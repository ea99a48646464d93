"""How soon a revocation is over, and whether a fail-over could undo one."""

from typing import LiteralString

import psycopg

from tallystick.cli.checks.finding import Finding, ok, warn

CHECKS = ("revocation", "durability")

# R.
READ_TERMS: LiteralString = "SELECT granted_ms, waited_ms FROM lease_terms"

# Whether there is to be a synchronous standby, whether there is any, what commits wait for, and which of our roles have
# it otherwise.
EXAMINE_REPLICATION: LiteralString = """
SELECT
    current_setting('synchronous_standby_names') <> '' AS is_synchronous,
    (SELECT count(*) FROM pg_stat_replication) AS standbys,
    current_setting('synchronous_commit') AS waits_for,
    ARRAY(
        SELECT rolname || ': ' || setting FROM pg_roles, unnest(rolconfig) AS setting
        WHERE rolname = ANY (%(roles)s) AND setting IN ('synchronous_commit=off', 'synchronous_commit=local')
        ORDER BY rolname
    ) AS otherwise
"""


def examine_revocation(connection: psycopg.Connection) -> Finding:
    """Return what was found of *R*."""
    [(granted, waited)] = connection.execute(READ_TERMS).fetchall()
    if granted != waited:
        return warn(
            "revocation",
            f"whoever ends something waits {waited} ms, and replicas answer from memory for less than {granted} ms",
            "it is being lowered; if nobody does so, run `tallystick migrate --revocation-wait` again",
        )
    if waited == 0:
        return ok("revocation", "final at once: replicas answer nothing from memory")
    return ok("revocation", f"final after {waited} ms, for less than which replicas answer from memory")


def examine_durability(connection: psycopg.Connection, roles: list[str]) -> Finding:
    """Return whether commits are where they have to be when they are answered, as far as this login can see."""
    [(is_synchronous, standbys, waits_for, otherwise)] = connection.execute(
        EXAMINE_REPLICATION, {"roles": roles}
    ).fetchall()
    commits = "set synchronous_commit to on for every role"
    if waits_for == "off":
        return warn("durability", "synchronous_commit is off: a crash forgets revocations", commits)
    if otherwise:
        return warn("durability", f"commits are answered too early for {', '.join(otherwise)}", commits)
    if is_synchronous and waits_for == "local":
        return warn("durability", "commits do not wait for the synchronous standby: a fail-over forgets them", commits)
    if standbys and not is_synchronous:
        advice = "set synchronous_standby_names, or never promote one"
        return warn("durability", f"standbys: {standbys}, none synchronous: a fail-over forgets revocations", advice)
    return ok("durability", "commits wait for the synchronous standby" if is_synchronous else "one server, no standby")
