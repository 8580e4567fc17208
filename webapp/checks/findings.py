"""Say what a check found."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy.exc import DBAPIError

from ..database import first_line_of
from ..extensions import db


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    TO_DO = "to do"
    SKIPPED = "skipped"


class Problem(Exception):
    """Raised by a check for what needs doing; the message says what is wrong and what to do."""


class Skipped(Exception):
    """Raised by a check that cannot be made, or would take too long; the message says why."""


class Finding(NamedTuple):
    """What one check found."""

    subject: str
    state: State
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return the finding for scripts."""
        return {"subject": self.subject, "state": self.state, "message": self.message}


# A check returns what is well, in one line.
Check = Callable[[], str]


def make_check(subject: str, check: Check) -> Finding:
    """Return what a check found; whatever it raises is a finding too."""
    try:
        return Finding(subject, State.OK, check())
    except Problem as problem:
        return Finding(subject, State.TO_DO, str(problem))
    except Skipped as reason:
        return Finding(subject, State.SKIPPED, str(reason))
    except DBAPIError as error:
        return Finding(subject, State.TO_DO, f"The database says: {first_line_of(error)}.")
    # The others are looked at all the same, so this one must not end them.
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        return Finding(subject, State.TO_DO, f"The check failed: {type(error).__name__}: {said}")
    finally:
        db.session.rollback()


def skip_all(subjects: Iterable[str], why: str) -> Iterator[Finding]:
    """Yield for each subject that it was not looked at."""
    for subject in subjects:
        yield Finding(subject, State.SKIPPED, why)
