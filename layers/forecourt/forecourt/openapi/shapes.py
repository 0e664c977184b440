"""JSON schemas (draft 2020-12): of models that check requests, and of records in answers."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from pydantic import BaseModel

type Schema = dict[str, Any]

_TYPES: dict[str, Schema] = {
    "any": {},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "int": {"type": "integer"},
    "num": {"type": "number"},
    "object": {"type": "object"},
    "text": {"type": "string"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "time": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
    "uuids": {"type": "array", "items": {"type": "string", "format": "uuid"}},
}


def record(members: str, **nested: Schema) -> Schema:
    """Return the schema of an object whose members are all there; more may come with time.

    Parameters
    ----------
    members
        ``name:type`` apart by blanks; ``type?`` may also be null. Types are those of ``_TYPES``.
    nested
        More members and their schemas.

    Examples
    --------
    >>> record("id:int label:text?")["properties"]["label"]
    {'type': ['string', 'null']}
    """
    properties: dict[str, Schema] = {}
    for member in members.split():
        name, _, kind = member.partition(":")
        schema = deepcopy(_TYPES[kind.removesuffix("?")])
        properties[name] = or_null(schema) if kind.endswith("?") else schema
    properties |= nested
    return {"type": "object", "properties": properties, "required": list(properties)}


def with_members(schema: Schema, members: str = "", **nested: Schema) -> Schema:
    """Return a record that has more members than another."""
    more = record(members, **nested)
    return {
        "type": "object",
        "properties": schema["properties"] | more["properties"],
        "required": [*schema["required"], *more["required"]],
    }


def or_null(schema: Schema) -> Schema:
    """Return a schema that also takes null."""
    kind = schema.get("type")
    if isinstance(kind, str) and "enum" not in schema:
        return {**schema, "type": [kind, "null"]}
    return {"anyOf": [schema, {"type": "null"}]} if schema else {}


def words(*allowed: str) -> Schema:
    """Return the schema of one of a few texts."""
    return {"type": "string", "enum": list(allowed)}


def list_of(schema: Schema) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": schema}


def page_of(name: str, schema: Schema) -> Schema:
    """Return the schema of one page of a list."""
    pagination = record("currentPage:int pageSize:int totalRecords:int totalPages:int")
    return record("", **{name: list_of(schema), "pagination": pagination})


def schema_of(model: type[BaseModel]) -> Schema:
    """Return what a model takes, whole: without references, titles and defaults of null."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    whole: Schema = _whole(schema, schema.pop("$defs", {}))
    return whole


def _whole(part: Any, definitions: dict[str, Schema]) -> Any:  # noqa: ANN401 - any part of a schema
    if isinstance(part, list):
        return [_whole(one, definitions) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        named = definitions[part["$ref"].rpartition("/")[2]]
        return _whole(named | _without(part, ("$ref",)), definitions)
    kept = _without(part, ("title",) if isinstance(part.get("title"), str) else ())
    if kept.get("default", ...) is None:
        kept = _without(kept, ("default",))
    return {name: _whole(one, definitions) for name, one in kept.items()}


def _without(schema: Schema, names: Iterable[str]) -> Schema:
    return {name: one for name, one in schema.items() if name not in names}
