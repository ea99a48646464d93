"""Keep the schema of one version of a CustomResourceDefinition: `python from_crd.py VERSION < crd.yaml > kind.json`.

What explains is left out, for size; what only the API server evaluates (CEL) is as well.
"""

import json
import sys

import yaml

_NOT_KEPT = frozenset({"description", "example", "default", "title"})


def main() -> None:
    """Read a definition from standard input and write its schema to standard output."""
    definition = yaml.safe_load(sys.stdin)
    [schema] = [
        version["schema"]["openAPIV3Schema"]
        for version in definition["spec"]["versions"]
        if version["name"] == sys.argv[1]
    ]
    json.dump(_kept(schema), sys.stdout, separators=(",", ":"), sort_keys=True)
    sys.stdout.write("\n")


def _kept(schema: object) -> object:
    if isinstance(schema, list):
        return [_kept(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        name: _kept(value)
        for name, value in schema.items()
        if name == "properties" or not (name in _NOT_KEPT or name.startswith("x-kubernetes-"))
    }
    if "properties" in schema:
        kept["properties"] = {name: _kept(value) for name, value in schema["properties"].items()}
    if schema.get("x-kubernetes-int-or-string"):
        kept.pop("anyOf", None)
        kept["type"] = ["integer", "string"]
    # The API server drops unknown fields without a word; here they are mistakes.
    if "properties" in schema and "additionalProperties" not in schema:
        kept["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return kept


if __name__ == "__main__":
    main()
