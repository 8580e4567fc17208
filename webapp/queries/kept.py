"""Keep what was found until the history changes: pages ask for the same again and again.

A process keeps it for itself, under the version of the history that the session saw first, and only
if that was still the version afterwards: PostgreSQL shows each statement what is there by then.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from ..latest import Latest
from .state import is_version, kept_version

# So many answers of each question.
MOST = 128

P = ParamSpec("P")
T = TypeVar("T")


def kept(find: Callable[P, T]) -> Callable[P, T]:
    """Keep what `find` returns for its arguments, which must be hashable.

    It must depend on these and on the history alone, not on the clock, and nobody may change it.
    In a session that keeps no version, and while there is none, all is found anew.
    """
    # Each in a tuple, as None can be one.
    answers: Latest[tuple[T]] = Latest(MOST, len)

    @wraps(find)
    def find_or_keep(*args: P.args, **kwargs: P.kwargs) -> T:
        version = kept_version()
        if version is None:
            return find(*args, **kwargs)
        key = (version, args, tuple(sorted(kwargs.items())))
        if found := answers.get(key):
            return found[0]
        answer = find(*args, **kwargs)
        if is_version(version):
            answers.put(key, (answer,))
        return answer

    return find_or_keep
