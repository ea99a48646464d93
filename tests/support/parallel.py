"""Many token requests at the same moment, over all replicas."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

import httpx

from tests.support.cluster import Cluster
from tests.support.flow import SECONDS, credentials_of
from tests.support.operator_client import Client

NOBODY = 0
"""Stands for the status of a request that was not answered, as the replica died."""


async def post_at_once(
    base_urls: Sequence[str], client: Client, form: Mapping[str, str], count: int
) -> list[httpx.Response | None]:
    """Send the same token request so many times at once, to each replica in turn; None where nobody answered."""
    own, auth = credentials_of(client)
    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(timeout=SECONDS, limits=limits, trust_env=False) as http:

        async def post(number: int) -> httpx.Response | None:
            url = f"{base_urls[number % len(base_urls)]}/oauth2/token"
            try:
                return await http.post(url, data={**form, **own}, auth=auth)
            except httpx.TransportError:
                return None

        return await asyncio.gather(*(post(number) for number in range(count)))


def token_urls(cluster: Cluster) -> list[str]:
    """Return where the running replicas of token serve HTTP."""
    return [replica.http_url for replica in cluster.replicas("token") if replica.is_running()]


def statuses(answers: Sequence[httpx.Response | None]) -> Counter[tuple[int, str]]:
    """Count answers by status and error code."""
    return Counter(
        (NOBODY, "") if each is None else (each.status_code, each.json().get("error", "")) for each in answers
    )
