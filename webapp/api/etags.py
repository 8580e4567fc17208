"""Tell who asks again that nothing has changed, without a look at the rows.

An answer depends on the version of the history, on its address, and on this version of Stepboard;
on nothing else, or it must have no ETag.
"""

from hashlib import blake2b

from flask import Response, current_app, request

from ..config import VERSION
from ..queries.state import find_version


def find_etag() -> str | None:
    """Return the ETag of the answer to the request at hand; None while there is no version."""
    version = find_version()
    if version is None:
        return None
    asked = f"{VERSION} {version} {request.script_root}{request.path}?"
    # Keyed as cursors are: with another key those in an answer are worthless.
    key = blake2b(str(current_app.secret_key).encode()).digest()
    digest = blake2b(asked.encode() + request.query_string, digest_size=16, key=key)
    return digest.hexdigest()


def is_known(etag: str) -> bool:
    """Tell whether the asker has the answer of this ETag already."""
    return request.if_none_match.contains_weak(etag) and not request.if_none_match.star_tag


def answer_not_modified(etag: str) -> Response:
    """Answer 304, without a body."""
    response = Response(status=304)
    del response.headers["Content-Type"]
    return mark(response, etag)


def mark(response: Response, etag: str) -> Response:
    """Say by which ETag the answer is asked for again, and that it must be."""
    # Weak: compressed it is the same answer.
    response.set_etag(etag, weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    return response
