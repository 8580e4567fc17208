"""Set the steps of two runs side by side: which are the same, how much longer each took; pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from .formats import duration
from .time_axis import Timed, find_axis, find_interval

# A step is much slower when it takes so many times as long, and so large a part of a run more.
MUCH = 1.5
LEAST_MS = 100
LEAST_SHARE = 0.02
# The longest bar stands for at least so large a part of a run.
LEAST_SCALE = 0.1
# A difference below both is none: so much do equal steps differ.
SAME_SHARE = 0.05
SAME_MS = 20
SAME = "about the same"


class Compared(Protocol):
    """A step, or several of one name, of one of the runs."""

    @property
    def id(self) -> int: ...
    @property
    def module_name(self) -> str: ...
    @property
    def step_name(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def duration_ms(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more time something took here than there, in words, and as a bar in percent."""

    ms: float
    words: str
    share: float = 0
    is_much_slower: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """The same step here and there; one side is None where a run does not have it."""

    module_name: str
    step_name: str
    occurrence: int
    here: Any
    there: Any
    difference: Difference | None = None

    @property
    def has_other_status(self) -> bool:
        """Tell whether the step ended differently in the two runs."""
        return bool(self.here and self.there and self.here.status != self.there.status)


def pair_up(here: Sequence[Compared], there: Sequence[Compared], whole_ms: float) -> list[Pair]:
    """Return the steps of two runs side by side, in the places that they have here.

    The same are those of one module and name, in their order; what only the other run has stands
    after the step that it followed there. `whole_ms` is the time of the longer run.
    """
    ours, theirs = _by_key(here), _by_key(there)
    order = {key: (n, 0) for n, key in enumerate(ours)}
    place = -1
    for n, key in enumerate(theirs):
        place, _ = order.setdefault(key, (place, n + 1))
    pairs = [
        Pair(
            *key, ours.get(key), theirs.get(key), _compare(ours.get(key), theirs.get(key), whole_ms)
        )
        for key in sorted(order, key=lambda key: order[key])
    ]
    return _with_shares(pairs, LEAST_SCALE * whole_ms)


def sort_by_difference(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs by how much longer or shorter they took, the most first."""
    return sorted(pairs, key=lambda pair: -abs(pair.difference.ms) if pair.difference else 1)


def tell_difference(here: float, there: float, than: str = "") -> str:
    """Say how much longer or shorter something took: `1.5 s longer, 3.1 times as long`."""
    ms = here - there
    if abs(ms) < max(SAME_MS, SAME_SHARE * there):
        return SAME
    if ms < 0:
        return f"{duration(-ms)} shorter{than}"
    return f"{duration(ms)} longer{than}{_tell_times(here / there if there else 0)}"


def _tell_times(times: float) -> str:
    # Beyond, there was next to nothing to multiply.
    if not MUCH <= times < 100:
        return ""
    return f", {times:.{1 if times < 10 else 0}f} times as long"


def find_idle_times(
    steps: Iterable[Timed], started_at: datetime | None, completed_at: datetime | None
) -> dict[str, float]:
    """Return for how many milliseconds nothing of a run ran: before, between and after its steps.

    What is not known is left out.
    """
    steps = list(steps)
    axis = find_axis(steps, None, None)
    if axis is None:
        return {}
    times = sorted(time for time in (find_interval(step, axis) for step in steps) if time)
    between = reached = 0.0
    for start, end in times:
        between += max(start - reached, 0)
        reached = max(reached, end)
    idle = {"between steps": between}
    if started_at:
        idle["before the first step"] = max(0, -axis.ms(started_at))
    if completed_at:
        idle["after the last step"] = max(axis.ms(completed_at) - reached, 0)
    return idle


def _by_key(steps: Iterable[Compared]) -> dict[tuple[str, str, int], Compared]:
    seen: dict[tuple[str, str], int] = defaultdict(int)
    found = {}
    for step in steps:
        name = (step.module_name, step.step_name)
        seen[name] += 1
        found[(*name, seen[name])] = step
    return found


def _compare(here: Compared | None, there: Compared | None, whole_ms: float) -> Difference | None:
    """Compare the times of a step that both runs have."""
    if here is None or there is None:
        return None
    ours, theirs = here.duration_ms, there.duration_ms
    if ours is None or theirs is None:
        return None
    is_much = ours >= MUCH * theirs and ours - theirs >= max(LEAST_MS, LEAST_SHARE * whole_ms)
    return Difference(ours - theirs, tell_difference(ours, theirs), is_much_slower=is_much)


def _with_shares(pairs: list[Pair], least: float) -> list[Pair]:
    differences = [abs(pair.difference.ms) for pair in pairs if pair.difference]
    return [_with_share(pair, max([least, *differences])) for pair in pairs]


def _with_share(pair: Pair, most: float) -> Pair:
    if pair.difference is None or not most:
        return pair
    share = round(abs(pair.difference.ms) / most * 50, 1)
    return replace(pair, difference=replace(pair.difference, share=share))
