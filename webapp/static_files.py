"""Serve static/: addresses that change with the content, each file compressed once."""

import gzip
import hashlib
from functools import cache, cached_property

import brotli
from flask import Flask, Response, abort, current_app, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from werkzeug.datastructures import Accept
from werkzeug.security import safe_join

from .config import PROJECT

FOLDER = PROJECT / "static"
PREFIX = "/static"
KEPT_S = 365 * 24 * 3600
# By the end of their names; not by the tables of the system, which differ. All are texts.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}


class StaticFile:
    """One file as it is sent; read once, and compressed when somebody first asks for that."""

    def __init__(self, content: bytes, content_type: str) -> None:
        """Keep the content and tell it apart from any other."""
        self.content = content
        self.content_type = content_type
        self.digest = hashlib.sha256(content).hexdigest()[:12]

    @cached_property
    def br(self) -> bytes:
        """Return the content as the encoding `br`."""
        return bytes(brotli.compress(self.content, mode=brotli.MODE_TEXT))

    @cached_property
    def gzip(self) -> bytes:
        """Return the content as the encoding `gzip`, the same each time."""
        return gzip.compress(self.content, compresslevel=9, mtime=0)

    def encoded(self, accepted: Accept) -> tuple[bytes, str]:
        """Return what to send, and the name of its encoding: blank for the file as it is."""
        encoding = _choose_encoding(accepted) if self.content_type in TYPES.values() else ""
        body: bytes = getattr(self, encoding) if encoding else self.content
        return (body, encoding) if len(body) < len(self.content) else (self.content, "")


class _Sessions(SecureCookieSessionInterface):
    """Flask's sessions, which no static file depends on.

    Flask-Login looks into the session after every request; said to vary by it, each file would be
    fetched again after a login.
    """

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if request.endpoint != "static":
            super().save_session(app, session, response)

    def get_cookie_path(self, app: Flask) -> str:
        """Return the prefix: what else is served by the same host need not see the cookie."""
        return request.script_root or super().get_cookie_path(app)


def init_static_files(app: Flask) -> None:
    """Add the route of static files."""
    app.session_interface = _Sessions()
    app.add_url_rule(f"{PREFIX}/<path:filename>", "static", send_static)


def static_url(filename: str) -> str:
    """Return the address of a static file, which changes with its content."""
    file = find_file(filename)
    version = f"?v={file.digest}" if file else ""
    return f"{request.script_root}{PREFIX}/{filename}{version}"


def send_static(filename: str) -> Response:
    """Send a static file, to be kept for good if the address has its version."""
    file = find_file(filename)
    if file is None:
        abort(404)
    body, encoding = file.encoded(request.accept_encodings)
    response = Response(body, content_type=file.content_type)
    response.set_etag(f"{file.digest}-{encoding}" if encoding else file.digest)
    response.vary.add("Accept-Encoding")
    if encoding:
        response.content_encoding = encoding
    if request.args.get("v") == file.digest:
        response.headers["Cache-Control"] = f"public, max-age={KEPT_S}, immutable"
    else:
        response.headers["Cache-Control"] = "no-cache"
    complete_length = len(body) if _wants_one_range() else None
    response.make_conditional(request, accept_ranges=True, complete_length=complete_length)
    return response


def find_file(filename: str) -> StaticFile | None:
    """Return a file of static/; it is looked at again only where the server is debugged."""
    path = safe_join(str(FOLDER), filename)
    if path is None:
        return None
    try:
        return _read(path, _changed_at(path) if current_app.debug else 0)
    except (OSError, ValueError):  # None there, a folder, or a name that no file can have.
        return None


def _changed_at(path: str) -> int:
    return (FOLDER / path).stat().st_mtime_ns


@cache
def _read(path: str, _changed_at: int) -> StaticFile:
    file = FOLDER / path
    return StaticFile(file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream"))


def _choose_encoding(accepted: Accept) -> str:
    """Return the encoding that the browser likes best; of equals, the one that is smallest."""
    best = max(("br", "gzip", "identity"), key=lambda name: accepted[name])
    return "" if best == "identity" or not accepted[best] else best


def _wants_one_range() -> bool:
    # Of a HEAD, of several ranges at once and of one that makes no sense, the header counts for
    # nothing, and what is not modified is not sent in parts either.
    wanted = request.range
    return (
        request.method == "GET"
        and "If-None-Match" not in request.headers
        and wanted is not None
        and wanted.units == "bytes"
        and len(wanted.ranges) == 1
    )
