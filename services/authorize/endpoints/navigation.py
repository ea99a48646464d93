"""Whether a browser shows to a person what it asks for (Fetch Metadata Request Headers)."""

from fastapi import Request

_PREFETCHES = ("sec-purpose", "purpose")


def is_navigation(request: Request) -> bool:
    """Tell whether somebody goes to this address in a tab of its own; False for prefetching, frames and HEAD.

    A browser that does not say what it wants the answer for is believed.
    """
    if request.method != "GET" or any(header in request.headers for header in _PREFETCHES):
        return False
    return request.headers.getlist("sec-fetch-dest") in ([], ["document"])
