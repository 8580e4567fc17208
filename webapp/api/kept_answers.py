"""Keep small answers under their ETags: scripts ask for the same page again and again.

An ETag stands for one version of the history and one address, so that what is kept is never old.
"""

from collections import OrderedDict
from threading import Lock

from flask import Response

# In bytes, of one process.
MOST_OF_ALL = 2 * 1024 * 1024
MOST_OF_ONE = 64 * 1024
# What an answer takes beside its texts: the objects that hold them, and their places.
OVERHEAD = 2_048

Kept = tuple[bytes, list[tuple[str, str]]]


class _Answers:
    """The bodies and headers of the answers that were asked for last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._n_bytes = 0
        self._lock = Lock()

    def get(self, etag: str) -> Kept | None:
        with self._lock:
            kept = self._kept.get(etag)
            if kept:
                self._kept.move_to_end(etag)
            return kept

    def put(self, etag: str, answer: Kept) -> None:
        with self._lock:
            self._n_bytes += _size_of(answer)
            if replaced := self._kept.pop(etag, None):
                self._n_bytes -= _size_of(replaced)
            self._kept[etag] = answer
            while self._n_bytes > MOST_OF_ALL:
                self._n_bytes -= _size_of(self._kept.popitem(last=False)[1])


_answers = _Answers()


def recall(etag: str) -> Response | None:
    """Return the answer that was kept under an ETag; None where none is."""
    kept = _answers.get(etag)
    return Response(kept[0], headers=kept[1]) if kept else None


def keep(etag: str, response: Response) -> None:
    """Keep an answer under its ETag, if it is whole and small."""
    is_whole = response.status_code == 200 and not response.is_streamed
    if is_whole and (response.content_length or 0) <= MOST_OF_ONE:
        _answers.put(etag, (response.get_data(), response.headers.to_wsgi_list()))


def _size_of(answer: Kept) -> int:
    body, headers = answer
    return OVERHEAD + len(body) + sum(len(name) + len(value) for name, value in headers)
