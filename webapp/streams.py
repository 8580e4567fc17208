"""Send an answer piece by piece, and hold what it needs no longer than its reader is worth.

A server's thread waits in the middle of an answer for as long as its reader takes nothing. What the
answer holds, a place and a connection in its transaction, is given back without it.
"""

import threading
import time
from collections.abc import Callable, Iterator

# A reader has so long, and beyond that a second for each so many bytes that it has taken.
GRACE_S = 30.0
LEAST_BYTES_PER_S = 256 * 1024
# None has longer: as long as it reads, no log of the database can be cut.
MOST_S = 600.0
PIECE_BYTES = 256 * 1024


class StreamCutError(RuntimeError):
    """Raised where an answer is broken off, because it is taken too slowly."""


class Stream(Iterator[bytes]):
    """Send what an iterator makes; free what it holds at its end, whoever ends it."""

    def __init__(
        self, pieces: Iterator[bytes], free: Callable[[], None], grace_s: float = GRACE_S
    ) -> None:
        """Send these pieces; `free` is called once."""
        self._pieces, self._free = pieces, free
        self._grace_s, self._began, self._sent = grace_s, time.monotonic(), 0
        self._lock = threading.Lock()
        self._is_over = self._is_cut = False
        try:
            self._watch(grace_s)
        except BaseException:
            free()
            raise

    def __next__(self) -> bytes:
        """Return the next piece; raise StreamCutError when the reader has been too slow."""
        with self._lock:
            if self._is_cut:
                raise StreamCutError("an answer was broken off: it was taken too slowly")
            try:
                piece = next(self._pieces)
            except BaseException:
                self._end()
                raise
            self._sent += len(piece)
            return piece

    def close(self) -> None:
        """End here, whatever is left to send."""
        with self._lock:
            self._end()

    def _watch(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._look)
        self._timer.daemon = True
        self._timer.start()

    def _look(self) -> None:
        """Break off when time is up; look again when it will be otherwise."""
        with self._lock:
            if self._is_over:
                return
            allowed_s = min(self._grace_s + self._sent / LEAST_BYTES_PER_S, MOST_S)
            left_s = self._began + allowed_s - time.monotonic()
            if left_s > 0:
                self._watch(left_s)
                return
            self._is_cut = True
            self._end()

    def _end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._timer.cancel()
        try:
            close = getattr(self._pieces, "close", None)
            if close:
                close()
        finally:
            self._free()


def cut(body: bytes) -> Iterator[bytes]:
    """Return bytes in pieces that are not large: a server keeps some of them to send."""
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]
