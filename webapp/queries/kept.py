"""Keep what was found until the history changes: pages ask for the same again and again.

A process keeps it for itself, under the version of the history that the session saw first, and only
if that was still the version afterwards: PostgreSQL shows each statement what is there by then.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from .state import is_version, kept_version

# So many answers of each question.
MOST = 128

P = ParamSpec("P")
T = TypeVar("T")


class _Answers:
    """The answers that were asked for last."""

    def __init__(self) -> None:
        self._found: OrderedDict[Any, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Any) -> tuple[Any] | None:
        """Return the answer, in a tuple, as None can be one."""
        with self._lock:
            found: tuple[Any] | None = self._found.get(key)
            if found:
                self._found.move_to_end(key)
            return found

    def put(self, key: Any, answer: Any) -> None:
        with self._lock:
            self._found[key] = (answer,)
            if len(self._found) > MOST:
                self._found.popitem(last=False)


def kept(find: Callable[P, T]) -> Callable[P, T]:
    """Keep what `find` returns for its arguments, which must be hashable.

    It must depend on these and on the history alone, not on the clock, and nobody may change it.
    In a session that keeps no version, and while there is none, all is found anew.
    """
    answers = _Answers()

    @wraps(find)
    def find_or_keep(*args: P.args, **kwargs: P.kwargs) -> T:
        version = kept_version()
        if version is None:
            return find(*args, **kwargs)
        key = (version, args, tuple(sorted(kwargs.items())))
        if found := answers.get(key):
            answer: T = found[0]
            return answer
        answer = find(*args, **kwargs)
        if is_version(version):
            answers.put(key, answer)
        return answer

    return find_or_keep
