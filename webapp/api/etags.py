"""Tell who asks again that nothing has changed, without a look at the rows.

An answer depends on the version of the history, on its address, and on this version of Stepboard;
on nothing else, or it must have no ETag.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from flask import Response, current_app, request

from ..config import VERSION
from ..queries.state import find_version, is_version


class ETag(NamedTuple):
    """The ETag of an answer, and the version of the history that it stands for."""

    text: str
    version: int


def find_etag() -> ETag | None:
    """Return the ETag of the answer to the request at hand; None while there is no version."""
    version = find_version()
    if version is None:
        return None
    path = f"{request.script_root}{request.path}"
    # With its length, as a path can hold what parts it from the query.
    asked = f"{VERSION} {version} {len(path)} {path}?"
    key = _key_of(str(current_app.secret_key))
    digest = blake2b(asked.encode() + request.query_string, digest_size=16, key=key)
    return ETag(digest.hexdigest(), version)


# Keyed as cursors are: with another key those in an answer are worthless.
@lru_cache(1)
def _key_of(secret: str) -> bytes:
    return blake2b(secret.encode()).digest()


def is_known(etag: ETag) -> bool:
    """Tell whether the asker has the answer of this ETag already."""
    if "If-None-Match" not in request.headers:
        return False
    return request.if_none_match.contains_weak(etag.text) and not request.if_none_match.star_tag


def is_still(etag: ETag) -> bool:
    """Tell whether an answer, made by now, is surely of the version that its ETag stands for.

    PostgreSQL shows each statement what is there by then, and a large answer is of a later moment.
    """
    return find_version() == etag.version and is_version(etag.version)


def answer_not_modified(etag: ETag) -> Response:
    """Answer 304, without a body."""
    response = Response(status=304)
    del response.headers["Content-Type"]
    return mark(response, etag)


def mark(response: Response, etag: ETag) -> Response:
    """Say by which ETag the answer is asked for again, and that it must be."""
    # Weak: compressed it is the same answer.
    response.set_etag(etag.text, weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    return response
