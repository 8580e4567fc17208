"""Describe what a log shows of a run: the events between which it, and its modules, are open."""

from dataclasses import dataclass, field

from .database import SourceRun


@dataclass(slots=True, eq=False)
class ModuleSpan:
    """One module of a flow: the events between which it is open.

    `last` is its end where that is beyond doubt; else `may_end` is the first and the last of the
    lines that may be it. `next` is where the flow went on to another module.
    """

    name: str
    first: int
    opened_at: int
    size: int | None
    last: int | None = None
    may_end: tuple[int, int] | None = None
    next: int | None = None

    def can_end_at(self, index: int) -> bool:
        """Tell whether a line stands before the same module of its flow began once more."""
        return self.last is None or index < self.last

    def is_surely_open(self, index: int) -> bool:
        """Tell whether an event stands within the module whatever its end is."""
        end = self.last if self.may_end is None else self.may_end[0]
        return self.first < index and (end is None or index <= end)

    def may_be_open(self, index: int, is_completed: bool) -> bool:
        """Tell whether an event can stand within the module; so much of it is known."""
        end = self.last
        # It came to an end, if its flow went on after that: one of the lines is it.
        if end is None and self.may_end and (is_completed or self._went_on()):
            end = self.may_end[1]
        return self.first < index and (end is None or index <= end)

    def _went_on(self) -> bool:
        return self.may_end is not None and self.next is not None and self.may_end[1] < self.next


@dataclass(slots=True, eq=False)
class Candidate:
    """A run as one log sees it; `run` is None for one that the database does not have."""

    run: SourceRun | None
    target: str
    workflow_name: str
    first: int
    opened_at: int
    size: int | None = None
    is_flow: bool = False
    run_uuid: str = ""
    last: int | None = None
    may_end: tuple[int, int] | None = None
    modules: list[ModuleSpan] = field(default_factory=list)

    def is_open(self, index: int) -> bool:
        """Tell whether the event with this index stands between its beginning and its end."""
        return self.first < index and (self.last is None or index < self.last)

    def modules_at(self, index: int) -> set[str]:
        """Return the modules that can be open at an event; empty is the flow itself."""
        is_completed = self.run is not None and self.run.text("status") == "completed"
        names = {span.name for span in self.modules if span.may_be_open(index, is_completed)}
        is_inside = any(span.is_surely_open(index) for span in self.modules)
        return names if is_inside else {*names, ""}

    def module_at(self, index: int) -> str:
        """Return the name of the module that is open at an event; empty for none, or several."""
        names = self.modules_at(index)
        return names.pop() if len(names) == 1 else ""

    def size_at(self, index: int) -> int | None:
        """Return how many steps the module that is open has; None where that is not known."""
        if not self.is_flow:
            return self.size
        name = self.module_at(index)
        sizes = {span.size for span in self.modules if name and span.name == name}
        return sizes.pop() if len(sizes) == 1 else None

    @property
    def completed_at(self) -> int | None:
        """When the run ended, by the database."""
        return self.run.completed_at if self.run else None
