"""Read what every page asks of the history: its version, and how much is running."""

from functools import cache
from typing import NamedTuple, cast

from sqlalchemy import ScalarSelect, Select, bindparam, func, select

from ..columns import UtcDateTime, utc_now
from ..extensions import db
from ..models import VERSION_COUNTER, Counter, Run, RunStatus
from ..periods import DAY
from ..routing import RoutedSession
from .plain import fetch_again

_STATE, _VERSION, _SEEN = "state of the history", "version of the history", "version seen"


class State(NamedTuple):
    """The version of the history, None while nothing was written by it, and what is running.

    `running` is how many runs say that they are, `silent` how many of those have been silent for a
    day.
    """

    version: int | None
    running: int
    silent: int


def keep_state() -> None:
    """Let the session at hand keep the state that it sees first, and what is found by it.

    Only where a session lasts for one answer: later it would tell of what was.
    """
    db.session.info[_STATE] = None


def keep_version() -> None:
    """Let the session at hand keep the version alone, which costs no look at the runs."""
    session = cast(RoutedSession, db.session())
    seen = session.info.pop(_SEEN, None)
    # That of the primary is not that of what a replica has.
    session.info[_VERSION] = None if session.reads_replica else seen


def note_version(version: int | None) -> None:
    """Take the version that the session saw by the way, as its first."""
    db.session.info[_SEEN] = version


def version_seen() -> ScalarSelect[int | None]:
    """Return what a statement selects to see the version by the way."""
    return _version().scalar_subquery()


def forget_state() -> None:
    """Have the session at hand read again what it keeps, as it goes on at another moment."""
    for name in (_STATE, _VERSION):
        if name in db.session.info:
            db.session.info[name] = None


def find_state() -> State:
    """Return the state of the history, in one statement."""
    state: State | None = db.session.info.get(_STATE)
    if state is None:
        state = State(*fetch_again(_state(), {"silent_since": utc_now() - DAY}).one())
        if _STATE in db.session.info:
            db.session.info[_STATE] = state
    return state


def find_version() -> int | None:
    """Return the version, another one after each change; None while nothing was written by it."""
    version: int | None = db.session.info.get(_VERSION)
    if version is None:
        version = fetch_again(_version()).scalar_one_or_none()
        if _VERSION in db.session.info:
            db.session.info[_VERSION] = version
    return version


def kept_version() -> int | None:
    """Return the version under which the session may keep what it finds; None: it may not."""
    info = db.session().info
    if _STATE in info:
        return find_state().version
    if _VERSION not in info:
        return None
    version: int | None = info[_VERSION]
    return find_version() if version is None else version


def is_version(version: int) -> bool:
    """Tell whether the history still has this version; SQLite's session sees one moment anyway."""
    if db.engine.dialect.name == "sqlite":
        return True
    return fetch_again(_version()).scalar_one_or_none() == version


# To build such a statement takes longer than to run it.
@cache
def _version() -> Select[tuple[int]]:
    return select(Counter.value).where(Counter.name == VERSION_COUNTER)


@cache
def _state() -> Select[tuple[int | None, int, int]]:
    is_silent = Run.updated_at <= bindparam("silent_since", type_=UtcDateTime)
    return select(version_seen(), func.count(), func.count().filter(is_silent)).where(
        Run.status == RunStatus.RUNNING
    )
