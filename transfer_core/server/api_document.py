"""One OpenAPI document for all applications behind one address. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Document = Mapping[str, Any]
_SCHEMA = "#/components/schemas/"
_ERROR_SCHEMA = {
    "type": "object",
    "required": ["error", "code", "hint"],
    "properties": {"error": {"type": "string"}, "code": {"type": "string"}, "hint": {"type": "string"}},
}
ERROR_ANSWERS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong, and what to do.",
        "content": {"application/json": {"schema": _ERROR_SCHEMA}},
    }
}
"""What every route may answer besides."""


def join_documents(first: Document, others: Iterable[tuple[tuple[str, ...], Document]]) -> dict[str, Any]:
    """The first application's document with what the others answer below their prefixes.

    A schema whose name is taken by another one gets a number behind its name.
    """
    joined: dict[str, Any] = dict(first)
    paths = dict(first.get("paths", {}))
    schemas = dict(first.get("components", {}).get("schemas", {}))
    said = [str(first.get("info", {}).get("description", ""))]
    for prefixes, document in others:
        renamed = _without_clashes(document, schemas)
        schemas |= renamed.get("components", {}).get("schemas", {})
        own = {path: item for path, item in renamed.get("paths", {}).items() if _is_below(path, prefixes)}
        paths = own | paths
        said.append(str(document.get("info", {}).get("description", "")))
    joined["paths"] = dict(sorted(paths.items()))
    joined["components"] = dict(first.get("components", {})) | {"schemas": schemas}
    joined["info"] = dict(first.get("info", {})) | {"description": " ".join(each for each in said if each)}
    return joined


def _is_below(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix.rstrip('/')}/") for prefix in prefixes)


def _without_clashes(document: Document, taken: Mapping[str, Any]) -> dict[str, Any]:
    text = json.dumps(document)
    own = document.get("components", {}).get("schemas", {})
    names = {name: _free(name, {**taken, **own}) for name in own if name in taken and taken[name] != own[name]}
    for name, free in names.items():
        text = text.replace(f'"{_SCHEMA}{name}"', f'"{_SCHEMA}{free}"')
    found: dict[str, Any] = json.loads(text)
    if names:
        schemas = found["components"]["schemas"]
        found["components"]["schemas"] = {names.get(name, name): schema for name, schema in schemas.items()}
    return found


def _free(name: str, taken: Mapping[str, Any]) -> str:
    number = 2
    while f"{name}{number}" in taken:
        number += 1
    return f"{name}{number}"
