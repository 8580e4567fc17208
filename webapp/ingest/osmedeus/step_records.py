"""Turn what is known of a run's steps into records for the writer, in their order."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ...models import Recovered, StepStatus
from ..records import StepRecord
from ..step_values import storable_text
from .cells import load_object
from .console_steps import ConsoleStep, ConsoleSteps
from .database import SourceRow, Texts
from .log_events import StepLine
from .matching import Ended
from .run_records import moved
from .times import EPOCH, SECOND, from_moment, parse_time

STATUSES = {"success": StepStatus.COMPLETED, **{status.value: status for status in StepStatus}}


@dataclass(slots=True)
class Place:
    """A step with its place in its run, before its texts are read."""

    key: str
    place_key: str
    position: int
    name: str
    step_type: str
    status: StepStatus
    recovered: Recovered
    module_name: str
    duration_ms: int = 0
    began_at: int | None = None
    ended_at: int | None = None
    row: SourceRow | None = None
    line: StepLine | None = None
    folder: int = -1
    command: str = ""


@dataclass(slots=True)
class RunSteps:
    """All that is known of one run's steps."""

    run_key: str
    started_at: int | None
    completed_at: int | None
    ended: Sequence[Ended] = ()
    console: ConsoleSteps = field(default_factory=ConsoleSteps)


def find_places(steps: RunSteps, type_of: Callable[[str, str], str]) -> list[Place]:
    """Return a run's steps in order, each with the key by which it is found again.

    `type_of` gives the type that a module's step of a name is known to have.
    """
    builder = _Builder(steps, type_of)
    places = []
    skipped = sorted(steps.console.skipped, key=lambda step: step.after)
    for index, ended in enumerate(steps.ended):
        while skipped and skipped[0].after <= index:
            places.append(builder.skipped(skipped.pop(0)))
        places.append(builder.ended(ended))
    places += [builder.skipped(step) for step in skipped]
    places += [builder.running(step) for step in steps.console.running]
    return places


def place_key(run_key: str, ordinal: int, name: str, kind: str = "") -> str:
    """Return the key of a run's n-th step of a name, whatever tells of it."""
    return f"{run_key}#{kind}{ordinal}#{name}"


class _Builder:
    def __init__(self, steps: RunSteps, type_of: Callable[[str, str], str]) -> None:
        self._steps = steps
        self._type_of = type_of
        self._ordinals: Counter[str] = Counter()
        self._last_end = steps.started_at

    def ended(self, ended: Ended) -> Place:
        place_key = self._place_key("", ended.name)
        if ended.row is not None:
            return self._of_row(ended, ended.row, place_key)
        line = ended.line
        assert line is not None
        began_at, ended_at = self._times_of_line(line)
        self._last_end = ended_at
        return Place(
            key=place_key,
            place_key=place_key,
            position=0,
            name=line.name,
            step_type=line.step_type,
            status=StepStatus.FAILED if line.failed else StepStatus.COMPLETED,
            recovered=Recovered.EXECUTION_LOG,
            module_name=ended.module_name,
            duration_ms=line.duration_ms,
            began_at=began_at,
            ended_at=ended_at,
            line=line,
            folder=ended.folder,
        )

    def skipped(self, step: ConsoleStep) -> Place:
        place = self._of_console(step, StepStatus.SKIPPED, self._place_key("s", step.name))
        place.ended_at = place.began_at
        return place

    def running(self, step: ConsoleStep) -> Place:
        # The key that it will have when it has ended.
        return self._of_console(step, StepStatus.RUNNING, self._place_key("", step.name))

    def _of_row(self, ended: Ended, row: SourceRow, place_key: str) -> Place:
        self._last_end = row.completed_at or self._last_end
        return Place(
            key=row.key,
            place_key=place_key,
            position=0,
            name=row.name,
            step_type=row.step_type,
            status=STATUSES[row.status],
            recovered=Recovered.NO,
            module_name=ended.module_name,
            duration_ms=row.duration_ms,
            began_at=row.started_at,
            ended_at=row.completed_at,
            row=row,
            line=ended.line,
        )

    def _of_console(self, step: ConsoleStep, status: StepStatus, place_key: str) -> Place:
        return Place(
            key=place_key,
            place_key=place_key,
            position=0,
            name=step.name,
            step_type=step.step_type or self._type_of(step.module_name, step.name),
            status=status,
            recovered=Recovered.CONSOLE_LOG,
            module_name=step.module_name,
            began_at=self._last_end,
            command=step.command,
        )

    def _place_key(self, kind: str, name: str) -> str:
        # As it will stand in the database, where it is looked for.
        name = storable_text(name)
        self._ordinals[kind + "#" + name] += 1
        return place_key(self._steps.run_key, self._ordinals[kind + "#" + name], name, kind)

    def _times_of_line(self, line: StepLine) -> tuple[int, int]:
        """Return when a step began and ended, as close as whole seconds allow.

        It ended within the line's second, after the step before it, within its run; where that
        fits, it began when the step before it ended.
        """
        took = line.duration_us or 0
        first = self._steps.started_at if self._steps.started_at is not None else line.at
        last = line.at + SECOND - 1
        if self._steps.completed_at is not None:
            last = min(last, self._steps.completed_at)
        previous = max(self._last_end or 0, first)
        end = max(line.at, previous + took)
        if end > last:
            end = min(max(line.at, previous), max(last, first))
        return max(end - took, first), end


def step_record(
    place: Place, texts: Texts, run_id: int, workspace: str, shift: timedelta
) -> StepRecord:
    """Return the record of a step, moved in time with its run."""
    began_at, ended_at = _time(place.began_at, shift), _time(place.ended_at, shift)
    created_at = moved(parse_time(texts.created_at), shift) or ended_at or began_at or EPOCH + shift
    return StepRecord(
        source_key=place.key,
        place_key=place.place_key,
        run_id=run_id,
        workspace=workspace,
        position=place.position,
        step_name=place.name,
        step_type=place.step_type,
        status=place.status,
        module_name=place.module_name,
        recovered=place.recovered,
        command=texts.command,
        output=texts.output,
        error=texts.error,
        exports=load_object(texts.exports) or None,
        started_at=began_at,
        completed_at=ended_at,
        duration_ms=place.duration_ms,
        created_at=created_at,
        updated_at=ended_at or created_at,
    )


def _time(moment: int | None, shift: timedelta) -> datetime | None:
    return None if moment is None else moved(from_moment(moment), shift)
