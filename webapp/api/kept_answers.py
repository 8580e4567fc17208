"""Keep small answers under their ETags: scripts ask for the same page again and again.

An ETag stands for one version of the history and one address, so that what is kept is never old.
"""

from flask import Response

from ..latest import Latest

# In bytes, of one process.
MOST_OF_ALL = 2 * 1024 * 1024
MOST_OF_ONE = 64 * 1024
# What an answer takes beside its texts: the objects that hold them, and their places.
OVERHEAD = 2_048

Kept = tuple[bytes, list[tuple[str, str]]]


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


_answers: Latest[Kept] = Latest(MOST_OF_ALL, _size_of)
