"""Lay the steps of a run out as a table: which are shown, in rows that are ready to draw."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from flask import url_for
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from ..filters import ArgsReader, FilterError
from ..formats import clock, duration, is_at_work, lasting, plural
from ..live import is_live, version_of
from ..models import Run, StepStatus
from ..queries.run_steps import RECOVERED, UNFINISHED, RunStep
from ..rendering import step_path
from ..terminal import visible_text

# A page of a run that has more; up to twice as many are one page.
PAGE_SIZE = 100
ALL = "all"
# The column beside says that it runs.
RUNNING_FOR = Markup('<span class="visually-hidden">running </span>for ')
# What went wrong first.
SHOWS = (
    StepStatus.FAILED.value,
    RECOVERED,
    StepStatus.RUNNING.value,
    StepStatus.COMPLETED.value,
    StepStatus.SKIPPED.value,
    StepStatus.PENDING.value,
)


@dataclass(frozen=True, slots=True)
class StepView:
    """Which steps of a run are shown: those of a status, or recovered ones; "" means all."""

    show: str = ""
    offset: int = 0
    errors: tuple[FilterError, ...] = ()

    @classmethod
    def from_args(cls, args: MultiDict[str, str]) -> Self:
        """Read the query string; what is wrong stands in `errors` and is left out."""
        reader = ArgsReader(args, blank_is_absent=True)
        reader.refuse_unknown(("show", "offset"))
        return cls.read(reader)

    @classmethod
    def read(cls, reader: ArgsReader) -> Self:
        """Read the same where there are more parameters."""
        show = reader.choice("show", (ALL, *SHOWS), ALL)
        offset = reader.integer("offset", 0)
        return cls("" if show == ALL else show, offset, tuple(reader.errors))

    def url(self, run_id: int, offset: int = 0) -> str:
        """Return the address of a page of these steps."""
        show = self.show or None
        return url_for("pages.show_run", run_id=run_id, show=show, offset=offset or None)


class Tab(NamedTuple):
    """A link to the steps of a status, and how many there are."""

    value: str
    n: int
    url: str
    is_current: bool


class StepRow(NamedTuple):
    """A step as its row draws it: texts that show hidden characters by name."""

    id: int
    position: int
    url: str
    name: str
    status: str
    step_type: str
    recovered: str
    module: str
    started: Markup
    length: str
    line: str
    more: str


@dataclass(frozen=True, slots=True)
class StepTable:
    """One page of a run's steps, and the links around it.

    `live_url` is where to ask for what has changed since; empty when nothing will.
    """

    run_id: int
    view: StepView
    rows: list[StepRow]
    total: int
    tabs: list[Tab]
    live_url: str
    size: int

    def turn(self, pages: int) -> str:
        """Return the address of the page so many pages on, or "" when there is none."""
        offset = max(self.view.offset + pages * self.size, 0)
        is_there = self.view.offset > 0 if pages < 0 else offset < self.total
        return self.view.url(self.run_id, offset) if is_there else ""


def page_size(run: Run) -> int:
    """Return how many steps of a run are on a page: all of them, unless there are very many."""
    return PAGE_SIZE if run.count_steps() > 2 * PAGE_SIZE else 2 * PAGE_SIZE


def count_shown(run: Run, show: str, recovered: int) -> int:
    """Return how many steps of a run a view has over all its pages."""
    if not show:
        return run.count_steps()
    return recovered if show == RECOVERED else int(getattr(run, f"steps_{show}"))


def make_table(run: Run, view: StepView, steps: Sequence[RunStep], recovered: int) -> StepTable:
    """Return the table of one page of a run's steps."""
    return StepTable(
        run.id,
        view,
        make_rows(steps, run),
        count_shown(run, view.show, recovered),
        _find_tabs(run, view, recovered),
        _live_url(run, view, steps, len(steps)) if is_live(run) else "",
        page_size(run),
    )


def make_live_table(
    run: Run,
    view: StepView,
    followed: Sequence[RunStep],
    new: Sequence[RunStep],
    n: int,
    recovered: int,
) -> StepTable:
    """Return the table with those rows only that may have changed on a page of n, and new ones."""
    steps = [*followed, *new]
    table = make_table(run, view, steps, recovered)
    live_url = _live_url(run, view, steps, n + len(new)) if is_live(run) else ""
    return replace(table, live_url=live_url)


def make_rows(steps: Iterable[RunStep], run: Run) -> list[StepRow]:
    """Return steps as the rows that are drawn."""
    return [_row(step, run) for step in steps]


def _row(step: Any, run: Run) -> StepRow:
    more = step.output_lines - 1 if step.preview and step.status != StepStatus.FAILED else 0
    return StepRow(
        step.id,
        step.position,
        step_path(step.id),
        visible_text(step.step_name) or "(no name)",
        step.status,
        visible_text(step.step_type),
        step.recovered,
        visible_text(step.module_name),
        clock(step.started_at),
        _length(step, run),
        visible_text(step.preview) or _silence(step),
        f"(+{plural(more, 'line')})" if more > 0 else "",
    )


def _length(step: Any, run: Run) -> str:
    """Return how long a step took, or has run so far."""
    if is_at_work(step, run.status, run.updated_at):
        return RUNNING_FOR + lasting(step.started_at)
    return duration(step.duration_ms) if step.started_at and step.completed_at else ""


def _silence(step: Any) -> str:
    return "says nothing of why" if step.status == StepStatus.FAILED else ""


def _find_tabs(run: Run, view: StepView, recovered: int) -> list[Tab]:
    """Return the links to what there is, and to what is shown."""
    tabs = []
    for show in ("", *SHOWS):
        n = count_shown(run, show, recovered)
        if n or show in ("", StepStatus.FAILED, view.show):
            tabs.append(Tab(show or ALL, n, StepView(show).url(run.id), show == view.show))
    return tabs


def _live_url(run: Run, view: StepView, steps: Sequence[RunStep], n: int) -> str:
    """Return where to ask for what has changed, of a page of n steps that ends with these."""
    # The last one shown tells which module a row after it continues.
    followed = [step for step in steps if step.status in UNFINISHED or step is steps[-1]]
    return url_for(
        "pages.show_run_live",
        run_id=run.id,
        show=view.show or None,
        offset=view.offset or None,
        n=n,
        after=steps[-1].position if steps else None,
        step=[step.id for step in followed],
        seen=version_of(run, steps),
    )
