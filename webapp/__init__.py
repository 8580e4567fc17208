"""Stepboard: the step history of workflow runs, in the browser and by script."""

from datetime import timedelta
from typing import Any

from flask import Flask

from . import api, auth, cli, database, errors, pages, rendering, security
from .config import PROJECT, Settings
from .extensions import csrf, db, htmx, login_manager, migrate


def create_app(settings: Settings | None = None, **overrides: Any) -> Flask:
    """Make the application from its settings, by default those of the environment.

    `overrides` are Flask configuration values, for tests. Raises ConfigError for a bad setting.
    """
    settings = settings or Settings.from_environ()
    app = Flask(
        __name__,
        instance_path=str(settings.instance),
        template_folder=str(PROJECT / "templates"),
        static_folder=str(PROJECT / "static"),
    )
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=database.engine_options(settings),
        PERMANENT_SESSION_LIFETIME=timedelta(days=settings.login_days),
        # Else every answer sets the cookie anew, those of static files, which are kept, too.
        SESSION_REFRESH_EACH_REQUEST=False,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=1024 * 1024,
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.config.update(overrides)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(PROJECT / "migrations"))
    htmx.init_app(app)
    login_manager.init_app(app)
    csrf.init_app(app)
    database.init_engine(app)
    auth.init_auth(app)
    security.init_headers(app)
    errors.init_errors(app)
    rendering.init_rendering(app)
    app.register_blueprint(pages.bp)
    app.register_blueprint(api.bp)
    app.register_blueprint(api.health.bp)
    app.register_blueprint(cli.bp)
    csrf.exempt(api.bp)
    return app
