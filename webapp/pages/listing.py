"""Say what the lists share around their rows: the place in the pages, and the form's values."""

from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from flask import Response, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from ..filters import ENDED, STARTED, ArgsReader, ListFilters
from ..filters.values import parse_duration
from ..queries.counts import Total
from ..queries.facets import RunFacets, StepFacets
from ..rendering import render_page, wants_fragment
from .chips import find_chips, spoken

# Those that the form shows with their value; each other control adds one more.
SINGLE = (
    "step_name",
    "recovered",
    *STARTED,
    *ENDED,
    "min_duration_ms",
    "max_duration_ms",
    "created_after",
    "created_before",
)
# Those in which a person may have typed what is no such value: it is kept, to be mended.
TYPED = ("run_id", "min_duration_ms", "max_duration_ms")
# Those of which the form shows all values, as boxes.
BOXES = ("status", "step_type")
# Asks for an exact total where it is dear; no filter: it stays in the address of what was counted
# so and in the links that turn its pages, and is in no other link.
EXACT = "exact"


class Place(NamedTuple):
    """Where a list stands: the offsets of its neighbours (None: no such page) and its range.

    `kept` is what their addresses have beside the filters.
    """

    first: int | None
    previous: int | None
    next: int | None
    last: int | None
    range: str
    kept: dict[str, Any]

    @classmethod
    def of(cls, filters: ListFilters, total: Total, n_rows: int, kept: dict[str, Any]) -> Self:
        """Tell where the rows of these filters stand among all that they find."""
        offset, limit = filters.offset, max(filters.limit, 1)
        # Beyond a total that is only a lower bound, a full page says that there may be another.
        has_next = offset + n_rows < total.n or (not total.is_exact and n_rows == limit)
        last = (max(total.n, 1) - 1) // limit * limit
        return cls(
            first=0 if offset else None,
            # From beyond the end, to the last page that there surely is.
            previous=min(max(offset - limit, 0), offset if n_rows else last) if offset else None,
            next=offset + n_rows if n_rows and has_next else None,
            last=last if total.is_exact and n_rows and has_next else None,
            range=f"{offset + 1:,}–{offset + n_rows:,} of {total}" if n_rows else f"0 of {total}",
            kept=kept,
        )


def read_args() -> tuple[MultiDict[str, str], bool]:
    """Return the arguments that are filters, and whether an exact total is asked for."""
    args = MultiDict(request.args)
    if args.getlist(EXACT) != ["1"]:
        # What is given otherwise is refused with the filters.
        return args, False
    del args[EXACT]
    return args, True


def exact_args(is_counted: bool) -> dict[str, Any]:
    """Return what the address of each page of a list has, where its total was counted exactly."""
    return {EXACT: 1} if is_counted else {}


def says_news(filters: ListFilters) -> bool:
    """Tell whether what comes next would stand at the top of this page."""
    return filters.offset == 0 and filters.sort in ("-id", filters.default_sort)


def read_news_args() -> tuple[MultiDict[str, str], int]:
    """Return the arguments that are filters, and the id after which a row is new."""
    args = MultiDict(request.args)
    after = ArgsReader(MultiDict({"after": args.poplist("after")}), True).integer("after", 0)
    return args, after


def answer_list(
    page: str, fragment: str, own_url: str, filters: ListFilters, **context: Any
) -> ResponseReturnValue:
    """Answer with the page of a list, or lead a form that scripts did not send to its address.

    Such a form sends its blank fields along; they would stay in every link that is sent on.
    """
    has_blanks = any(value == "" for value in request.args.values())
    if has_blanks and not filters.errors and not wants_fragment():
        return redirect(own_url)
    response: Response = render_page(page, fragment, own_url, filters=filters, **context)
    return response


def list_context(
    filters: ListFilters, facets: StepFacets | RunFacets, n_rows: int, kept: dict[str, Any]
) -> dict[str, Any]:
    """Return what the templates of every list need around its rows."""
    return {
        "facets": facets,
        "place": Place.of(filters, facets.total, n_rows, kept),
        "chips": find_chips(filters),
        "shown": shown_values(filters),
        "hidden": hidden_values(filters),
        "refused": {one.name: one.value for one in filters.errors if one.name in TYPED},
    }


def shown_values(filters: ListFilters) -> dict[str, str]:
    """Return the text that each control of a single value shows."""
    shown = {name: "" for name in SINGLE if name in filters.names()}
    for name in shown:
        value = getattr(filters, name)
        if isinstance(value, datetime):
            shown[name] = _typed_time(value)
        elif value is not None:
            shown[name] = _typed_duration(value) if isinstance(value, int) else value
    shown["sort"] = "" if filters.sort == filters.default_sort else filters.sort
    return shown


def hidden_values(filters: ListFilters) -> list[tuple[str, str]]:
    """Return what no control shows, so that a form does not lose it."""
    values = [pair for pair in filters.active() if pair[0] not in (*SINGLE, *BOXES)]
    args = filters.to_args()
    return values + ([("limit", str(args["limit"]))] if "limit" in args else [])


def _typed_time(time: datetime) -> str:
    """Return a time as a form has it; browsers take no more than three decimals."""
    is_fine = time.microsecond % 1000 == 0 != time.microsecond
    utc = time.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds" if is_fine else "auto")


def _typed_duration(ms: int) -> str:
    text = spoken(ms)
    return text if parse_duration(text) == ms else f"{ms} ms"
