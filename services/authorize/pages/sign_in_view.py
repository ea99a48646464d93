"""What a sign-in page shows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignInView:
    """On whose behalf people are asked who they are, and what became of the last try.

    Without a client people sign in to see their own account. `failed` says that the last pair of username and password
    was wrong; `wait_seconds`, that there were too many attempts, and for how long no other will be judged;
    `signed_out`, that a session has just been ended.
    """

    client_name: str | None = None
    username: str = ""
    failed: bool = False
    wait_seconds: int = 0
    signed_out: bool = False
