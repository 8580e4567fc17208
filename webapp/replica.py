"""Let requests read from a replica of PostgreSQL, as long as it has what they must see."""

import logging
import time
from collections import deque
from threading import Lock
from typing import cast

from flask import Flask, Response, current_app, g, request
from flask_login import current_user
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from .auth import SAFE_METHODS, signed_in
from .config import Settings
from .database import first_line_of
from .extensions import db
from .metrics import metrics_of
from .queries.replication import find_flushed, find_inserted, find_replayed, note_write
from .routing import REPLICA, RoutedSession

READING_METHODS = ("GET", "HEAD")
# Health checks and metrics tell of the primary.
READING_BLUEPRINTS = ("pages", "api")
# A replica that cannot be used is looked at again after so long.
RETRY_S = 5.0
# How often a worker asks the primary how far it is.
SAMPLE_EVERY_S = 1.0
# How often who waits for a replica looks at it.
LOOK_EVERY_S = 0.02
NO_REPLICA = "it takes writes itself, so it is no replica"
_EXTENSION = "stepboard-replica"
_logger = logging.getLogger("webapp.replica")


class ReplicaError(RuntimeError):
    """Raised for a replica that cannot be used; the message says why."""


class Replica:
    """What one worker knows of the replica: how far the primary was when, and what is wrong.

    How far behind it is, is not asked of the replica: cut off from the primary, it would not know.
    """

    def __init__(self, most_behind_s: float) -> None:
        """Take how far behind it may be, in seconds."""
        self._most_behind_s = most_behind_s
        self._positions: deque[tuple[float, int]] = deque()
        self._passed_by_until = 0.0
        self._fault = ""
        self._lock = Lock()

    def is_usable(self, written_to: int) -> bool:
        """Tell whether the session at hand may read from it; it must have this position.

        It keeps the connection on which the replica was asked, so that what was told holds.
        """
        if time.monotonic() < self._passed_by_until:
            return False
        try:
            replayed = _ask_replica()
        except ReplicaError as error:
            self._pass_by(str(error))
            return False
        return self._is_near(replayed) and _has(replayed, written_to)

    def _is_near(self, replayed: int) -> bool:
        """Tell whether it has all that the primary had a while ago; one too far is passed by."""
        now = time.monotonic()
        known = self._sample(now)
        begin = now - self._most_behind_s
        if any(at >= begin and position <= replayed for at, position in known):
            self._note_well()
            return True
        if any(at < begin and position > replayed for at, position in known):
            self._pass_by(f"it is more than {self._most_behind_s:.0f} s behind")
        # Else nobody knows: this worker had nothing to do for a while.
        return False

    def _sample(self, now: float) -> list[tuple[float, int]]:
        """Return when the primary was how far, as far as it matters now."""
        known = self._positions
        if not known or known[-1][0] <= now - SAMPLE_EVERY_S:
            # The time is that before the question: all that was committed by then is in it.
            position = find_flushed(db.session.connection())
            with self._lock:
                known.append((now, position))
        with self._lock:
            # One from before what matters is kept: who lacks that is too far behind.
            while len(known) > 1 and known[1][0] < now - self._most_behind_s:
                known.popleft()
            return list(known)

    def _pass_by(self, why: str) -> None:
        self._passed_by_until = time.monotonic() + RETRY_S
        if why != self._fault:
            self._fault = why
            _logger.warning("the replica is passed by, reads go to the primary: %s", why)

    def _note_well(self) -> None:
        if self._fault:
            self._fault = ""
            _logger.warning("the replica is read from again")


def init_replica(app: Flask, settings: Settings) -> None:
    """Choose for each request what it reads from, where a replica is set."""
    if not settings.replica_url:
        return
    app.extensions[_EXTENSION] = Replica(settings.replica_most_behind_s)
    app.before_request(_choose)
    app.after_request(_note_write)


def wait_for_replica(most_s: float) -> float:
    """Wait until the replica has all that the primary has now; return how long that took.

    Raises ReplicaError when it has not within `most_s` seconds, or cannot be asked.
    """
    began = time.monotonic()
    with db.engine.connect() as connection:
        needed = find_flushed(connection)
    while (behind := needed - _find_replayed()) > 0:
        if time.monotonic() - began > most_s:
            raise ReplicaError(f"it lacks {behind:,} bytes of changes, after {most_s:.0f} s still")
        time.sleep(LOOK_EVERY_S)
    return time.monotonic() - began


def _find_replayed() -> int:
    """Return how far the replica is, asked outside of any session."""
    try:
        with db.engines[REPLICA].connect() as connection:
            return _replayed_by(connection)
    except (DBAPIError, PoolTimeout) as error:
        raise ReplicaError(_reason_of(error)) from error


def _choose() -> None:
    """Let what reads only, of who is signed in, read from the replica if that will do."""
    if signed_in(may_ask=False) is None:
        return
    # After a write it would have to be read anew.
    g.reader_id = current_user.id
    if request.method in READING_METHODS and request.blueprint in READING_BLUEPRINTS:
        replica = cast(Replica, current_app.extensions[_EXTENSION])
        session = cast(RoutedSession, db.session())
        session.reads_replica = replica.is_usable(current_user.written_to or 0)
        metrics_of(current_app).count_choice(session.reads_replica)


def _note_write(response: Response) -> Response:
    """Note how far a user has written; failing that, say so, as the write itself is done."""
    if "reader_id" in g and request.method not in SAFE_METHODS:
        try:
            with db.engine.begin() as connection:
                note_write(connection, g.reader_id)
        except (DBAPIError, PoolTimeout) as error:
            _logger.warning("a write was not noted for the replica: %s", _reason_of(error))
    return response


def _ask_replica() -> int:
    try:
        return _replayed_by(db.session.connection({"bind": db.engines[REPLICA]}))
    except (DBAPIError, PoolTimeout) as error:
        raise ReplicaError(_reason_of(error)) from error


def _replayed_by(connection: Connection) -> int:
    replayed = find_replayed(connection)
    if replayed is None:
        raise ReplicaError(NO_REPLICA)
    return replayed


def _has(replayed: int, written_to: int) -> bool:
    """Tell whether a replica has a position, or that is of another cluster, from before a move."""
    return replayed >= written_to or find_inserted(db.session.connection()) < written_to


def _reason_of(error: DBAPIError | PoolTimeout) -> str:
    return first_line_of(error) if isinstance(error, DBAPIError) else "no connection is free"
