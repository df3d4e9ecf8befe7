"""OpenAPI 3.1 documents of the families, made from the operations and the types that their bodies are read into."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from sensorium.gateway.http.call import HttpCall, Reply
from sensorium.gateway.http.family import Endpoint, Family, Operation
from sensorium.gateway.http.payload import to_json
from sensorium.gateway.http.tokens import TokenCredentials

PREFIX = "/openapi"

_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_STATUSES: Mapping[str, str] = {
    "200": "The answer.",
    "400": "The request is wrong; the message names the field.",
    "401": "No key, or not a good one.",
    "403": "The key is not enough.",
    "404": "There is no such path or model.",
    "405": "The path takes other methods.",
    "408": "The body did not come in its time.",
    "409": "What would be made exists.",
    "413": "The body is too large.",
    "429": "Too much at once, or for this key; `retry-after` says when to come back.",
    "503": "A model is not ready, or the server is shutting down.",
    "504": "The time was up.",
}


def documents_family(families: Sequence[Family], page: Endpoint) -> Family:
    """Return what serves the documents: `/openapi/{family}.json`, and the page that tries them."""
    operations = [
        Operation(("GET",), f"/{family.name}.json", _serving(document(family)), "", "Describe the family.")
        for family in families
    ]
    index = Operation(("GET",), "", page, "", "Try every family.")
    return Family("openapi", (PREFIX,), (*operations, index), TokenCredentials(), families[0].envelope)


def document(family: Family) -> dict[str, object]:
    """Return the document of one family."""
    kinds = list(dict.fromkeys(each.request for each in family.operations if each.request))
    _, components = msgspec.json.schema_components(
        kinds, schema_hook=_anything, ref_template="#/components/schemas/{name}"
    )
    names = {kind: _reference(kind) for kind in kinds}
    paths: dict[str, dict[str, object]] = {}
    for prefix in family.prefixes:
        for operation in family.operations:
            at = paths.setdefault(_PARAMETER.sub(r"{\1}", prefix + operation.path) or "/", {})
            at.update({method.lower(): _operation(operation, method, names) for method in operation.methods})
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Sensorium for clients of {family.name}", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "authorization"}},
        },
    }


def _serving(described: Mapping[str, object]) -> Endpoint:
    body = to_json(described)

    async def answer(call: HttpCall) -> Reply:  # noqa: ARG001
        return Reply(body)

    return answer


def _operation(operation: Operation, method: str, names: Mapping[type, Mapping[str, str]]) -> dict[str, object]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PARAMETER.findall(operation.path)
    ]
    described: dict[str, object] = {
        "summary": operation.summary,
        "operationId": f"{method.lower()}{re.sub(r'[^A-Za-z0-9]+', '_', operation.path)}",
        "parameters": parameters,
        "responses": {
            status: {"description": told, "content": {"application/json": {"schema": {"type": "object"}}}}
            for status, told in _STATUSES.items()
        },
        "security": [{"key": []}, {}] if operation.permission else [],
    }
    if operation.request:
        media: dict[str, object] = {"schema": names[operation.request]}
        if operation.example:
            media["example"] = operation.example
        described["requestBody"] = {"required": True, "content": {"application/json": media}}
    return described


def _reference(kind: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _anything(kind: type) -> dict[str, object]:  # noqa: ARG001
    """Return the schema of `object`, the one type that msgspec leaves to us: anything."""
    return {"description": "Anything."}
