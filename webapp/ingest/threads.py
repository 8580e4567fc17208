"""Do one thing in a thread beside one's own work, and wait for it before the next."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

T = TypeVar("T")


class Beside(Generic[T]):
    """One thing at a time that is done in a thread."""

    def __init__(self, name: str) -> None:
        """Name the thread."""
        self._name = name
        self._under_way: Future[T] | None = None

    def begin(self, work: Callable[[], T]) -> None:
        """Begin; what was begun before must have been waited for."""
        assert self._under_way is None
        executor = ThreadPoolExecutor(1, self._name)
        self._under_way = executor.submit(work)
        executor.shutdown(wait=False)

    def is_busy(self) -> bool:
        """Tell whether what was begun is still being done."""
        return self._under_way is not None and not self._under_way.done()

    def wait(self) -> T | None:
        """Wait until it is done, and return what came of it, or raise what went wrong.

        None where nothing is under way. Interrupted, it is under way still.
        """
        if self._under_way is None:
            return None
        wait([self._under_way])
        done, self._under_way = self._under_way, None
        return done.result()
