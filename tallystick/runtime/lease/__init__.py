"""Answering from memory without ever calling alive what was reported dead (docs/decisions/0008).

Every replica reads the log of invalidations ten times a second (`log`, `follower`). What it knows of the log is one
immutable `view`; a poll that reached the log's end lets it answer from `records` for most of *R*. Whoever reports
something dead waits *R* first (`revocation_wait`), so no answer that was remembered before outlives the report.

`view` and `records` are pure: durations come from the boot clock (`tallystick.boot_clock`), moments from Postgres.
"""
