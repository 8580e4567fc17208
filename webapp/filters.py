"""Turn query strings into filters and back; pure.

The field names are the names in the query string, of pages and API alike. Reading never raises:
what is wrong is collected in `errors`, for the API to refuse and for a page to say.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple, Self

from werkzeug.datastructures import MultiDict

from .models import RunStatus, StepStatus, StepType

DEFAULT_LIMIT = 20
MAX_LIMIT = 10_000
MAX_INTEGER = 2**63 - 1
# Far more than a person asks for; the databases limit the size of a statement and of a LIKE.
MAX_VALUES = 500
MAX_CHARACTERS = 4_000
PAGE_SIZES = (20, 50, 100, 500)
NOT = "!"

# Osmedeus's own word for a step that ended well.
STATUS_ALIASES = {"success": "completed"}


class FilterError(NamedTuple):
    """What is wrong with one parameter, and what is allowed."""

    name: str
    message: str

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
        self._args = args

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Note every parameter that is not known, or is repeated beyond measure."""
        names = sorted(known)
        allowed = f"allowed are {', '.join(names)}" if names else "none is allowed here"
        for name in self._args:
            if name not in names:
                shown = name if len(name) <= 40 else name[:40] + "…"
                self._refuse(shown, f"unknown parameter; {allowed}")
            elif len(self._args.getlist(name)) > MAX_VALUES:
                self._refuse(name, f"must not be given more than {MAX_VALUES} times")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the distinct values of a parameter that may be repeated."""
        values = []
        for value in self._values(name):
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
        names = list(allowed)
        chosen = []
        for value in self.texts(name):
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
        names = list(allowed)
        value = self.text(name) or default
        if value in names:
            return value
        self._refuse(name, f"{_quoted(value)} is not allowed; allowed are {', '.join(names)}")
        return default

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
        values = self._args.getlist(name)
        values = [value for value in values if value] if self._blank_is_absent else values
        return values[:MAX_VALUES]

    def _number(self, name: str, value: str) -> int | None:
        if re.fullmatch("[0-9]{1,19}", value) and int(value) <= MAX_INTEGER:
            return int(value)
        self._refuse(name, f"{_quoted(value)} is not a whole number from 0 to {MAX_INTEGER}")
        return None

    def _is_single(self, name: str) -> bool:
        if len(self._values(name)) > 1:
            self._refuse(name, "must be given once")
            return False
        return True

    def _refuse(self, name: str, message: str) -> None:
        self.errors.append(FilterError(name, message))


@dataclass(frozen=True, slots=True)
class ListFilters:
    """What all lists share: the order, the page, and what was wrong with the query string."""

    sort: str = "id"
    offset: int = 0
    limit: int = DEFAULT_LIMIT
    default_sort: str = field(default="id", compare=False)
    errors: tuple[FilterError, ...] = field(default=(), compare=False)

    @classmethod
    def of_page(cls, args: MultiDict[str, str], default_limit: int = DEFAULT_LIMIT) -> Self:
        """Read `offset` and `limit` where nothing else is allowed."""
        reader = ArgsReader(args, blank_is_absent=False)
        reader.refuse_unknown(("offset", "limit"))
        offset, limit = reader.integer("offset", 0), reader.limit(default_limit)
        return cls(offset=offset, limit=limit, errors=tuple(reader.errors))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the parameter names, in the order of the query string."""
        hidden = {"default_sort", "errors"}
        paging = ("sort", "offset", "limit")
        own = [f.name for f in fields(cls) if f.name not in hidden and f.name not in paging]
        return (*own, *paging)

    def to_args(self, **changes: Any) -> dict[str, Any]:
        """Return the query string without defaults, for `url_for`.

        Any change but that of the offset returns to the first page.
        """
        if changes and "offset" not in changes:
            changes["offset"] = 0
        changed = replace(self, **changes)
        defaults = replace(type(self)(), sort=self.default_sort)
        pairs = ((name, getattr(changed, name)) for name in self.names())
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in pairs
            if value != getattr(defaults, name)
        }

    def to_api_args(self) -> dict[str, Any]:
        """Return the query string that gives the same rows from the API."""
        return replace(self, default_sort=self.api_sort()).to_args()

    @classmethod
    def api_sort(cls) -> str:
        """Return the order that the API has without `sort`."""
        return "id"

    def active(self) -> list[tuple[str, str]]:
        """Return each filter value in use as (name, value); the order and page are none."""
        pairs = []
        for name in self.names():
            if name not in ("sort", "offset", "limit"):
                value = getattr(self, name)
                values = value if isinstance(value, tuple) else (value,) if value else ()
                pairs += [(name, str(one)) for one in values]
        return pairs

    def without(self, name: str, value: str) -> dict[str, Any]:
        """Return the query string with one value of a filter taken out."""
        old = getattr(self, name)
        if isinstance(old, tuple):
            return self.to_args(**{name: tuple(one for one in old if str(one) != value)})
        return self.to_args(**{name: ""})

    def cleared(self) -> dict[str, Any]:
        """Return the query string with all filters taken out; the order and page size stay."""
        return replace(type(self)(), sort=self.sort, default_sort=self.default_sort).to_args(
            limit=self.limit
        )


@dataclass(frozen=True, slots=True)
class StepFilters(ListFilters):
    """Which steps a list shows; several values of one field mean any of them."""

    workspace: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    step_type: tuple[str, ...] = ()
    run_id: tuple[int, ...] = ()
    run_uuid: tuple[str, ...] = ()
    step_name: str = ""

    @classmethod
    def from_args(
        cls, args: MultiDict[str, str], default_sort: str = "id", blank_is_absent: bool = False
    ) -> Self:
        """Read the query string; what is wrong stands in `errors` and is left out."""
        reader = ArgsReader(args, blank_is_absent)
        reader.refuse_unknown(cls.names())
        filters = cls(
            workspace=reader.texts("workspace"),
            status=reader.choices("status", StepStatus, STATUS_ALIASES),
            step_type=reader.choices("step_type", StepType),
            run_id=reader.integers("run_id"),
            run_uuid=reader.texts("run_uuid"),
            step_name=reader.text("step_name"),
            sort=reader.choice("sort", ("id", "-id"), default_sort),
            offset=reader.integer("offset", 0),
            limit=reader.limit(),
            default_sort=default_sort,
        )
        return replace(filters, errors=tuple(reader.errors))


@dataclass(frozen=True, slots=True)
class RunFilters(ListFilters):
    """Which runs a list shows; several values of one field mean any of them."""

    status: tuple[str, ...] = ()
    workflow_name: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    workspace: tuple[str, ...] = ()

    @classmethod
    def api_sort(cls) -> str:
        """Return the order that the API has without `sort`: newest first."""
        return "-id"

    @classmethod
    def from_args(cls, args: MultiDict[str, str], blank_is_absent: bool = False) -> Self:
        """Read the query string; what is wrong stands in `errors` and is left out."""
        reader = ArgsReader(args, blank_is_absent)
        reader.refuse_unknown(cls.names())
        filters = cls(
            status=reader.choices("status", RunStatus),
            workflow_name=reader.texts("workflow_name"),
            target=reader.texts("target"),
            workspace=reader.texts("workspace"),
            sort=reader.choice("sort", ("id", "-id"), cls.api_sort()),
            offset=reader.integer("offset", 0),
            limit=reader.limit(),
            default_sort=cls.api_sort(),
        )
        return replace(filters, errors=tuple(reader.errors))


def _quoted(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:60] + "…")
