"""Find the distinct values of an indexed column, one index look-up a value."""

from sqlalchemy import func, select

from ..extensions import db
from ..models import Run, Step
from .conditions import Column


def find_distinct(column: Column, contains: str = "") -> list[str]:
    """Return the distinct values of a column that leads an index, sorted; case is ignored.

    A recursive query jumps from each value to the next, so that 10,000,000 rows with 300 names
    cost 300 look-ups.
    """
    value = select(func.min(column).label("value")).cte("value_of", recursive=True)
    following = select(func.min(column)).where(column > value.c.value).scalar_subquery()
    value = value.union_all(select(following).where(value.c.value.is_not(None)))
    statement = select(value.c.value).where(value.c.value.is_not(None))
    if contains:
        statement = statement.where(value.c.value.icontains(contains, autoescape=True))
    return list(db.session.execute(statement).scalars())


def find_workspace_names() -> list[str]:
    """Return the names of the workspaces that runs have, sorted."""
    # Sorted here, since PostgreSQL's order depends on its locale.
    return sorted(name for name in find_distinct(Run.workspace) if name)


def find_workflow_names() -> list[str]:
    """Return the names of the workflows that have run, sorted."""
    return sorted(name for name in find_distinct(Run.workflow_name) if name)


def find_step_names(contains: str) -> list[str]:
    """Return the distinct step names that contain a text."""
    return find_distinct(Step.step_name, contains)
