"""An authorization server as the black-box cases know it: where its metadata is, and who is registered there."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from tests.support.flow import SECONDS


@dataclass(frozen=True, slots=True)
class Registered:
    """A client, without a secret if it is public; a secret goes into the `Authorization` header."""

    client_id: str
    redirect_uri: str
    client_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and how its pages are answered.

    `public` and `other_public` may use codes and refresh; `confidential` and `other_confidential` client credentials
    too. All may ask for both `scopes`, which are of no resource in particular. `sign_in` are the fields that a person
    types, and `approve` is the id of the button to press, empty where there is but one.
    """

    metadata: dict[str, Any]
    public: Registered
    other_public: Registered
    confidential: Registered
    other_confidential: Registered
    scopes: tuple[str, str]
    sign_in: dict[str, str] = field(repr=False)
    approve: str = ""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a description: the members of this class in JSON, `metadata` being the address."""
        described = json.loads(path.read_text())
        answer = httpx.get(described["metadata"], timeout=SECONDS, trust_env=False)
        first, second = described["scopes"]
        return cls(
            metadata=answer.json(),
            public=Registered(**described["public"]),
            other_public=Registered(**described["other_public"]),
            confidential=Registered(**described["confidential"]),
            other_confidential=Registered(**described["other_confidential"]),
            scopes=(first, second),
            sign_in=described["sign_in"],
            approve=described.get("approve", ""),
        )
