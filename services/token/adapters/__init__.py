"""Where token meets Postgres and authorize: the only place that knows SQL and protobuf messages of others."""
