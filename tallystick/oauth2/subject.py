"""Subjects (`sub`): users and clients in namespaces of their own, so neither poses as the other (RFC 9700 §4.15)."""

from uuid import UUID


def user_subject(user_id: UUID) -> str:
    """Return the `sub` of a resource owner."""
    return f"user:{user_id}"


def client_subject(client_id: str) -> str:
    """Return the `sub` of a client that acts for itself (RFC 6749 §4.4)."""
    return f"client:{client_id}"
