"""The ports of authorize over Postgres, Redis and Argon2; the only place that knows SQL and Redis commands."""
