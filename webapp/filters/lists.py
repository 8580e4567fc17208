"""Define what the filters of all lists share: order, page, and the way back to a query string."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any, Self

from werkzeug.datastructures import MultiDict

from ..columns import this_minute
from .reader import DEFAULT_LIMIT, ArgsReader, FilterError
from .values import time_text

PAGE_SIZES = (20, 50, 100, 500)
PAGING = ("sort", "offset", "limit")
STARTED = ("started", "started_after", "started_before")
ENDED = ("ended", "ended_after", "ended_before")
DURATIONS = ("min_duration_ms", "max_duration_ms")
RANGES = (*STARTED, *ENDED, *DURATIONS)
# What `started` and `ended` may be, and how long ago it begins; `today` begins at midnight UTC.
PRESETS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "today": timedelta(0),
}


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
        return cls.read_page(ArgsReader(args, blank_is_absent=False), default_limit)

    @classmethod
    def read_page(
        cls,
        reader: ArgsReader,
        default_limit: int = DEFAULT_LIMIT,
        others: tuple[str, ...] = (),
    ) -> Self:
        """Read `offset` and `limit` from a reader, which refuses all else but some others."""
        reader.refuse_unknown(("offset", "limit", *others))
        offset, limit = reader.integer("offset", 0), reader.limit(default_limit)
        return cls(offset=offset, limit=limit, errors=tuple(reader.errors))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the parameter names, in the order of the query string."""
        return _names(cls)  # type: ignore[arg-type] # mypy: a class of ours is not Hashable

    def to_args(self, **changes: Any) -> dict[str, Any]:
        """Return the query string without defaults, for `url_for`.

        Any change but that of the offset returns to the first page.
        """
        if changes and "offset" not in changes:
            changes["offset"] = 0
        defaults = {**_defaults(type(self)), "sort": self.default_sort}  # type: ignore[arg-type]
        values = {name: getattr(self, name) for name in defaults} | changes
        return {
            name: list(value) if isinstance(value, tuple) else _text(value)
            for name, value in values.items()
            if value != defaults[name]
        }

    def to_api_args(self) -> dict[str, Any]:
        """Return the query string that gives the same rows from the API."""
        return replace(self, default_sort=self.api_sort()).to_args()

    @classmethod
    def api_sort(cls) -> str:
        """Return the order that the API has without `sort`."""
        return "id"

    @property
    def goes_by_clock(self) -> bool:
        """Tell whether the same query string can find other rows a moment later."""
        return False

    @property
    def moment(self) -> datetime | None:
        """Return the moment that, with the values, tells what is found; None where these do."""
        return None

    def has_only(self, *names: str) -> bool:
        """Tell whether no other filter than these is in use."""
        read_others, defaults = _others(type(self), names)  # type: ignore[arg-type]
        return read_others(self) == defaults

    def of_any_order(self) -> Self:
        """Return the filters alone: what they find, in whatever order."""
        return replace(self, offset=0, limit=DEFAULT_LIMIT, errors=(), sort="id", default_sort="id")

    def of_any_page(self) -> Self:
        """Return the filters without the page and without what was refused."""
        return replace(self, offset=0, limit=DEFAULT_LIMIT, errors=())

    def without_all(self, names: Iterable[str]) -> Self:
        """Return the filters without those of these names."""
        defaults = _defaults(type(self))  # type: ignore[arg-type]
        return replace(self, **{name: defaults[name] for name in names})

    def n_values(self) -> int:
        """Return how many values stand in the filters that can have several."""
        values = (getattr(self, name) for name in self.names())
        return sum(len(value) for value in values if isinstance(value, tuple))

    def active(self) -> list[tuple[str, str]]:
        """Return each filter value in use as (name, value); the order and page are none."""
        pairs = []
        for name in self.names():
            if name not in PAGING:
                value = getattr(self, name)
                values = value if isinstance(value, tuple) else (value,)
                pairs += [(name, str(_text(one))) for one in values if one not in ("", None)]
        return pairs

    def without(self, name: str, value: str) -> dict[str, Any]:
        """Return the query string with one value of a filter taken out."""
        old = getattr(self, name)
        if isinstance(old, tuple):
            return self.to_args(**{name: tuple(one for one in old if str(one) != value)})
        return self.to_args(**{name: getattr(type(self)(), name)})

    def cleared(self) -> dict[str, Any]:
        """Return the query string with all filters taken out; the order and page size stay."""
        return replace(type(self)(), sort=self.sort, default_sort=self.default_sort).to_args(
            limit=self.limit
        )


