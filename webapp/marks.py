"""Draw the small marks that a list has many of: glyphs, statuses, bars of steps.

They are filters, not macros of the templates: a macro takes ten times as long, and a list of 20
runs would call 150 of them.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

from .formats import BAR_WIDTH, bar_segments, status_glyph, status_word

BAR_HEIGHT = 8
# Far more marks than there are statuses and words for them.
KEPT = 256


# A text and markup that equals it are not the same.
@lru_cache(KEPT, typed=True)
def glyph(name: str) -> Markup:
    """Return a picture of the sprite, for the eye alone."""
    return Markup('<svg class="glyph" aria-hidden="true"><use href="#g-{}"/></svg>').format(name)


@lru_cache(KEPT, typed=True)
def status_mark(value: str, word: str = "") -> Markup:
    """Return a status, always as glyph, word and colour; `word` stands for its own."""
    name = status_glyph(value)
    mark = Markup('<span class="state s-{}">{}{}</span>')
    return mark.format(name, glyph(name), word or status_word(value))


def run_status_mark(run: Any, silent: str, word: str = "running?") -> Markup:
    """Return the status of a run or a row like one; "running" is doubted after a long silence."""
    if not silent:
        return status_mark(run.status)
    return Markup('<span class="state s-silent">{}{}</span>').format(glyph("unknown"), word)


@lru_cache(KEPT, typed=True)
def recovered_mark(recovered: str) -> Markup:
    """Return the mark of a step that its source's database does not have, else nothing."""
    if not recovered:
        return Markup("")
    why = f"not in the database; recovered from the {recovered}"
    mark = Markup(
        '<span class="recovered" title="{0}">{1}<span class="visually-hidden">{0}</span></span>'
    )
    return mark.format(why, glyph("recovered"))


def step_bar(tally: Sequence[tuple[str, int]]) -> Markup:
    """Return steps or runs by status: one drawing, and the same in words."""
    words = ", ".join(f"{n} {status_word(value)}" for value, n in tally)
    parts = "".join(
        f'<rect class="s-{escape(status_glyph(part.status))}" x="{part.x}" width="{part.width}"'
        f' height="{BAR_HEIGHT}"/>'
        for part in bar_segments(tally)
    )
    return Markup(
        f'<svg class="bar" width="{BAR_WIDTH}" height="{BAR_HEIGHT}" role="img" '
        f'aria-label="{escape(words)}">{parts}</svg>'
    )
