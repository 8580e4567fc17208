"""Tell which run, or module of a flow, each closing line of an execution log ends; pure.

A closing line names nothing. What could have begun when it says it did can be ended by it; only
where one alone is left is it ended: a wrong end would give its steps to another run.
"""

from collections import defaultdict
from collections.abc import Iterable

from .log_events import Events, FlowClosing, ModuleClosing
from .spans import Candidate, ModuleSpan
from .times import SECOND

Span = Candidate | ModuleSpan
Key = tuple[bool, int, int]
# How much a time may be rounded off; one of more than a second is told in tenths.
ROUNDING = SECOND // 20
# The engine notes the end of a run in its database after it has written the last rows.
END_DELAY = 5 * SECOND


def close_spans(events: Events, candidates: Iterable[Candidate]) -> None:
    """Set the end of every run and module whose closing line is beyond doubt."""
    begun = _by_beginning(candidates)
    fitting: dict[int, list[tuple[Span, Candidate]]] = {}
    for index, event in events.others():
        if isinstance(event, (ModuleClosing, FlowClosing)):
            fits = [pair for pair in _begun_then(begun, event) if _can_end(*pair, index, event)]
            if fits:
                fitting[index] = fits
    _settle(fitting)


def _by_beginning(candidates: Iterable[Candidate]) -> dict[Key, list[tuple[Span, Candidate]]]:
    """Return what can end by (is it a flow, size, second of its beginning)."""
    begun: dict[Key, list[tuple[Span, Candidate]]] = defaultdict(list)
    for one in candidates:
        spans: list[Span] = [one, *one.modules] if one.is_flow else [one]
        for span in spans:
            is_flow = span is one and one.is_flow
            size = 0 if is_flow else span.size
            if size is not None:
                begun[is_flow, size, span.opened_at // SECOND].append((span, one))
    return begun


def _begun_then(
    begun: dict[Key, list[tuple[Span, Candidate]]], event: ModuleClosing | FlowClosing
) -> Iterable[tuple[Span, Candidate]]:
    """Yield what began as long before a closing line as it says."""
    is_flow = isinstance(event, FlowClosing)
    size = 0 if isinstance(event, FlowClosing) else event.total_steps
    if event.elapsed is None or event.elapsed * SECOND > event.at:
        return
    # Both seconds are cut off: the beginning lies up to one before or after. Long times may be
    # told in whole seconds.
    blur = ROUNDING if event.elapsed < 60 else SECOND
    middle = event.at - round(event.elapsed * SECOND)
    for second in range((middle - SECOND - blur) // SECOND, (middle + SECOND + blur) // SECOND + 1):
        if abs(second * SECOND - middle) < SECOND + blur:
            yield from begun.get((is_flow, size, second), ())


def _can_end(
    span: Span, candidate: Candidate, index: int, event: ModuleClosing | FlowClosing
) -> bool:
    """Tell whether a line can be the end of a span, by the place of both and the run's times."""
    if span.first >= index or (isinstance(span, ModuleSpan) and not span.can_end_at(index)):
        return False
    end = candidate.completed_at
    if candidate.run is None or end is None:
        return True
    if isinstance(span, ModuleSpan):
        return event.at <= end
    is_failed = candidate.run.text("status") == "failed"
    return event.at <= end < event.at + SECOND + END_DELAY and not is_failed


def _settle(fitting: dict[int, list[tuple[Span, Candidate]]]) -> None:
    """End what one line alone can end, again until nothing changes; note what stays open."""
    lines_of: dict[Span, set[int]] = defaultdict(set)
    for index, pairs in fitting.items():
        for span, _ in pairs:
            lines_of[span].add(index)
    spans_of = {index: {span for span, _ in pairs} for index, pairs in fitting.items()}
    certain = [index for index, spans in spans_of.items() if len(spans) == 1]
    while certain:
        index = certain.pop()
        if len(spans_of[index]) != 1:
            continue
        (span,) = spans_of[index]
        span.last = index
        for other in lines_of.pop(span):
            spans_of[other].discard(span)
            if len(spans_of[other]) == 1:
                certain.append(other)
    for span, indices in lines_of.items():
        span.may_end = (min(indices), max(indices))
