"""Tell how long runs of a workflow usually take."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from sqlalchemy import BindParameter, Select, select

from ..models import Run, RunStatus
from .kept import kept
from .latest import find_latest_of_each

# Of so many runs that ended well, the latest; fewer will do.
LATEST = 20


class Usual(NamedTuple):
    """The median duration in milliseconds, and of how many runs it is."""

    ms: int
    n: int


def find_usual_durations(workflow_names: Iterable[str]) -> dict[str, Usual]:
    """Return the usual duration of each workflow that has ever completed; one statement for 200."""
    return _find_usual(tuple(sorted(set(workflow_names))))


@kept
def _find_usual(workflow_names: tuple[str, ...]) -> dict[str, Usual]:
    durations: dict[str, list[int]] = defaultdict(list)
    for name, ms in find_latest_of_each(_latest, workflow_names):
        durations[name].append(ms)
    return {name: Usual(round(median(found)), len(found)) for name, found in durations.items()}


def _latest(workflow_name: BindParameter[str]) -> Select[tuple[int | None]]:
    return (
        select(Run.duration_ms)
        .where(
            Run.workflow_name == workflow_name,
            Run.status == RunStatus.COMPLETED,
            Run.duration_ms.is_not(None),
        )
        .order_by(Run.id.desc())
        .limit(LATEST)
    )
