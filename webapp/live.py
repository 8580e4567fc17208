"""Tell whether a run still moves, and name the state of it that a page has shown; pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zlib import crc32

from .columns import utc_now
from .formats import last_sign
from .models import OPEN_STATUSES, Run, RunStatus, StepStatus
from .periods import DAY


def is_live(run: Run) -> bool:
    """Tell whether a page of a run is to follow it: it goes on, with a sign of life in a day."""
    return run.status in OPEN_STATUSES and utc_now() - run.updated_at < DAY


def last_known(run: Run) -> datetime:
    """Return the time up to which a run is known: now while it runs, else its end."""
    if run.status == RunStatus.RUNNING and not last_sign(run):
        return utc_now()
    return run.completed_at or run.updated_at


def version_of(run: Run, steps: Iterable[Any]) -> str:
    """Name what is shown of a run: a change of it, or of a running one of these steps, is another.

    That any step has another status shows in the run's own counts.
    """
    counts = [getattr(run, f"steps_{status}") for status in StepStatus]
    running = [(one.id, one.output_bytes) for one in steps if one.status == StepStatus.RUNNING]
    shown = (run.status, run.updated_at, run.error, run.total_steps, counts, running)
    return f"{crc32(repr(shown).encode()):08x}"
