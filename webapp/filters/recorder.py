"""Note what a query string may hold, by the code that reads it; pure.

A reading runs over an `ArgsRecorder` as it runs over an `ArgsReader`, so that the API's document
cannot say other names, values or limits than those that are checked.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict

from .reader import CURSOR_PATTERN, DEFAULT_LIMIT, MAX_CHARACTERS, MAX_VALUES, ArgsReader
from .values import DURATION_PATTERN, MAX_INTEGER, NOT, TIME_PATTERN

Schema = dict[str, Any]
# Whatever calls the methods of a reader; it must ask for all it knows, whatever it is answered.
Reading = Callable[[ArgsReader], Any]
TEXT: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_CHARACTERS,
    "pattern": "^[^\\u0000]+$",
}
WHOLE_NUMBER: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}


class Parameter(NamedTuple):
    """One parameter of a query string: the JSON schema of a value, and whether it may be repeated.

    `is_joined` tells that commas part its values, each of which may stand once.
    `kind` says in a word how a value is read: text, choice, whole number, time or duration.
    """

    name: str
    kind: str
    schema: Schema
    is_repeatable: bool = False
    is_joined: bool = False


class ArgsRecorder(ArgsReader):
    """Read nothing, and note what is asked for, in that order."""

    def __init__(self) -> None:
        """Begin with nothing noted."""
        super().__init__(MultiDict(), blank_is_absent=False)
        self.parameters: list[Parameter] = []
        self.known: tuple[str, ...] = ()

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Note which names are let through."""
        self.known = tuple(known)

    def texts(self, name: str) -> tuple[str, ...]:
        """Note texts of which any may match."""
        self._note(name, "text", TEXT, is_repeatable=True)
        return ()

    def text(self, name: str) -> str:
        """Note a single text."""
        self._note(name, "text", TEXT)
        return ""

    def choices(
        self, name: str, allowed: Iterable[str], aliases: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """Note values out of a set, each with its contrary."""
        values = [*map(str, allowed), *(aliases or {})]
        values += [NOT + value for value in values]
        self._note(name, "choice", {"type": "string", "enum": values}, is_repeatable=True)
        return ()

    def choice(self, name: str, allowed: Iterable[str], default: str) -> str:
        """Note a single value out of a set."""
        schema: Schema = {"type": "string", "enum": list(map(str, allowed))}
        self._note(name, "choice", {**schema, "default": default} if default else schema)
        return default

    def fields(self, name: str, allowed: Sequence[str]) -> tuple[str, ...]:
        """Note names with commas between them."""
        schema: Schema = {"type": "string", "enum": list(allowed)}
        self.parameters.append(Parameter(name, "choice", schema, is_joined=True))
        return tuple(allowed)

    def cursor(self, name: str) -> str | None:
        """Note a cursor."""
        self._note(name, "cursor", {"type": "string", "pattern": f"^{CURSOR_PATTERN}$"})
        return None

    def integers(self, name: str) -> tuple[int, ...]:
        """Note whole numbers of which any may match."""
        self._note(name, "whole number", WHOLE_NUMBER, is_repeatable=True)
        return ()

    def integer(self, name: str, default: int) -> int:
        """Note a single whole number."""
        self._note(name, "whole number", {**WHOLE_NUMBER, "default": default})
        return default

    def time(self, name: str) -> datetime | None:
        """Note a single time."""
        schema = {"type": "string", "pattern": f"^{TIME_PATTERN}$"}
        self._note(name, "time", {**schema, "examples": ["2026-11-23T14:02:00Z", "2026-11-23"]})
        return None

    def duration_ms(self, name: str) -> int | None:
        """Note a single length of time."""
        schema = {"type": "string", "maxLength": MAX_CHARACTERS, "pattern": f"^{DURATION_PATTERN}$"}
        self._note(name, "duration", {**schema, "examples": ["1500", "4 min 07 s"]})
        return None

    def limit(self, default: int = DEFAULT_LIMIT) -> int:
        """Note the limit, which may be as large as one likes."""
        self._note("limit", "whole number", {"type": "integer", "minimum": 0, "default": default})
        return default

    def _note(self, name: str, kind: str, schema: Schema, is_repeatable: bool = False) -> None:
        self.parameters.append(Parameter(name, kind, schema, is_repeatable))


def record(reading: Reading) -> list[Parameter]:
    """Return the parameters that a reading asks for; raise if it lets others through, or fewer."""
    recorder = ArgsRecorder()
    reading(recorder)
    names = sorted(parameter.name for parameter in recorder.parameters)
    if names != sorted(recorder.known):
        raise ValueError(f"{reading} reads {names}, and lets {sorted(recorder.known)} through")
    return recorder.parameters


def values_schema(parameter: Parameter) -> Schema:
    """Return the JSON schema of a parameter, with how often it may be given."""
    schema = {"title": parameter.kind, **parameter.schema}
    if parameter.is_joined:
        return {"type": "array", "items": schema, "minItems": 1, "uniqueItems": True}
    if not parameter.is_repeatable:
        return schema
    return {"type": "array", "items": schema, "maxItems": MAX_VALUES}
