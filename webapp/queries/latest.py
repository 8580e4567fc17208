"""Find what is latest of each of many names, in one statement."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Select,
    Text,
    bindparam,
    literal,
    select,
    union_all,
)

from ..extensions import db
from .step_parts import engine_name

# SQLite joins no more than 500 SELECTs to one.
NAMES_AT_ONCE = 200


def find_latest_of_each(
    latest: Callable[[BindParameter[str]], Select[Any]], names: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Yield (name, values...) of the rows that `latest` selects of a name; a statement for 200."""
    for start in range(0, len(names), NAMES_AT_ONCE):
        some = names[start : start + NAMES_AT_ONCE]
        values = {f"name_{number}": name for number, name in enumerate(some)}
        statement = _union(engine_name(), latest, len(some))
        for number, *row in db.session.execute(statement, values).all():
            yield some[number], *row


# To build a statement of so many parts takes longer than to run it.
@cache
def _union(
    _engine: str, latest: Callable[[BindParameter[str]], Select[Any]], n: int
) -> CompoundSelect[tuple[Any, ...]]:
    parts = [latest(bindparam(f"name_{number}", type_=Text)).subquery() for number in range(n)]
    return union_all(*(select(literal(number), *part.c) for number, part in enumerate(parts)))
