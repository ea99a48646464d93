"""`docs/openapi.yaml`, and whether an answer is what it says."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import schemathesis
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Err
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.cluster import Cluster

PATH = Path(__file__).parents[2] / "docs" / "openapi.yaml"
SCHEMA = schemathesis.openapi.from_path(PATH)
DOCUMENT: dict[str, Any] = SCHEMA.raw_schema

CONFORMANCE: list[CheckFunction] = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
"""What makes an answer the documented one: status, content type, headers and body."""

# The addresses of `make run`, by which the file says who serves what.
_SERVICES = {8080: "authorize", 8081: "token", 8082: "introspect"}


def operations() -> Iterator[APIOperation[Any, Any, Any, Any]]:
    """Return every operation."""
    for result in SCHEMA.get_all_operations():
        if isinstance(result, Err):
            raise result.err()
        yield result.ok()


def methods_of(path: str) -> frozenset[str]:
    """Return the methods that a path is said to serve; whoever serves GET serves HEAD."""
    named = {name.upper() for name in DOCUMENT["paths"][path] if name in {"get", "post", "put", "patch", "delete"}}
    return frozenset(named | ({"HEAD"} if "GET" in named else set()))


def base_url(cluster: Cluster, path: str) -> str:
    """Return the address of the service that is said to serve a path."""
    servers = DOCUMENT["paths"].get(path, {}).get("servers", DOCUMENT["servers"])
    service: str = getattr(cluster, _SERVICES[urlsplit(servers[0]["url"]).port or 0]).http_url
    return service


def require_documented(response: httpx.Response) -> None:
    """Fail unless an answer of ours is one that the file describes; usable as a response hook of httpx."""
    response.read()
    path, method = response.request.url.path, response.request.method
    assert path in DOCUMENT["paths"], f"{path} is not documented"
    operation = SCHEMA[path]["GET" if method == "HEAD" else method]
    operation.Case().validate_response(response, checks=CONFORMANCE)


def schemas_with_examples() -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """Return every example with the schema that it stands beside, and where that is."""
    yield from _examples_in(DOCUMENT, "#")


def with_components(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of the file such that its references lead somewhere."""
    return {**schema, "components": DOCUMENT["components"]}


def _examples_in(node: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    if isinstance(node, list):
        for number, item in enumerate(node):
            yield from _examples_in(item, f"{place}/{number}")
    if not isinstance(node, dict):
        return
    schema = node.get("schema", node)
    if "example" in node:
        yield place, schema, node["example"]
    match node.get("examples"):
        case list(given):
            yield from ((place, node, example) for example in given)
        case dict(given):
            yield from ((f"{place}/{name}", schema, example["value"]) for name, example in given.items())
    for name, item in node.items():
        if name not in {"example", "examples"}:
            yield from _examples_in(item, f"{place}/{name}")
