"""Read single values of a query string, collecting what is wrong with them; pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from werkzeug.datastructures import MultiDict

from .values import MAX_INTEGER, NOT, parse_duration, parse_time

DEFAULT_LIMIT = 20
MAX_LIMIT = 10_000
# Far more than a person asks for; the databases limit the size of a statement and of a LIKE.
MAX_VALUES = 500
MAX_CHARACTERS = 4_000
NONE_ALLOWED = "none is allowed here"
CURSOR_PATTERN = "[A-Za-z0-9_.-]{0,200}"
NO_CURSOR = (
    "this is none that was given for these filters and this order; take it from "
    "pagination.next_cursor as it stands, or begin anew with an empty one (cursor=)"
)


class FilterError(NamedTuple):
    """What is wrong with one parameter, what is allowed, and what was given, if it was a text."""

    name: str
    message: str
    value: str = ""

    def __str__(self) -> str:
        """Return one sentence that names the parameter."""
        return f"{self.name}: {self.message}"


class ArgsReader:
    """Read values from a query string, collecting what is wrong with them.

    With `blank_is_absent` an empty value counts as not given, as an HTML form sends it.
    """

    def __init__(self, args: MultiDict[str, str], blank_is_absent: bool) -> None:
        """Read from these arguments."""
        self.errors: list[FilterError] = []
        self._blank_is_absent = blank_is_absent
        self._given = args.to_dict(flat=False)

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Note every parameter that is not known, or is repeated beyond measure."""
        names = set(known)
        for name, values in self._given.items():
            if name not in names:
                allowed = f"allowed are {', '.join(sorted(names))}" if names else NONE_ALLOWED
                shown = name if len(name) <= 40 else name[:40] + "…"
                self._refuse(shown, f"unknown parameter; {allowed}")
            elif len(values) > MAX_VALUES:
                self._refuse(name, f"must not be given more than {MAX_VALUES} times")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the distinct values of a parameter that may be repeated."""
        given = self._values(name)
        if not given:
            return ()
        values = []
        for value in given:
            if value == "":
                self._refuse(name, "must not be empty")
            elif "\0" in value:
                self._refuse(name, "must not contain a NUL character")
            elif len(value) > MAX_CHARACTERS:
                self._refuse(name, f"must not be longer than {MAX_CHARACTERS} characters")
            else:
                values.append(value)
        return tuple(dict.fromkeys(values))

    def text(self, name: str) -> str:
        """Return the value of a parameter that may be given once, or an empty text."""
        values = self.texts(name)
        return values[0] if self._is_single(name) and values else ""

    def choices(
        self, name: str, allowed: Iterable[str], aliases: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """Return values out of a fixed set; each may be negated by a leading `!`."""
        texts = self.texts(name)
        if not texts:
            return ()
        names = list(allowed)
        chosen = []
        for value in texts:
            bare = value.removeprefix(NOT)
            bare = (aliases or {}).get(bare, bare)
            if bare in names:
                chosen.append(NOT + bare if value.startswith(NOT) else bare)
            else:
                self._refuse(
                    name,
                    f"{_quoted(value)} is not allowed; allowed are {', '.join(names)}, "
                    f"each with {NOT} before it for all others",
                )
        return tuple(dict.fromkeys(chosen))

    def choice(self, name: str, allowed: Iterable[str], default: str) -> str:
        """Return the one value out of a fixed set, or the default."""
        value = self.text(name) or default
        names = list(allowed) if value != default else []
        if value == default or value in names:
            return value
        self._refuse(name, f"{_quoted(value)} is not allowed; allowed are {', '.join(names)}")
        return default

    def fields(self, name: str, allowed: Sequence[str]) -> tuple[str, ...]:
        """Return the names out of a fixed set that commas part, in the order of that set.

        All of them when the parameter is not given.
        """
        if not self._values(name) or not self._is_single(name):
            return tuple(allowed)
        given = self._values(name)[0].split(",")
        for field in dict.fromkeys(given):
            if field not in allowed:
                says = f"{_quoted(field)} is not allowed; allowed are {', '.join(allowed)}"
                self._refuse(name, f"{says}, with commas between them")
            elif given.count(field) > 1:
                self._refuse(name, f"{_quoted(field)} must be named once")
        return tuple(field for field in allowed if field in given)

    def cursor(self, name: str) -> str | None:
        """Return the cursor as it was given, or None; an empty one stands before the first row."""
        values = self._values(name)
        if not values or not self._is_single(name):
            return None
        if not re.fullmatch(CURSOR_PATTERN, values[0]):
            self._refuse(name, NO_CURSOR)
            return None
        return values[0]

    def integers(self, name: str) -> tuple[int, ...]:
        """Return the whole numbers of a parameter that may be repeated."""
        numbers = (self._number(name, value) for value in self._values(name))
        return tuple(dict.fromkeys(number for number in numbers if number is not None))

    def integer(self, name: str, default: int) -> int:
        """Return the whole number of a parameter that may be given once, or the default."""
        if not self._values(name) or not self._is_single(name):
            return default
        number = self._number(name, self._values(name)[0])
        return default if number is None else number

    def time(self, name: str) -> datetime | None:
        """Return the time of a parameter that may be given once."""
        value = self.text(name)
        time = parse_time(value) if value else None
        if value and time is None:
            self._refuse(
                name,
                f"{_quoted(value)} is no time; allowed are times such as 2026-11-23T14:02:00Z "
                "and 2026-11-23T14:02:00+01:00 and dates such as 2026-11-23, UTC without a zone",
                value,
            )
        return time

    def duration_ms(self, name: str) -> int | None:
        """Return the milliseconds of a parameter that may be given once."""
        value = self.text(name)
        ms = parse_duration(value) if value else None
        if value and ms is None:
            self._refuse(
                name,
                f"{_quoted(value)} is no length of time; allowed are milliseconds, "
                "and texts such as 850 ms, 12.4 s, 4 min 07 s, 2 h",
                value,
            )
        return ms

    def limit(self, default: int = DEFAULT_LIMIT) -> int:
        """Return the limit; one above MAX_LIMIT means MAX_LIMIT, as documented."""
        values = self._values("limit")
        if len(values) == 1 and re.fullmatch("0*[1-9][0-9]{5,}", values[0]):
            return MAX_LIMIT
        limit = self.integer("limit", default)
        if limit == 0 and self._blank_is_absent:
            self._refuse("limit", "a page has at least 1 row")
            return default
        return min(limit, MAX_LIMIT)

    def _values(self, name: str) -> list[str]:
        values = self._given.get(name)
        if not values:
            return []
        values = [value for value in values if value] if self._blank_is_absent else values
        return values[:MAX_VALUES]

    def _number(self, name: str, value: str) -> int | None:
        if re.fullmatch("[0-9]{1,19}", value) and int(value) <= MAX_INTEGER:
            return int(value)
        message = f"{_quoted(value)} is not a whole number from 0 to {MAX_INTEGER}"
        self._refuse(name, message, value)
        return None

    def _is_single(self, name: str) -> bool:
        if len(self._values(name)) > 1:
            self._refuse(name, "must be given once")
            return False
        return True

    def _refuse(self, name: str, message: str, value: str = "") -> None:
        self.errors.append(FilterError(name, message, value))


def _quoted(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:60] + "…")
