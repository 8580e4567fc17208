"""Send the headers that keep what a step printed from being run, and others from framing us."""

from typing import TypeVar

from flask import Flask, Response, request
from flask_cors import CORS
from werkzeug.wrappers import Response as AnyResponse

from .config import Settings

W = TypeVar("W", bound=AnyResponse)
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
# Sent over TLS alone: for a year, this host is asked by TLS.
HSTS = "max-age=31536000"
# What a script of another origin may send and see, where its origin is allowed at all.
CORS_OPTIONS = {
    "methods": ["GET", "POST"],
    "allow_headers": ["Authorization", "Content-Type", "x-osm-api-key"],
    "expose_headers": ["Link", "ETag", "Retry-After", "X-Request-ID"],
    "max_age": 600,
}


def init_headers(app: Flask, settings: Settings) -> None:
    """Add the security headers to every response, and those of CORS where origins are allowed.

    Another origin sends a token: no cookie is ever accepted from one.
    """
    app.after_request(_add_headers)
    if settings.cors_origins:
        CORS(app, resources={r"/osm/api/.*": {"origins": settings.cors_origins, **CORS_OPTIONS}})


def _add_headers(response: Response) -> Response:
    return add_headers(response, request.is_secure)


def add_headers(response: W, is_secure: bool) -> W:
    """Give a response the headers that it does not have yet, and return it."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if "Access-Control-Allow-Origin" not in response.headers:
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if is_secure:
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    if not response.cache_control.max_age:
        response.headers.setdefault("Cache-Control", "no-store")
    return response
