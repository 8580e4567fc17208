"""Limit how much a request may bring, and refuse what is no text."""

from urllib.parse import unquote_to_bytes

from flask import Flask, request
from werkzeug.exceptions import BadRequest, RequestURITooLarge

from .errors import wants_json

MAX_BODY_BYTES = 1024 * 1024
# 500 run numbers or 300 names fit; what a browser or a proxy lets through is often less.
MAX_QUERY_BYTES = 32 * 1024


def init_limits(app: Flask) -> None:
    """Look at every request before anything else does."""
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.before_request(_refuse_odd_query)


def _refuse_odd_query() -> None:
    """Refuse a query string that is too long; in the API also one that is not UTF-8.

    Flask would take the bytes for the text `%FF`; a page says what it looked for, a script must be
    told.
    """
    query = request.query_string
    if len(query) > MAX_QUERY_BYTES:
        raise RequestURITooLarge(
            f"The query string has {len(query):,} bytes; at most {MAX_QUERY_BYTES:,} are allowed."
        )
    if wants_json() and not _is_utf8(query):
        raise BadRequest("The query string is not UTF-8, after decoding its % signs.")


def _is_utf8(query: bytes) -> bool:
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        return False
    return True
