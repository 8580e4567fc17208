"""Say numbers, times and lengths as a person reads them; pure.

A run is a `Run` here, or a row that has its columns.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from .columns import utc_now
from .models import OPEN_STATUSES, RunStatus, StepStatus
from .periods import DAY

BAR_WIDTH = 72
# In the order in which a bar shows them.
BAR_STATUSES = (
    StepStatus.COMPLETED,
    StepStatus.FAILED,
    StepStatus.RUNNING,
    StepStatus.SKIPPED,
    StepStatus.PENDING,
)
# The word and the glyph of each status; steps and runs share them.
STATUS_WORDS = {"completed": "ok", "unrun": "not run"}
STATUS_GLYPHS = {"queued": "pending", "webhook": "pending", "unrun": "pending"}


class Segment(NamedTuple):
    """One part of a bar of steps, in its own units."""

    status: str
    x: float
    width: float


def duration(ms: int | float | None) -> str:
    """Return a length of time: `850 ms`, `12.4 s`, `4 min 07 s`, `2 h 13 min`, `3 d 04 h`."""
    if ms is None:
        return ""
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s"
    seconds = round(ms / 1000)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    minutes = seconds // 60
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes // 1440} d {minutes // 60 % 24:02} h"


def count(n: int) -> str:
    """Return a whole number with its thousands parted."""
    return f"{n:,}"


def plural(n: int, noun: str) -> str:
    """Return a number and its noun: `1 step`, `12,345 steps`."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def size(n: int) -> str:
    """Return a number of bytes: `312 B`, `1.3 MB`."""
    value = float(n)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def truncate_middle(text: str, length: int = 24) -> str:
    """Shorten a text in its middle, where paths and UUIDs say least."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def iso(value: datetime) -> str:
    """Return a time for `datetime=`, in UTC to the millisecond."""
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def exact(value: datetime) -> str:
    """Return a time in full: `2026-11-21 14:02:11.031 UTC`."""
    text = iso(value)
    return f"{text[:10]} {text[11:23]} UTC"


def ago(value: datetime, now: datetime | None = None) -> str:
    """Return how long ago a time was, or an empty text beyond a day and for the future."""
    seconds = int(((now or utc_now()) - value).total_seconds())
    if not -60 <= seconds < DAY.total_seconds():
        return ""
    if seconds < 5:
        return "just now"
    if seconds < 60:
        return f"{seconds} s ago"
    return f"{seconds // 60} min ago" if seconds < 3600 else f"{seconds // 3600} h ago"


def short_date(value: datetime, now: datetime | None = None) -> str:
    """Return `Nov 21 14:02`, or `Nov 21 2025` of another year, in UTC."""
    utc = value.astimezone(UTC)
    is_this_year = utc.year == (now or utc_now()).year
    return f"{utc:%b} {utc.day} " + (f"{utc:%H:%M}" if is_this_year else str(utc.year))


def when(value: datetime | None) -> Markup:
    """Return a `<time>`: how long ago up to a day, then the date; the exact time on hover."""
    return _time_tag(value, ago(value) or short_date(value), "when") if value else Markup("")


def clock(value: datetime | None) -> Markup:
    """Return a `<time>` of the time of day, to the millisecond, for details."""
    return _time_tag(value, None, "clock") if value else Markup("")


def lasting(value: datetime) -> Markup:
    """Return a `<time>` of how long something has gone on since: `43 s`, `5 min`, `26 h`, `3 d`."""
    seconds = max(int((utc_now() - value).total_seconds()), 0)
    return _time_tag(value, _rough(seconds), "lasting")


def _rough(seconds: int) -> str:
    if seconds < 3600:
        return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"
    hours = seconds // 3600
    return f"{hours} h" if hours < 72 else f"{hours // 24} d"


def second(value: datetime) -> Markup:
    """Return a `<time>` of the time of day, to the second."""
    return _time_tag(value, exact(value)[11:19], "second")


def _time_tag(value: datetime, text: str | None, form: str) -> Markup:
    """Return a `<time>`; without a text it says the time of day."""
    # All of it is numbers and words of ours; to escape them would take longer than the rest.
    at = iso(value)
    time = at[11:23]
    return Markup(
        f'<time class="{form}" datetime="{at}" title="{at[:10]} {time} UTC">{text or time}</time>'
    )


def status_word(value: str) -> str:
    """Return the word for a status, which may be negated: `ok`, `failed`, `not ok`."""
    if value.startswith("!"):
        return f"not {status_word(value[1:])}"
    return STATUS_WORDS.get(value, value)


def status_glyph(value: str) -> str:
    """Return the name of the glyph, and of the colour, of a status."""
    return STATUS_GLYPHS.get(value, value)


def last_sign(run: Any) -> str:
    """Return how long ago a running run gave its last sign of life, if that is over a day."""
    silent = utc_now() - run.updated_at
    if run.status != RunStatus.RUNNING or silent < DAY:
        return ""
    hours = int(silent.total_seconds() // 3600)
    return f"{hours} h ago" if hours < 72 else f"{hours // 24} d ago"


def is_at_work(step: Any, run_status: str, run_updated_at: datetime) -> bool:
    """Tell whether a step runs and has a start; of a run gone silent nobody knows."""
    if step.status != StepStatus.RUNNING or step.started_at is None:
        return False
    return run_status in OPEN_STATUSES and utc_now() - run_updated_at < DAY


def run_duration_ms(run: Any) -> float | None:
    """Return how long a run took, or has taken so far; None when nobody can tell."""
    if run.started_at is None:
        return None
    end = run.completed_at
    if end is None and run.status == RunStatus.RUNNING and not last_sign(run):
        end = utc_now()
    return max((end - run.started_at) / timedelta(milliseconds=1), 0) if end else None


def step_tally(run: Any) -> list[tuple[str, int]]:
    """Return how many steps of a run stand at each status.

    Those not heard of are pending while the run goes on, and `unrun` once it has ended.
    """
    tally = {status.value: getattr(run, f"steps_{status}") for status in BAR_STATUSES}
    # A source may say fewer steps than there are, when a loop or a jump ran some again.
    unheard = max(run.total_steps - sum(tally.values()), 0)
    rest = StepStatus.PENDING.value if run.status in OPEN_STATUSES else "unrun"
    tally[rest] = tally.get(rest, 0) + unheard
    return [(status, n) for status, n in tally.items() if n]


def bar_segments(tally: Iterable[tuple[str, int]], width: float = BAR_WIDTH) -> list[Segment]:
    """Lay the parts of a bar out; the smallest stays visible."""
    parts = list(tally)
    total = sum(n for _, n in parts)
    least = min(3.0, width / max(len(parts), 1))
    wanted = [max(n / total * width, least) for _, n in parts]
    scale = width / sum(wanted) if wanted else 1
    segments, x = [], 0.0
    for (status, _), part in zip(parts, wanted, strict=True):
        segments.append(Segment(status, round(x, 1), round(part * scale, 1)))
        x += part * scale
    return segments


def shell_quote(text: str) -> str:
    """Quote a text for a POSIX shell, in single quotes always, so that it reads as one word."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


def curl_line(url: str) -> str:
    """Return the line that asks the API for a URL with the token in $TOKEN."""
    plain = quote(url, safe=":/?#[]@!$&()*+,;=%-._~")
    return f'curl -H "Authorization: Bearer $TOKEN" {shell_quote(plain)}'
