"""Keep what was found until the history changes: pages ask for the same again and again.

A process keeps it for itself, under the version of the history that the session saw first. Rows
that come while it is found can only be kept for those who still see that version.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

from .state import kept_version

# So many answers of each question.
MOST = 128

P = ParamSpec("P")
T = TypeVar("T")


def kept(find: Callable[P, T]) -> Callable[P, T]:
    """Keep what `find` returns for its arguments, which must be hashable.

    It must depend on these and on the history alone, not on the clock, and nobody may change it.
    In a session that keeps no version, and while there is no version, all is found anew.
    """

    @lru_cache(MOST)
    def find_at(_version: int, *args: P.args, **kwargs: P.kwargs) -> T:
        return find(*args, **kwargs)

    @wraps(find)
    def find_or_keep(*args: P.args, **kwargs: P.kwargs) -> T:
        version = kept_version()
        if version is None:
            return find(*args, **kwargs)
        return find_at(version, *args, **kwargs)  # type: ignore[arg-type]

    return find_or_keep