@dataclass(frozen=True, slots=True)
class TimedFilters(ListFilters):
    """What lists of things that start and end share: ranges of time and of duration.

    `started` and `ended` are one of PRESETS or empty. What begins with `_after` is in the range,
    what ends it, `_before`, is not; both durations are. What has not ended is in no range of ends.
    """

    started: str = ""
    started_after: datetime | None = None
    started_before: datetime | None = None
    ended: str = ""
    ended_after: datetime | None = None
    ended_before: datetime | None = None
    min_duration_ms: int | None = None
    max_duration_ms: int | None = None
    # All that is asked for one view goes by one clock. Its hand stands still for a minute, so that
    # what was counted for one page is good for the next.
    asked_at: datetime = field(default_factory=this_minute, compare=False)

    @staticmethod
    def read_timed(reader: ArgsReader) -> dict[str, Any]:
        """Read the values that all of these lists have."""
        return {
            "started": reader.choice("started", PRESETS, ""),
            "started_after": reader.time("started_after"),
            "started_before": reader.time("started_before"),
            "ended": reader.choice("ended", PRESETS, ""),
            "ended_after": reader.time("ended_after"),
            "ended_before": reader.time("ended_before"),
            "min_duration_ms": reader.duration_ms("min_duration_ms"),
            "max_duration_ms": reader.duration_ms("max_duration_ms"),
        }

    @property
    def goes_by_clock(self) -> bool:
        """Tell whether a range begins so long before now."""
        return bool(self.started or self.ended)

    @property
    def moment(self) -> datetime | None:
        """Return the moment before which the ranges begin, if one does."""
        return self.asked_at if self.goes_by_clock else None

    @property
    def has_starts(self) -> bool:
        """Tell whether a range of starts is asked for."""
        return bool(self.started or self.started_after or self.started_before)

    @property
    def has_ends(self) -> bool:
        """Tell whether a range of ends is asked for."""
        return bool(self.ended or self.ended_after or self.ended_before)

    @property
    def has_durations(self) -> bool:
        """Tell whether a range of duration is asked for."""
        return self.min_duration_ms is not None or self.max_duration_ms is not None

    def started_range(self) -> tuple[datetime | None, datetime | None]:
        """Return the first moment of the range and the first one after it; None: open."""
        return self._later(self.started_after, self.started), self.started_before

    def ended_range(self) -> tuple[datetime | None, datetime | None]:
        """Return the same of the ends."""
        return self._later(self.ended_after, self.ended), self.ended_before

    def _later(self, after: datetime | None, preset: str) -> datetime | None:
        begins = [after, _beginning(preset, self.asked_at)]
        return max((one for one in begins if one), default=None)


# A list has some thirty links, each with most of its query string.
@cache
def _names(of: type[Any]) -> tuple[str, ...]:
    names = [one.name for one in fields(of) if one.compare]
    return (
        *(name for name in names if name not in RANGES and name not in PAGING),
        *(name for name in RANGES if name in names),
        *PAGING,
    )


@cache
def _defaults(of: type[Any]) -> Mapping[str, Any]:
    blank = of()
    return {name: getattr(blank, name) for name in of.names()}


@cache
def _others(
    of: type[Any], names: tuple[str, ...]
) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[Any, ...]]:
    """Return what reads the filters that do not have these names, and their defaults.

    Read one by one they took a fiftieth of a page of the API.
    """
    defaults = _defaults(of)  # type: ignore[arg-type]
    others = [name for name in defaults if name not in (*names, *PAGING)]
    unused = tuple(defaults[name] for name in others)
    if len(others) < 2:
        # Of one name `attrgetter` reads a bare value, and none it does not take.
        return lambda filters: tuple(getattr(filters, name) for name in others), unused
    return attrgetter(*others), unused


def _beginning(preset: str, now: datetime) -> datetime | None:
    if preset == "today":
        return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return now - PRESETS[preset] if preset else None


def _text(value: Any) -> Any:
    return time_text(value) if isinstance(value, datetime) else value
