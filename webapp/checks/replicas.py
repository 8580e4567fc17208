"""Check the replica that requests read from."""

from flask import current_app
from sqlalchemy import make_url

from ..config import Settings
from ..extensions import db
from ..queries.replication import find_cluster
from ..replica import ReplicaError, wait_for_replica
from ..routing import REPLICA
from .findings import Problem

PASSED_BY = "Reads go to the primary meanwhile."


def has_replica() -> bool:
    """Tell whether a replica is set."""
    return bool(_settings().replica_url)


def check_replica() -> str:
    """Say how far behind the replica is: how long it takes to have what the primary has now."""
    shown = make_url(_settings().replica_url).render_as_string(hide_password=True)
    _check_cluster(shown)
    try:
        seconds = wait_for_replica(_settings().replica_most_behind_s)
    except ReplicaError as error:
        raise Problem(f"{shown} cannot be used, {error}. {PASSED_BY}") from error
    return f"{shown} is {seconds * 1000:.0f} ms behind"


def _check_cluster(shown: str) -> None:
    with db.engine.connect() as primary, db.engines[REPLICA].connect() as replica:
        if find_cluster(primary) != find_cluster(replica):
            raise Problem(f"{shown} is no copy of the primary: make it with pg_basebackup.")


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings
