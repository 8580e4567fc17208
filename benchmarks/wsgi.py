"""The application that is measured, with an empty route of its own and an empty application."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

from webapp import create_app
from webapp.serving import settle_memory

EMPTY, BARE = "/benchmark-empty", "/benchmark-bare"


def make_measured_app() -> Flask:
    """Make it: EMPTY goes through all that every request goes through, BARE through Flask alone."""
    app = create_app()
    app.add_url_rule(EMPTY, "benchmark_empty", _answer_nothing)
    bare = Flask("bare")
    bare.add_url_rule(BARE, "bare", _answer_nothing)
    whole = app.wsgi_app

    def choose(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return bare(environ, start) if environ["PATH_INFO"] == BARE else whole(environ, start)

    settle_memory()
    app.wsgi_app = choose  # type: ignore[method-assign]
    return app


def _answer_nothing() -> str:
    return ""
