"""The three services: `python -m services.authorize`, `python -m services.token`, `python -m services.introspect`."""
