"""The plumbing that the services share: settings, log, stores, gRPC, HTTP, health and the life of a process.

Nothing here knows a rule of OAuth beyond the words in `tallystick.oauth2`.
"""
