"""Find in a console log the steps that ended nowhere else: skipped, or still running; pure.

The console log is of the last run in its folder, but of the whole engine process: with runs at
the same time it holds lines of others, and sometimes everything twice.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from .console_log import ConsoleEvent, Section
from .matching import Ended
from .spans import Candidate
from .workflow_file import Workflow


@dataclass(slots=True)
class ConsoleStep:
    """A step that only the console tells of; it stands after so many of the ended steps."""

    name: str
    step_type: str
    after: int
    module_name: str = ""
    command: str = ""


@dataclass(slots=True)
class ConsoleSteps:
    """The skipped steps of a run, and those that were running when the log stopped."""

    skipped: list[ConsoleStep] = field(default_factory=list)
    running: list[ConsoleStep] = field(default_factory=list)


def find_console_steps(
    sections: Sequence[Section],
    candidate: Candidate,
    ended: Sequence[Ended],
    workflow: Workflow | None,
    is_crowded: bool,
) -> ConsoleSteps:
    """Return what the sections tell of one run beyond its ended steps, in order.

    `is_crowded` says that other runs wrote to the same console: then a skipped step counts only
    after the step that stands before it in the workflow.
    """
    walk = _Walk(candidate, ended, workflow, is_crowded)
    for section in _own_sections(sections, candidate, ended):
        for event in section.events:
            walk.take(event, section.heading)
    return walk.result()


class _Walk:
    """Follow the events of a run's sections beside its ended steps."""

    def __init__(
        self,
        candidate: Candidate,
        ended: Sequence[Ended],
        workflow: Workflow | None,
        is_crowded: bool,
    ) -> None:
        self._candidate = candidate
        # Where in the run's ended steps each name stands, as far as no event told of it.
        self._places: dict[str, deque[int]] = defaultdict(deque)
        for index, one in enumerate(ended):
            self._places[one.name].append(index)
        self._names = frozenset(self._places)
        self._workflow = workflow
        self._is_crowded = is_crowded
        self._after = 0
        self._skipped: list[ConsoleStep] = []
        self._started: list[ConsoleStep] = []

    def take(self, event: ConsoleEvent, heading: str) -> None:
        if event.kind == "skipped":
            if self._can_be_skipped(event.name, heading):
                self._skipped.append(self._step(event, heading))
        elif event.kind == "started":
            if self._is_of_workflow(event.name, heading):
                self._started.append(self._step(event, heading))
        else:
            self._consume(event)

    def result(self) -> ConsoleSteps:
        # A run that is over has no step at work, whatever its console missed.
        run = self._candidate.run
        is_running = run is not None and run.text("status") == "running"
        return ConsoleSteps(self._skipped, self._started if is_running else [])

    def _step(self, event: ConsoleEvent, heading: str) -> ConsoleStep:
        is_known = self._workflow is not None and self._workflow.name == heading
        step_type = self._workflow.steps.get(event.name, "") if is_known and self._workflow else ""
        module = heading if self._candidate.is_flow else ""
        return ConsoleStep(event.name, step_type, self._after, module, "\n".join(event.commands))

    def _consume(self, event: ConsoleEvent) -> None:
        """Note that a step came to its end, and where among the ended ones it stands."""
        name = event.name
        for step in self._started:
            if step.name == name or (event.kind == "failed" and name.startswith(step.name + ": ")):
                self._started.remove(step)
                name = step.name
                break
        if name in self._names and self._places[name]:
            self._after = self._places[name].popleft() + 1

    def _is_of_workflow(self, name: str, heading: str) -> bool:
        """Tell whether a step can be of this run: by its workflow file where that is the one."""
        if self._workflow is not None and self._workflow.name == heading:
            return name in self._workflow.steps
        return self._candidate.is_flow and not self._is_crowded

    def _can_be_skipped(self, name: str, heading: str) -> bool:
        if not self._is_of_workflow(name, heading):
            return False
        return not self._is_crowded or (self._is_next(name) and not self._has_ended(name))

    def _is_next(self, name: str) -> bool:
        """Tell whether the step before it in the workflow ended or was skipped."""
        names = list(self._workflow.steps) if self._workflow else []
        place = names.index(name)
        return (
            place == 0 or self._has_ended(names[place - 1]) or self._was_skipped(names[place - 1])
        )

    def _has_ended(self, name: str) -> bool:
        return name in self._names

    def _was_skipped(self, name: str) -> bool:
        return any(step.name == name for step in self._skipped)


def _own_sections(
    sections: Sequence[Section], candidate: Candidate, ended: Sequence[Ended]
) -> list[Section]:
    """Return the sections that are this run's, in order: of each heading as many as it began."""
    if candidate.is_flow:
        wanted = Counter({"": 1, **Counter(span.name for span in candidate.modules)})
    else:
        wanted = Counter({candidate.workflow_name: 1})
    durations = {(one.name, _duration_ms(one)) for one in ended}
    best = sorted(
        range(len(sections)), key=lambda number: (-_likeness(sections[number], durations), number)
    )
    own = []
    for number in best:
        if wanted[sections[number].heading] > 0:
            wanted[sections[number].heading] -= 1
            own.append(number)
    return [sections[number] for number in sorted(own)]


def _likeness(section: Section, durations: set[tuple[str, int]]) -> int:
    """Count the steps of a section that ended after as long as a step of the run."""
    finished = [event for event in section.events if event.kind == "finished"]
    return sum((event.name, round((event.took or 0) * 1000)) in durations for event in finished)


def _duration_ms(ended: Ended) -> int:
    if ended.line is not None:
        return round((ended.line.duration_us or 0) / 1000)
    return ended.row.duration_ms if ended.row else 0
