"""Find the distinct values of an indexed column, one index look-up a value."""

from sqlalchemy import CTE, func, literal, literal_column, select

from ..models import Run, Step
from .conditions import Column
from .kept import kept
from .plain import fetch
from .step_conditions import names_with

# What a form suggests while its reader types, and how much of it.
SUGGESTED: dict[str, Column] = {
    "workspace": Run.workspace,
    "workflow_name": Run.workflow_name,
    "target": Run.target,
    "module_name": Step.module_name,
}
MAX_SUGGESTIONS = 20
# No more values than these are looked at for what contains a text.
WALKED = 20_000


def find_distinct(column: Column) -> list[str]:
    """Return the distinct values of a column that leads an index, in the index's order."""
    value = distinct_values(column)
    statement = select(value.c.value).where(value.c.value.is_not(None))
    return list(fetch(statement).scalars())


def distinct_values(column: Column) -> CTE:
    """Return the rows `value`: the distinct values of a column that leads an index, then NULL.

    A recursive query jumps from each value to the next, so that 10,000,000 rows with 300 names
    cost 300 look-ups.
    """
    value = select(func.min(column).label("value")).cte("value_of", recursive=True)
    following = select(func.min(column)).where(column > value.c.value).scalar_subquery()
    return value.union_all(select(following).where(value.c.value.is_not(None)))


def find_workspace_names() -> list[str]:
    """Return the names of the workspaces that runs have, sorted."""
    # Sorted here, since PostgreSQL's order depends on its locale.
    return sorted(name for name in find_distinct(Run.workspace) if name)


def find_step_names(contains: str, most: int) -> list[str]:
    """Return up to so many of the step names that contain a text; case is ignored."""
    return list(fetch(names_with(contains).limit(most)).scalars())


@kept
def find_suggestions(column: Column, contains: str) -> list[str]:
    """Return the first values of a column that contain a text, but the empty one.

    Only the first WALKED values are looked at: that none is found doesn't mean that there is none.
    """
    value = _filled_values(column)
    statement = (
        select(value.c.value)
        .where(value.c.value != "", value.c.value.icontains(contains, autoescape=True))
        .limit(MAX_SUGGESTIONS)
    )
    return list(fetch(statement).scalars())


def _filled_values(column: Column) -> CTE:
    """Return the rows `value`, `n`: "", then the first distinct values, maybe NULL at the end."""
    # Said as the partial index says it, else it is not used.
    is_filled = column != literal_column("''")
    first = select(literal("").label("value"), literal(0).label("n"))
    value = first.cte("value_of", recursive=True)
    following = select(func.min(column)).where(column > value.c.value, is_filled)
    return value.union_all(
        # PostgreSQL takes no LIMIT here, so the rows are numbered.
        select(following.scalar_subquery(), value.c.n + 1).where(
            value.c.value.is_not(None), value.c.n < WALKED
        )
    )
