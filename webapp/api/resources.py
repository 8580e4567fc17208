"""Say what the answers look like: the keys that are sent, and the types that columns have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Integer
from sqlalchemy.schema import Column

from ..columns import JsonData, UtcDateTime
from ..models import Artifact, Base, Recovered, Run, RunStatus, Step, StepStatus, table_of
from .json import ARTIFACT_KEYS, RUN_KEYS, STEP_DETAIL_KEYS, STEP_KEYS, STEP_MORE_KEYS
from .wording import KEYS

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object: its name in the document, whose columns its keys are, and which keys.

    `borrowed` are the keys that another model's column gives; `values` the keys of which an enum
    holds all values.
    """

    name: str
    model: type[Base]
    keys: tuple[str, ...]
    values: Mapping[str, type[StrEnum]] = field(default_factory=dict)
    borrowed: Mapping[str, type[Base]] = field(default_factory=dict)

    def schema(self) -> Json:
        """Return its JSON schema: exactly these keys, always all of them."""
        return closed_object({key: self._key_schema(key) for key in self.keys})

    def _key_schema(self, key: str) -> Json:
        column = table_of(self.borrowed.get(key, self.model)).c[key]
        schema = _column_schema(column)
        if key in self.values:
            schema["enum"] = [value.value for value in self.values[key]]
        return {**schema, "description": KEYS[key]} if key in KEYS else schema


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route gives when all goes well: a description and a JSON schema.

    `resource` is what the schema refers to, if it does.
    """

    says: str
    schema: Json
    resource: Resource | None = None


def one_of(resource: Resource, says: str = "It.") -> Answer:
    """Return the answer that is one object."""
    return Answer(says, reference(resource.name), resource)


def rows_of(resource: Resource, says: str = "One page of them.") -> Answer:
    """Return the answer that is one page of a list."""
    return Answer(says, page_of(reference(resource.name)), resource)


def page_of(items: Json) -> Json:
    """Return the schema of one page of a list of such items."""
    data = {"type": "array", "items": items}
    return closed_object({"data": data, "pagination": reference("Pagination")})


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


_STEP_VALUES = {"status": StepStatus, "recovered": Recovered}
STEP_RESULT = Resource("StepResult", Step, STEP_KEYS, _STEP_VALUES)
STEP_OF_RUN = Resource(
    "StepOfRun", Step, (*STEP_KEYS, "run_uuid", *STEP_MORE_KEYS), _STEP_VALUES, {"run_uuid": Run}
)
STEP_DETAILS = Resource(
    "StepDetails", Step, (*STEP_OF_RUN.keys, *STEP_DETAIL_KEYS), _STEP_VALUES, {"run_uuid": Run}
)
RUN = Resource("Run", Run, RUN_KEYS, {"status": RunStatus})
ARTIFACT = Resource("Artifact", Artifact, ARTIFACT_KEYS)

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
