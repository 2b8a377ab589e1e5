"""One OpenAPI document out of several."""

from __future__ import annotations

from typing import Any

from transfer_core.server.api_document import join_documents


def document(description: str, paths: dict[str, str], schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        "info": {"title": "relay", "description": description},
        "paths": {path: {"get": {"schema": {"$ref": f"#/components/schemas/{name}"}}} for path, name in paths.items()},
        "components": {"schemas": schemas},
    }


def test_each_path_is_shown_once_and_by_whom_it_is_answered() -> None:
    first = document("Uploads.", {"/health": "Said", "/upload": "Said"}, {"Said": {"type": "string"}})
    other = document("Folders.", {"/health": "Said", "/api/nodes/x": "Said"}, {"Said": {"type": "string"}})
    joined = join_documents(first, [(("/api/nodes",), other)])
    assert list(joined["paths"]) == ["/api/nodes/x", "/health", "/upload"]
    assert joined["info"] == {"title": "relay", "description": "Uploads. Folders."}
    assert joined["components"]["schemas"] == {"Said": {"type": "string"}}


def test_schemas_of_one_name_that_differ_are_both_kept() -> None:
    first = document("", {"/a": "Said"}, {"Said": {"type": "string"}})
    other = document("", {"/b": "Said"}, {"Said": {"type": "integer"}, "Said2": {"type": "null"}})
    joined = join_documents(first, [(("/b",), other)])
    (name,) = [joined["paths"]["/b"]["get"]["schema"]["$ref"].rpartition("/")[2]]
    assert joined["components"]["schemas"][name] == {"type": "integer"}
    assert joined["components"]["schemas"]["Said"] == {"type": "string"}
    assert joined["components"]["schemas"]["Said2"] == {"type": "null"}
    assert joined["paths"]["/a"]["get"]["schema"]["$ref"] == "#/components/schemas/Said"


def test_the_documents_that_are_joined_stay_as_they_are() -> None:
    first, other = document("", {"/a": "A"}, {"A": {}}), document("", {"/b": "B"}, {"B": {}})
    join_documents(first, [(("/b",), other)])
    assert list(first["paths"]) == ["/a"]
