"""Keep what was asked for last, as far as there is room for it."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Values by their keys; those not asked for the longest go first. For all threads."""

    def __init__(self, most: int, size_of: Callable[[T], int]) -> None:
        """Keep values whose sizes are no more than `most` together."""
        self.most = most
        self._size_of = size_of
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> T | None:
        """Return the value of a key; None where none is kept."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: Hashable, value: T) -> None:
        """Keep a value, and let others go until there is room."""
        with self._lock:
            self._drop(self._values.pop(key, None))
            self._values[key] = value
            self._size += self._size_of(value)
            while self._size > self.most:
                self._drop(self._values.popitem(last=False)[1])

    def _drop(self, value: T | None) -> None:
        if value is not None:
            self._size -= self._size_of(value)
