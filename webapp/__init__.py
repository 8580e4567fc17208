"""Stepboard: the step history of workflow runs, in the browser and by script."""

from datetime import timedelta
from typing import Any

from flask import Flask

from . import (
    api,
    auth,
    cli,
    cookies,
    database,
    errors,
    limits,
    logs,
    measuring,
    metrics,
    pages,
    places,
    rendering,
    replica,
    request_ids,
    security,
    serving,
    static_files,
)
from .config import COMPRESSION, PROJECT, Settings
from .extensions import compress, csrf, db, htmx, login_manager, migrate
from .throttling import limiter


def create_app(settings: Settings | None = None, **overrides: Any) -> Flask:
    """Make the application from its settings, by default those of the environment.

    `overrides` are Flask configuration values, for tests. Raises ConfigError for a bad setting.
    """
    settings = settings or Settings.from_environ()
    app = Flask(
        __name__,
        instance_path=str(settings.instance),
        template_folder=str(PROJECT / "templates"),
        static_folder=None,
    )
    app.config.update(_config_of(settings))
    app.config.update(overrides)
    _init_extensions(app, settings)
    for blueprint in (pages.bp, api.bp, api.health.bp, api.metrics.bp, cli.bp):
        app.register_blueprint(blueprint)
    csrf.exempt(api.bp)
    serving.init_proxies(app, settings)
    return app


def _config_of(settings: Settings) -> dict[str, Any]:
    """Return what Flask and its extensions are told."""
    return dict(
        SETTINGS=settings,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=database.engine_options(settings),
        SQLALCHEMY_BINDS=database.bind_options(settings),
        PERMANENT_SESSION_LIFETIME=timedelta(days=settings.login_days),
        # Else every answer sets the cookie anew, those of static files, which are kept, too.
        SESSION_REFRESH_EACH_REQUEST=False,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,
        **COMPRESSION,
    )


def _init_extensions(app: Flask, settings: Settings) -> None:
    """Set all parts up; what they do with a request they do in this order."""
    db.init_app(app)
    # First, so that they see every request, and each answer as it is sent.
    request_ids.init_request_ids(app)
    measuring.init_measuring(app, settings)
    metrics.init_metrics(app)
    logs.init_logs(app, settings)
    places.init_places(app, settings)
    migrate.init_app(app, db, directory=str(PROJECT / "migrations"))
    htmx.init_app(app)
    # Templates get `current_user` from rendering.py, which does not load it before it is asked for.
    login_manager.init_app(app, add_context_processor=False)
    csrf.init_app(app)
    limiter.init_app(app)
    database.init_engine(app, settings)
    limits.init_limits(app)
    cookies.init_cookies(app)
    auth.init_auth(app)
    replica.init_replica(app, settings)
    compress.init_app(app)
    security.init_headers(app, settings)
    errors.init_errors(app)
    rendering.init_rendering(app)
    static_files.init_static_files(app)
