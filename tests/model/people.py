"""What resource owners and operators may do, and what the passing of time does, to a world."""

from dataclasses import replace

from tests.model.world import Basis, Code, Consent, Scopes, World


def approve(world: World, user: str, client: str, scopes: Scopes) -> World:
    """Return the world with one more code."""
    key, client_epoch, user_epoch = (user, client), world.clients[client].epoch, world.users[user].epoch
    consent = Consent(True, world.consents.get(key, Consent()).epoch, client_epoch, user_epoch)
    basis = Basis(client, user, client_epoch, user_epoch, consent.epoch)
    code = Code(basis, scopes)
    return replace(world, consents={**world.consents, key: consent}, codes=(*world.codes, code))


def withdraw(world: World, user: str, client: str) -> World:
    """Take back what a user said to a client, and with it all that came of it."""
    consent = world.consents[user, client]
    return replace(world, consents={**world.consents, (user, client): Consent(False, consent.epoch + 1)})


def set_password(world: World, user: str) -> World:
    """End all that came of the old one."""
    return world.with_user(user, replace(world.users[user], epoch=world.users[user].epoch + 1))


def enable_user(world: World, user: str, *, enabled: bool) -> World:
    """Let a user, and all that was granted, be good, or not."""
    return world.with_user(user, replace(world.users[user], enabled=enabled))


def enable_client(world: World, client: str, *, enabled: bool) -> World:
    """Let a client, and all that it holds, be good, or not."""
    return world.with_client(client, replace(world.clients[client], enabled=enabled))


def revoke_all(world: World, client: str) -> World:
    """End all that a client holds, for good."""
    return world.with_client(client, replace(world.clients[client], epoch=world.clients[client].epoch + 1))


def delete_client(world: World, client: str) -> World:
    """Take a client away, and with it all that it holds."""
    return world.with_client(client, replace(world.clients[client], deleted=True))


def rotate_secret(world: World, client: str) -> World:
    """Make the secrets that a client had useless, and nothing else."""
    return world.with_client(client, replace(world.clients[client], secret=world.clients[client].secret + 1))


def allow_scopes(world: World, client: str, scopes: Scopes) -> World:
    """Say what a client may ask for from now on; its tokens can do no more than that."""
    return world.with_client(client, replace(world.clients[client], scopes=scopes))


def revoke_grant(world: World, code: int) -> World:
    """End a grant."""
    return world.ended(code, "revoked_by_operator")


def lose_redis(world: World) -> World:
    """Forget the codes that nobody has spent, and who spent the others stays known."""
    return replace(world, codes=tuple(replace(code, kept=False) for code in world.codes))


def pass_time(world: World, code: int, seconds: int) -> World:
    """Let a grant get older."""
    grant = world.grants[code]
    return world.with_grant(code, replace(grant, now=grant.now + seconds))


def expire(world: World, access_token: int) -> World:
    """Let an access token reach its end."""
    return world.with_access_token(access_token, replace(world.access_tokens[access_token], expired=True))
