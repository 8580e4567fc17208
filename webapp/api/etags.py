"""Tell who asks again that nothing has changed, without a look at the rows.

An answer depends on the version of the history, on its address, and on this version of Stepboard;
on nothing else, or it must have no ETag.
"""

from hashlib import blake2b

from flask import Response, current_app, request

from ..config import VERSION
from ..queries.state import find_version, is_version


def find_etag() -> str | None:
    """Return the ETag of the answer to the request at hand; None while there is no version."""
    version = find_version()
    if version is None:
        return None
    path = f"{request.script_root}{request.path}"
    # With its length, as a path can hold what parts it from the query.
    asked = f"{VERSION} {version} {len(path)} {path}?"
    # Keyed as cursors are: with another key those in an answer are worthless.
    key = blake2b(str(current_app.secret_key).encode()).digest()
    digest = blake2b(asked.encode() + request.query_string, digest_size=16, key=key)
    return digest.hexdigest()


def is_known(etag: str) -> bool:
    """Tell whether the asker has the answer of this ETag already."""
    return request.if_none_match.contains_weak(etag) and not request.if_none_match.star_tag


def is_still(etag: str) -> bool:
    """Tell whether an answer, made by now, is surely of the version that its ETag stands for.

    PostgreSQL shows each statement what is there by then, and a large answer is of a later moment.
    """
    version = find_version()
    return version is not None and is_version(version) and find_etag() == etag


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
