"""Say what the answers look like: the keys that are sent, and the types that columns have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Integer
from sqlalchemy.schema import Column

from ..columns import JsonData, UtcDateTime
from ..models import (
    Action,
    Artifact,
    AuditEvent,
    Base,
    Recovered,
    Run,
    RunStatus,
    Source,
    Step,
    StepStatus,
    table_of,
)
from .json import (
    ARTIFACT_KEYS,
    AUDIT_KEYS,
    RUN_KEYS,
    SOURCE_KEYS,
    STEP_DETAIL_KEYS,
    STEP_KEYS,
    STEP_OF_RUN_KEYS,
)
from .wording import KEYS

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object: its name in the document, whose columns its keys are, and which keys.

    `borrowed` are the keys that another model's column gives; `values` the keys of which an enum
    holds all values. `more` are the schemas of keys that no column has, which come last.
    """

    name: str
    model: type[Base]
    keys: tuple[str, ...]
    values: Mapping[str, type[StrEnum]] = field(default_factory=dict)
    borrowed: Mapping[str, type[Base]] = field(default_factory=dict)
    more: Mapping[str, Json] = field(default_factory=dict)

    def schema(self) -> Json:
        """Return its JSON schema: exactly these keys, always all of them."""
        return closed_object({**{key: self._key_schema(key) for key in self.keys}, **self.more})

    def schema_of_fields(self) -> Json:
        """Return the schema of what `fields` leaves of it: some of its keys, but at least one."""
        return {**self.schema(), "required": [], "minProperties": 1}

    @property
    def name_of_fields(self) -> str:
        """Return the name of that in the document."""
        return f"{self.name}Fields"

    def _key_schema(self, key: str) -> Json:
        column = table_of(self.borrowed.get(key, self.model)).c[key]
        schema = _column_schema(column)
        if key in self.values:
            schema["enum"] = [value.value for value in self.values[key]]
        return {**schema, "description": KEYS[key]} if key in KEYS else schema


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route gives when all goes well: a description and a JSON schema.

    `schemas` are what the schema refers to, by name.
    """

    says: str
    schema: Json
    schemas: Mapping[str, Json] = field(default_factory=dict)


def one_of(resource: Resource, says: str = "It.") -> Answer:
    """Return the answer that is one object."""
    return Answer(says, reference(resource.name), {resource.name: resource.schema()})


def rows_of(
    resource: Resource,
    says: str = "One page of them.",
    has_fields: bool = False,
    has_cursor: bool = False,
) -> Answer:
    """Return the answer that is one page of a list; of some fields, by a cursor, if these are."""
    schemas = {resource.name: resource.schema()}
    if has_fields:
        schemas[resource.name_of_fields] = resource.schema_of_fields()
    items = [reference(name) for name in schemas]
    page = page_of({"anyOf": items} if has_fields else items[0], has_cursor)
    return Answer(says, page, schemas)


def page_of(items: Json, has_cursor: bool = False) -> Json:
    """Return the schema of one page of a list of such items."""
    data = {"type": "array", "items": items}
    pagination = reference("CursorPagination" if has_cursor else "Pagination")
    return closed_object({"data": data, "pagination": pagination})


def reference(name: str) -> Json:
    """Return what refers to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def closed_object(properties: Json) -> Json:
    """Return the schema of an object with exactly these keys, always all of them."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def whole_number(says: str) -> Json:
    """Return the schema of a number that counts something."""
    return {"type": "integer", "minimum": 0, "description": says}


def _column_schema(column: Column[Any]) -> Json:
    """Return the JSON schema of a column's values, as they are sent."""
    schema: Json = {"type": "string"}
    if isinstance(column.type, UtcDateTime):
        schema = {"type": "string", "format": "date-time"}
    elif isinstance(column.type, Integer):
        schema = {"type": "integer"}
    elif isinstance(column.type, Boolean):
        schema = {"type": "boolean"}
    elif isinstance(column.type, type(JsonData)):
        schema = {"type": "object"}
    return {**schema, "type": [schema["type"], "null"]} if column.nullable else schema


COUNTED: Json = {"type": "integer", "minimum": 0}
_STEP_VALUES = {"status": StepStatus, "recovered": Recovered}
STEP_RESULT = Resource("StepResult", Step, STEP_KEYS, _STEP_VALUES)
STEP_OF_RUN = Resource("StepOfRun", Step, STEP_OF_RUN_KEYS, _STEP_VALUES, {"run_uuid": Run})
STEP_DETAILS = Resource(
    "StepDetails", Step, (*STEP_OF_RUN.keys, *STEP_DETAIL_KEYS), _STEP_VALUES, {"run_uuid": Run}
)
RUN = Resource("Run", Run, RUN_KEYS, {"status": RunStatus})
ARTIFACT = Resource("Artifact", Artifact, ARTIFACT_KEYS)

AUDIT_EVENT = Resource("AuditEvent", AuditEvent, AUDIT_KEYS, {"action": Action})
SOURCE = Resource("Source", Source, SOURCE_KEYS, more={key: COUNTED for key in ("runs", "steps")})

# What answers refer to that is no row.
ERROR = closed_object(
    {
        "error": {"type": "boolean", "const": True},
        "message": {"type": "string", "description": "What is wrong, and what to do."},
    }
)
PAGINATION = closed_object(
    {
        "total": whole_number("How many rows there are in all; exact."),
        "offset": whole_number("How many of them come before this page."),
        "limit": {**whole_number("How many this page can hold; at most 10000."), "maximum": 10_000},
    }
)
_NEXT_CURSOR: Json = {
    "type": ["string", "null"],
    "description": "Where `cursor` was sent, empty or not: what to send as the next one; `null` "
    "at the end.",
}
CURSOR_PAGINATION = {
    **PAGINATION,
    "properties": {**PAGINATION["properties"], "next_cursor": _NEXT_CURSOR},
}
