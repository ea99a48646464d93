"""The ports of introspect over Postgres, where its role may only SELECT."""
