"""Give each request one of a few places to work in, and keep slow clients out of them.

A server may have many threads, most of them waiting for what a slow client sends or takes. Only
so many work at a time: as many as the machine and the database's connections are good for.
"""

import threading
import time
from collections.abc import Callable
from io import BytesIO

from flask import Flask, current_app, g, request
from werkzeug.exceptions import RequestTimeout, ServiceUnavailable

from .config import Settings

# More at a time only take the interpreter from each other.
MOST_PLACES = 8
# So many bodies are waited for at once; nobody who only reads waits for them.
MOST_WAITED_FOR = 32
BODY_S = 10.0
# A read lasts until all of it is there: of a byte a second, no longer than this beyond the time.
READ_BYTES = 4
RETRY_S = 5
# What is sent piece by piece waits so long for one of the places that are free for it.
STREAM_WAIT_S = 2.0
# They ask no database, and whoever asks whether the server lives must not wait for a place.
PLACELESS = frozenset({"static", "health.show_health"})
_EXTENSION = "stepboard-places"


class _Places:
    """So many may work at a time; a quarter of them for as long as their readers take.

    Where there is only one, what is sent piece by piece gives it back and holds none.

    What is sent piece by piece needs some 25 MB of memory where outputs are large.
    """

    def __init__(self, n: int) -> None:
        self.all = threading.BoundedSemaphore(n)
        self.of_streams = threading.BoundedSemaphore(max(1, n // 4))
        self.is_one = n == 1


def init_places(app: Flask, settings: Settings) -> None:
    """Have every request wait for its body, then for a place, and free that when it is done."""
    # One request may hold two connections: its session's, and one that writes on the way.
    kept = _Places(max(1, min(MOST_PLACES, settings.pool_size // 2)))
    app.extensions[_EXTENSION] = kept
    places = kept.all
    waited_for = threading.BoundedSemaphore(MOST_WAITED_FOR)

    def take_place() -> None:
        if _has_body():
            if not waited_for.acquire(blocking=False):
                raise ServiceUnavailable("Too many requests are being sent.", retry_after=RETRY_S)
            try:
                _read_body()
            finally:
                waited_for.release()
        if request.endpoint not in PLACELESS:
            places.acquire()
            g.has_place = True

    def free_place(_: BaseException | None) -> None:
        if g.pop("has_place", False):
            places.release()

    app.before_request(take_place)
    app.teardown_request(free_place)


def keep_place() -> Callable[[], None]:
    """Let the place of the request at hand outlast it, for what is sent piece by piece.

    Return what frees it. Raises ServiceUnavailable while others have all that are for this.
    """
    places: _Places = current_app.extensions[_EXTENSION]
    if not places.of_streams.acquire(timeout=STREAM_WAIT_S):
        raise ServiceUnavailable("Too many large pages are being sent.", retry_after=RETRY_S)
    has_place = not places.is_one and g.pop("has_place", False)

    def free() -> None:
        places.of_streams.release()
        if has_place:
            places.all.release()

    return free


def _has_body() -> bool:
    is_chunked = "Transfer-Encoding" in request.headers
    length = request.content_length or 0
    # One that is too long is refused unread.
    return is_chunked or 0 < length <= (request.max_content_length or length)


def _read_body() -> None:
    """Read the body in time, and put it where the request looks for it."""
    end = time.monotonic() + BODY_S
    stream, most = request.stream, request.max_content_length or 0
    pieces: list[bytes] = []
    size = 0
    while piece := stream.read(READ_BYTES):
        pieces.append(piece)
        size += len(piece)
        if time.monotonic() > end:
            raise RequestTimeout(f"The body of a request must come within {BODY_S:.0f} s.")
        if most and size > most:
            break
    request.stream = BytesIO(b"".join(pieces))
