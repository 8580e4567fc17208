"""Read the version of the history: runs, steps and artifacts."""

from functools import cache

from sqlalchemy import Select, select

from ..models import VERSION_COUNTER, Counter
from .plain import fetch


def find_version() -> int | None:
    """Return the version, another one after each change; None while nothing was written by it."""
    return fetch(_version()).scalar_one_or_none()


@cache
def _version() -> Select[tuple[int]]:
    return select(Counter.value).where(Counter.name == VERSION_COUNTER)
