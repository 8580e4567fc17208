"""Turn what a step printed into markup that is safe to show; pure.

Colours and weights are kept (ECMA-48 SGR, as classes, see static/ansi.css). Nothing else a
terminal would obey is obeyed: every other control, bidi and invisible character becomes its name,
as ‹ESC› or ‹U+202E›; many Linux machines have no font for the pictures of U+2400. A carriage return
is shown so too: a terminal would write over the line, which is how output hides what it printed
before, and the numbers of lines stay those of the raw text.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from ansi2html import Ansi2HTMLConverter
from markupsafe import Markup, escape

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
_SGR = r"\x1b\[(?P<sgr>[0-9;:]{0,100})m"
_SPECIAL = re.compile(
    rf"{_SGR}|(?:[{_HIDDEN}]|\x1b(?!\[[0-9;:]{{0,100}}m)"
    rf"|(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}]))+"
)
_OPENING = re.compile(r'<span class="(?:ansi|inv)[^>]*>')

# SGR codes that ansi2html knows and that need no parameter.
_PLAIN_CODES = frozenset(
    (0, 1, 2, 3, 4, 5, 7, 8, 9, *range(22, 26), *range(27, 38), 39, *range(40, 48), 49)
    + (*range(90, 98), *range(100, 108))
)
# Nearest codes for what it does not know: fast blinking, double underline.
_NEAREST_CODES = {6: 5, 21: 4}
_FOREGROUND, _BACKGROUND, _UNDERLINE_COLOUR = 38, 48, 58
# The names that ASCII gives to its control characters.
_NAMES = (
    *("NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR"),
    *("SO", "SI", "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB"),
    *("ESC", "FS", "GS", "RS", "US"),
)
_CUBE_LEVELS = (0, 95, 135, 175, 215, 255)


def visible_text(text: str) -> str:
    """Return the text as it is shown: without colours, hidden characters by name."""
    return _SPECIAL.sub(lambda match: "" if match["sgr"] is not None else _names(match[0]), text)


def render_text(text: str) -> Markup:
    """Return the text as markup of `span` (a colour) and `i` (a name) and nothing else."""
    html = _SPECIAL.sub(_mark, str(escape(text)))
    if "\x1b" in html:
        # A converter keeps what it met, so each text gets its own. It sees escaped text in which
        # the only escapes are colours written by us: it cannot link, drop or move anything.
        html = Ansi2HTMLConverter(escaped=False).convert(html, full=False)
    return Markup(html)


def render_lines(text: str) -> list[Markup]:
    """Return the same line by line; a colour that goes on is opened again in each line."""
    return list(_split(str(render_text(text.removesuffix("\n"))))) if text else []


def _split(html: str) -> Iterator[Markup]:
    opening = ""
    for line in html.split("\n"):
        whole = opening + line
        # Colours do not nest: what was opened after the last end still holds.
        start = whole.rfind("</span>") + 1
        still_open = _OPENING.search(whole, start)
        opening = still_open[0] if still_open else ""
        yield Markup(whole + "</span>" if opening else whole)


def _mark(match: re.Match[str]) -> str:
    sgr = match["sgr"]
    return f"<i>{_names(match[0])}</i>" if sgr is None else _normal_sgr(sgr)


def _names(characters: str) -> str:
    return "".join(map(_name_of, characters))


@lru_cache(maxsize=512)
def _name_of(character: str) -> str:
    code = ord(character)
    if code < len(_NAMES):
        return f"‹{_NAMES[code]}›"
    return "‹DEL›" if code == 0x7F else f"‹U+{code:04X}›"


@lru_cache(maxsize=1024)
def _normal_sgr(parameters: str) -> str:
    """Return the sequence with only those codes that ansi2html reads rightly; maybe none."""
    codes = list(_read_codes(parameters))
    return f"\x1b[{';'.join(map(str, codes))}m" if codes else ""


def _read_codes(parameters: str) -> Iterator[int]:
    """Read `1;38;5;9`, `38;2;R;G;B`, and the same with colons."""
    parts = iter(parameters.split(";"))
    for part in parts:
        code, *rest = (int(number or 0) for number in part.split(":"))
        if code in (_FOREGROUND, _BACKGROUND, _UNDERLINE_COLOUR):
            colour = _read_colour(rest or _following(parts))
            if colour is not None and code != _UNDERLINE_COLOUR:
                yield from _colour_codes(code, colour)
        elif code == 4 and rest[:1] == [0]:
            yield 24
        elif (code := _NEAREST_CODES.get(code, code)) in _PLAIN_CODES:
            yield code


def _following(parts: Iterator[str]) -> list[int]:
    """Take the numbers of a colour from those after it."""
    kind = next(parts, "")
    numbers = islice(parts, {"5": 1, "2": 3}.get(kind, 0))
    return [int(number) if number.isdecimal() else 0 for number in (kind, *numbers)]


def _read_colour(numbers: list[int]) -> int | None:
    """Return the index among the 256 colours; a 24-bit one becomes the nearest."""
    if numbers[0] == 5 and len(numbers) == 2:
        index = numbers[1]
    elif numbers[0] == 2 and len(numbers) in (4, 5):
        # With colons the colour space may stand before red.
        index = _nearest_index(*(min(level, 255) for level in numbers[-3:]))
    else:
        return None
    return index if index < 256 else None


def _nearest_index(red: int, green: int, blue: int) -> int:
    levels = [min(range(6), key=lambda i: abs(_CUBE_LEVELS[i] - x)) for x in (red, green, blue)]
    cube = [_CUBE_LEVELS[level] for level in levels]
    grey_index = max(0, min(23, (red + green + blue - 24 + 15) // 30))
    grey = [8 + 10 * grey_index] * 3
    if _distance((red, green, blue), grey) < _distance((red, green, blue), cube):
        return 232 + grey_index
    return 16 + 36 * levels[0] + 6 * levels[1] + levels[2]


def _distance(one: tuple[int, int, int], other: list[int]) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _colour_codes(code: int, index: int) -> tuple[int, ...]:
    """Return the codes that set a colour; the first 16 have short ones of their own."""
    if index < 8:
        return (code - 8 + index,)
    return (code + 52 + index - 8,) if index < 16 else (code, 5, index)
