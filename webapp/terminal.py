"""Turn what a step printed into markup that is safe to show; pure.

Colours and weights are kept (ECMA-48 SGR, as classes, see static/ansi.css). Nothing else a
terminal would obey is obeyed: every other control, bidi and invisible character becomes its name,
as ‹ESC› or ‹U+202E›; many Linux machines have no font for the pictures of U+2400. A carriage return
is shown so too: a terminal would write over the line, which is how output hides what it printed
before, and the numbers of lines stay those of the raw text.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from ansi2html import Ansi2HTMLConverter
from markupsafe import Markup, escape

from .sgr import SGR, Style, join_codes, style_after

# Characters that draw nothing or turn others around: C0 but tab and newline, DEL, C1, soft hyphen,
# bidi controls, zero-width ones, line and paragraph separators, variation selectors but those of
# emoji, interlinear annotations, tags, lone surrogates.
_HIDDEN = (
    "\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff9-\ufffb"
    "\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Where the two joiners are part of writing: Arabic to Myanmar letters, and emoji.
_JOINED = "\u0600-\u109f\u200d\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"
_SPECIAL = re.compile(
    rf"{SGR}|(?:[{_HIDDEN}]|\x1b(?!\[[0-9;:]{{0,100}}m)"
    rf"|(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}]))+"
)
# The names that ASCII gives to its control characters.
_NAMES = (
    *("NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR"),
    *("SO", "SI", "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB"),
    *("ESC", "FS", "GS", "RS", "US"),
)


def visible_text(text: str) -> str:
    """Return the text as it is shown: without colours, hidden characters by name.

    White space is hidden where there is nothing else.
    """
    # Most texts; a call less, as a page has hundreds of them.
    if text.isascii() and text.isprintable() and not text.isspace():
        return text
    if not _is_plain(text):
        text = _SPECIAL.sub(_name_match, text)
    return _names(text) if text.isspace() else text


def _name_match(match: re.Match[str]) -> str:
    return "" if match["sgr"] is not None else _names(match[0])


def render_text(text: str) -> Markup:
    """Return the text as markup of `span` (a colour) and `i` (a name) and nothing else."""
    return Markup("\n".join(_paint(text.split("\n"), "")))


def render_lines(text: str) -> list[Markup]:
    """Return the same line by line; a colour that goes on is opened again in each line."""
    return render_texts(text.removesuffix("\n").split("\n")) if text else []


def render_texts(texts: Iterable[str], carried: str = "") -> list[Markup]:
    """Return texts as markup each; the colours of one go on in the next.

    `carried` has the parameters of the sequence that holds before the first.
    """
    return [Markup(html) for html in _paint(texts, carried)]


class _Brush:
    """Turns one match after the other into markup, knowing the style that holds."""

    def __init__(self, style: Style) -> None:
        self.style = style

    def mark(self, match: re.Match[str]) -> str:
        sgr = match["sgr"]
        if sgr is None:
            return f"<i>{_names(match[0])}</i>"
        before, self.style = self.style, style_after(self.style, sgr)
        return "" if before == self.style else _close(before) + _open(self.style)


def _paint(texts: Iterable[str], carried: str) -> Iterator[str]:
    brush = _Brush(style_after((), carried) if carried else ())
    for text in texts:
        opening, html = _open(brush.style), str(escape(text))
        if not _is_plain(text):
            html = _SPECIAL.sub(brush.mark, html)
        yield opening + html + _close(brush.style)


def _is_plain(text: str) -> bool:
    """Tell most texts, which hold nothing special, from others, fast."""
    return text.isascii() and text.isprintable()


@lru_cache(maxsize=4096)
def _open(style: Style) -> str:
    """Return the tag of a style; ansi2html knows the classes.

    What was printed never reaches it: it cannot link, drop or move anything.
    """
    if not style:
        return ""
    sample = Ansi2HTMLConverter().convert(f"\x1b[{join_codes(style)}mx", full=False)
    return sample.partition(">x")[0] + ">"


def _close(style: Style) -> str:
    return "</span>" if style else ""


def _names(characters: str) -> str:
    return "".join(map(_name_of, characters))


@lru_cache(maxsize=512)
def _name_of(character: str) -> str:
    code = ord(character)
    if character == " ":
        return "‹SP›"
    if code < len(_NAMES):
        return f"‹{_NAMES[code]}›"
    return "‹DEL›" if code == 0x7F else f"‹U+{code:04X}›"
