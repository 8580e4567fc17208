"""Decide on the cookie of sessions: its name, its path, and that TLS alone carries it."""

import hashlib

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin

NAME = "stepboard"


def init_cookies(app: Flask) -> None:
    """Keep the sessions of browsers in a cookie of ours."""
    app.session_interface = _Sessions()


class _Sessions(SecureCookieSessionInterface):
    """Flask's signed cookie, as strict as the connection allows.

    No static file depends on it: Flask-Login looks into the session after every request; said to
    vary by it, each file would be fetched again after a login.
    """

    # Flask's own is SHA-1.
    digest_method = staticmethod(hashlib.sha256)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if request.endpoint != "static":
            super().save_session(app, session, response)

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_path(self, app: Flask) -> str:
        return request.script_root or "/"

    def get_cookie_name(self, app: Flask) -> str:
        # Browsers take names that begin so only over TLS, and from this very host.
        if not request.is_secure:
            return NAME
        return f"__Secure-{NAME}" if request.script_root else f"__Host-{NAME}"
