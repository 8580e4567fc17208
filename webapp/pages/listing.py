"""Say what the lists share around their rows: the place in the pages, and the form's values."""

from typing import Any, NamedTuple, Self

from ..filters import ListFilters
from ..queries.counts import Total
from ..queries.facets import RunFacets, StepFacets


class Place(NamedTuple):
    """Where a list stands: the offsets of its neighbours (None: no such page) and its range."""

    first: int | None
    previous: int | None
    next: int | None
    last: int | None
    range: str

    @classmethod
    def of(cls, filters: ListFilters, total: Total, n_rows: int) -> Self:
        """Tell where the rows of these filters stand among all that they find."""
        offset, limit = filters.offset, max(filters.limit, 1)
        # Beyond a total that is only a lower bound, a full page says that there may be another.
        has_next = offset + n_rows < total.n or (not total.is_exact and n_rows == limit)
        last = (max(total.n, 1) - 1) // limit * limit
        return cls(
            first=0 if offset else None,
            previous=min(max(offset - limit, 0), last if total.is_exact else offset)
            if offset
            else None,
            next=offset + n_rows if n_rows and has_next else None,
            last=last if total.is_exact and n_rows and has_next else None,
            range=f"{offset + 1:,}–{offset + n_rows:,} of {total}" if n_rows else f"0 of {total}",
        )


def list_context(
    filters: ListFilters, facets: StepFacets | RunFacets, n_rows: int, controls: tuple[str, ...]
) -> dict[str, Any]:
    """Return what the templates of every list need around its rows."""
    return {
        "filters": filters,
        "facets": facets,
        "place": Place.of(filters, facets.total, n_rows),
        "shown": shown_values(filters, controls),
        "hidden": hidden_values(filters, controls),
    }


def shown_values(filters: ListFilters, controls: tuple[str, ...]) -> dict[str, str]:
    """Return the value that each visible control of the form shows: the first one."""
    found: dict[str, str] = dict.fromkeys(controls, "")
    for name, value in reversed(filters.active()):
        if name in found:
            found[name] = value
    return found


def hidden_values(filters: ListFilters, controls: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return what the visible controls do not hold, so that a form does not lose it."""
    visible = set(shown_values(filters, controls).items())
    values = [pair for pair in filters.active() if pair not in visible]
    args = filters.to_args()
    return values + [(name, str(args[name])) for name in ("sort", "limit") if name in args]
