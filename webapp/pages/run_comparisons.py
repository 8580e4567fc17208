"""Compare a run with another one, to see why it was slower."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flask import render_template, request
from werkzeug.exceptions import NotFound

from ..comparison import (
    SAME,
    Pair,
    find_idle_times,
    pair_up,
    sort_by_difference,
    tell_difference,
)
from ..filters import ArgsReader, FilterError
from ..formats import count, duration, run_duration_ms
from ..models import Run
from ..queries.comparisons import (
    find_compared_steps,
    find_run_to_compare,
    find_runs_of_workflow,
    find_step_sums,
)
from ..queries.runs import get_run
from . import bp

# Of runs with more steps, those of one name are added up; no more rows than this are shown.
MAX_PAIRS = 400
OFFERED_RUNS = 20
TOLD_CAUSES = 3
# A cause is told when it makes so large a part of the difference.
LEAST_PART = 0.1
SORTS = ("place", "difference")


class TotalLine(NamedTuple):
    """One line of the totals, in words."""

    name: str
    here: str
    there: str
    difference: str = ""


class Cause(NamedTuple):
    """What makes a good part of the difference between two runs; a step, when it has an id."""

    ms: float
    name: str
    words: str
    step_id: int | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs side by side."""

    headline: str
    pairs: list[Pair]
    totals: list[TotalLine]
    causes: list[Cause]
    is_added_up: bool


@bp.get("/runs/<int:run_id>/compare")
def show_run_comparison(run_id: int) -> str:
    """Show the steps of a run beside those of another."""
    reader = ArgsReader(request.args, blank_is_absent=True)
    reader.refuse_unknown(("with", "sort"))
    sort = reader.choice("sort", SORTS, SORTS[0])
    run = get_run(str(run_id))
    other = _find_other(run, reader)
    return render_template(
        "runs/compare.html",
        run=run,
        other=other,
        comparison=_compare(run, other, sort) if other else None,
        offered=find_runs_of_workflow(run.workflow_name, OFFERED_RUNS),
        sort=sort,
        max_pairs=MAX_PAIRS,
        reader=reader,
    )


def _find_other(run: Run, reader: ArgsReader) -> Run | None:
    """Return the run to compare with: the one asked for, if it is there, or the one before."""
    asked = reader.integer("with", -1)
    if asked == run.id:
        reader.errors.append(FilterError("with", f"{asked} is this run itself; name another"))
    elif asked >= 0:
        try:
            return get_run(str(asked))
        except NotFound:
            reader.errors.append(FilterError("with", f"there is no run {asked}"))
    found = find_run_to_compare(run)
    return get_run(str(found)) if found is not None else None


def _compare(run: Run, other: Run, sort: str) -> Comparison:
    is_added_up = max(run.count_steps(), other.count_steps()) > MAX_PAIRS
    find = find_step_sums if is_added_up else find_compared_steps
    here, there = find(run.id, MAX_PAIRS), find(other.id, MAX_PAIRS)
    pairs = pair_up(here, there, max(_took(run), _took(other)))
    idle = () if is_added_up else tuple(_idle_times(run, here, other, there))
    return Comparison(
        _headline(run, other),
        sort_by_difference(pairs) if sort == "difference" else pairs,
        [*_totals(run, other), *(_total_time(f"nothing ran {one[0]}", *one[1:]) for one in idle)],
        _find_causes(_took(run) - _took(other), pairs, idle) if _has_verdict(run, other) else [],
        is_added_up,
    )


def _took(run: Run) -> float:
    return run_duration_ms(run) or 0


def _headline(run: Run, other: Run) -> str:
    """Return the answer in a sentence."""
    here, there = run_duration_ms(run), run_duration_ms(other)
    if here is None or there is None:
        return f"#{run.id} and #{other.id}"
    if not _has_verdict(run, other):
        return f"{_tell_time(run, here)}; {_tell_time(other, there)}"
    words = tell_difference(here, there, than=f" than #{other.id}")
    if run.completed_at is None:
        return f"{_tell_time(run, here)}, {words}"
    if words == SAME:
        return f"#{run.id} took about the same time as #{other.id}"
    return f"#{run.id} was {words}"


def _has_verdict(run: Run, other: Run) -> bool:
    """Tell whether the times of two runs can be compared: they ended, or this one is longer now."""
    if other.completed_at is None:
        return False
    here, there = _took(run), _took(other)
    is_longer = here > there and tell_difference(here, there) != SAME
    return run.completed_at is not None or is_longer


def _tell_time(run: Run, ms: float) -> str:
    if run.completed_at is None:
        return f"#{run.id} has taken {duration(ms)} so far"
    return f"#{run.id} took {duration(ms)}"


def _totals(run: Run, other: Run) -> Iterator[TotalLine]:
    """Yield what the runs have as wholes."""
    yield _whole_time(run, other)
    yield TotalLine("steps", count(run.count_steps()), count(other.count_steps()))
    yield TotalLine("failed steps", count(run.steps_failed), count(other.steps_failed))


def _whole_time(run: Run, other: Run) -> TotalLine:
    """Return how long the runs took as wholes, or have taken so far."""
    line = _total_time("duration", run_duration_ms(run), run_duration_ms(other))
    return TotalLine(
        line.name,
        _so_far(run, line.here),
        _so_far(other, line.there),
        line.difference if _has_verdict(run, other) else "",
    )


def _so_far(run: Run, text: str) -> str:
    return text if run_duration_ms(run) is None or run.completed_at else f"{text} so far"


def _total_time(name: str, here: float | None, there: float | None) -> TotalLine:
    words = "" if here is None or there is None else tell_difference(here, there)
    return TotalLine(name, duration(here) or "not known", duration(there) or "not known", words)


def _idle_times(
    run: Run, here: Sequence[Any], other: Run, there: Sequence[Any]
) -> Iterator[tuple[str, float, float]]:
    """Yield when nothing ran in both runs, and for how long in each."""
    ours = find_idle_times(here, run.started_at, run.completed_at)
    theirs = find_idle_times(there, other.started_at, other.completed_at)
    for name in ("before the first step", "between steps", "after the last step"):
        if name in ours and name in theirs:
            yield name, ours[name], theirs[name]


def _find_causes(
    whole: float, pairs: list[Pair], idle: Sequence[tuple[str, float, float]]
) -> list[Cause]:
    """Return what makes most of the difference between the runs, the most first."""
    causes = [
        Cause(one.difference.ms, one.step_name, one.difference.words, one.here.id)
        for one in pairs
        if one.difference
    ]
    causes += [
        Cause(here - there, f"nothing ran {name}:", tell_difference(here, there))
        for name, here, there in idle
    ]
    told = [one for one in causes if whole and one.ms / whole >= LEAST_PART]
    return sorted(told, key=lambda one: -abs(one.ms))[:TOLD_CAUSES]
