"""A database that the tests of a module share, as they only read it: whoever writes to it fails."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, event, text

from webapp.extensions import db

from .fresh import TEMPLATE

REFUSING = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
}


def make_shared_database(request: pytest.FixtureRequest, folder: Path, name: str) -> str:
    """Return the URL of a database with the tables and admin; the parameter names the engine."""
    if request.param == "sqlite":
        path = folder / f"{name}.sqlite"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    parameters = request.getfixturevalue("postgresql_server")
    admin = create_engine(f"postgresql+psycopg:///postgres?{parameters}")
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    admin.dispose()
    return f"postgresql+psycopg:///{name}?{parameters}"


def refuse_writes(app: Flask) -> None:
    """Let the database refuse whatever the application writes from now on."""
    with app.app_context():
        engine = db.engine
    engine.dispose()

    @event.listens_for(engine, "connect")
    def refuse(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(REFUSING[engine.dialect.name])
        cursor.close()
        connection.commit()
