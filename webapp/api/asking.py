"""Read what the lists of the API take beside filters: which fields, and from which cursor on."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer

from ..filters import (
    DEFAULT_LIMIT,
    NO_CURSOR,
    ArgsReader,
    FilterError,
    ListFilters,
    RunFilters,
    StepFilters,
)

Filters = TypeVar("Filters", bound=ListFilters, covariant=True)
# Only in these orders a row's id says where it stands.
ID_SORTS = ("id", "-id")


class Cursor(NamedTuple):
    """The place in a list after the row of an id; before the first row: None."""

    after_id: int | None


@dataclass(frozen=True, slots=True)
class Asked(Generic[Filters]):
    """What is asked of a list: its filters, the keys of each row, the cursor if there is one."""

    filters: Filters
    fields: tuple[str, ...] = ()
    cursor: Cursor | None = field(default=None)

    @property
    def goes_by_clock(self) -> bool:
        """Tell whether the same query string can find other rows a moment later."""
        return self.filters.goes_by_clock


def read_steps(reader: ArgsReader, keys: Sequence[str]) -> Asked[StepFilters]:
    """Read what is asked of the list of steps; `keys` are those that a row can have."""
    filters = StepFilters.read(reader, others=("fields", "cursor"))
    return Asked(filters, reader.fields("fields", keys), _read_cursor(reader, filters))


def read_runs(reader: ArgsReader) -> Asked[RunFilters]:
    """Read what is asked of the list of runs."""
    filters = RunFilters.read(reader, others=("cursor",))
    return Asked(filters, cursor=_read_cursor(reader, filters))


def read_page(reader: ArgsReader, keys: Sequence[str]) -> Asked[ListFilters]:
    """Read what is asked of a list without filters, whose rows can have these keys."""
    page = ListFilters.read_page(reader, others=("fields",))
    return Asked(page, reader.fields("fields", keys))


def write_cursor(filters: ListFilters, after_id: int | None) -> str:
    """Return the cursor after the row of an id; it is good for these filters and their order."""
    text = _signer(filters).dumps(after_id)
    return text if isinstance(text, str) else text.decode()


def _read_cursor(reader: ArgsReader, filters: ListFilters) -> Cursor | None:
    """Return the cursor that was given; what is wrong with it goes to the reader's errors."""
    refuse = partial(_refuse, reader)
    given = reader.cursor("cursor")
    if given is None:
        return None
    if filters.sort not in ID_SORTS:
        return refuse(f"goes by the id alone; allowed beside it are sort={' and '.join(ID_SORTS)}")
    if filters.offset:
        return refuse("must not be given beside an offset; it tells itself where the page begins")
    if not filters.limit:
        return refuse("leads nowhere with limit=0; ask for one row at least")
    if not given:
        return Cursor(None)
    try:
        return Cursor(_signer(filters).loads(given))
    except BadData:
        return refuse(NO_CURSOR)


def _refuse(reader: ArgsReader, message: str) -> None:
    reader.errors.append(FilterError("cursor", message))


def _signer(filters: ListFilters) -> URLSafeSerializer:
    """Return what signs cursors; what is bound to other filters has another signature."""
    # Without a default, so that the order always stands in it.
    bare = replace(filters, offset=0, limit=DEFAULT_LIMIT, default_sort="")
    bound = f"{type(filters).__name__}?{urlencode(bare.to_args(), doseq=True)}"
    return URLSafeSerializer(current_app.secret_key or "", salt=f"cursor of {bound}")
