"""Read the sequences that set colours and weights (ECMA-48 SGR), and what holds after them; pure.

A style is what a terminal would draw the next character with: pairs of what is set and its codes.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

Style = tuple[tuple[str, tuple[int, ...]], ...]

SGR = r"\x1b\[(?P<sgr>[0-9;:]{0,100})m"
_SGR_OF_BYTES = re.compile(SGR.encode())
# UTF-8 has no such byte.
_MARK = b"\xff"
# Of a text with more different sequences, the rest is searched one by one.
_REPLACED_AT_ONCE = 32
# A passage that began before so many sequences is not known to go on.
LOOKED_BACK = 10_000

_FOREGROUND, _BACKGROUND, _UNDERLINE_COLOUR = 38, 48, 58
_CUBE_LEVELS = (0, 95, 135, 175, 215, 255)
# What each code sets, of those that ansi2html knows; the last of a group sets it back.
_GROUPS = {
    "weight": (1, 2, 22),
    "slant": (3, 23),
    "underline": (4, 24),
    "blink": (5, 25),
    "negative": (7, 27),
    "hidden": (8, 28),
    "strike": (9, 29),
    "foreground": (*range(30, 38), *range(90, 98), 38, 39),
    "background": (*range(40, 48), *range(100, 108), 48, 49),
}
_GROUP_OF = {code: name for name, codes in _GROUPS.items() for code in codes}
_DEFAULTS = frozenset(codes[-1] for codes in _GROUPS.values())
# Nearest codes for what it does not know: fast blinking, double underline.
_NEAREST_CODES = {6: 5, 21: 4}


@lru_cache(maxsize=4096)
def style_after(style: Style, parameters: str) -> Style:
    """Return the style after one more sequence with these parameters."""
    settings = dict(style)
    for codes in _read_codes(parameters):
        if codes[0] == 0:
            settings.clear()
        elif codes[0] in _DEFAULTS:
            settings.pop(_GROUP_OF[codes[0]], None)
        else:
            settings[_GROUP_OF[codes[0]]] = codes
    return tuple(sorted(settings.items()))


def join_codes(style: Style) -> str:
    """Return the parameters that set a style."""
    return ";".join(str(code) for _, codes in style for code in codes)


def find_effect(text: bytes, start: int, end: int) -> str:
    """Return the parameters that do what all sequences between two places of a text do.

    From the end backwards, as the last one to set a thing wins; a sequence seen already adds
    nothing, and those before a reset count for nothing.
    """
    seen: dict[str, None] = {}
    for _ in range(LOOKED_BACK):
        end = text.rfind(b"\x1b[", start, end)
        if end < 0:
            break
        match = _SGR_OF_BYTES.match(text, end)
        parameters = match["sgr"].decode() if match else None
        if parameters is not None and parameters not in seen:
            seen[parameters] = None
            if _holds_reset(parameters):
                break
    return _join_effects(reversed(seen))


def strip_sgr(text: bytes) -> bytes:
    """Return a text without its sequences, as a reader sees it."""
    found = _SGR_OF_BYTES.search(text)
    # Most texts have many of few sequences: to replace each of these everywhere is fast. The mark
    # keeps what stood around one from becoming another.
    for _ in range(_REPLACED_AT_ONCE):
        if not found:
            return text.translate(None, _MARK)
        text = text.replace(found[0], _MARK)
        found = _SGR_OF_BYTES.search(text, found.start())
    return _SGR_OF_BYTES.sub(b"", text).translate(None, _MARK)


def cut_before_sgr(text: bytes, place: int) -> int:
    """Return the place, or the start of the sequence that it falls into."""
    match = _sgr_over(text, place)
    return match.start() if match else place


def cut_after_sgr(text: bytes, place: int) -> int:
    """Return the place, or the end of the sequence that it falls into."""
    match = _sgr_over(text, place)
    return match.end() if match else place


def _sgr_over(text: bytes, place: int) -> re.Match[bytes] | None:
    start = text.rfind(b"\x1b", max(place - 103, 0), place)
    match = _SGR_OF_BYTES.match(text, start) if start >= 0 else None
    return match if match and match.end() > place else None


def _join_effects(sequences: Iterator[str]) -> str:
    settings: dict[str, tuple[int, ...]] = {}
    for parameters in sequences:
        for codes in _read_codes(parameters):
            if codes[0] == 0:
                settings = {"reset": codes}
            else:
                settings[_GROUP_OF[codes[0]]] = codes
    return ";".join(str(code) for codes in settings.values() for code in codes)


@lru_cache(maxsize=4096)
def _holds_reset(parameters: str) -> bool:
    return (0,) in _read_codes(parameters)


@lru_cache(maxsize=4096)
def _read_codes(parameters: str) -> tuple[tuple[int, ...], ...]:
    """Return only those settings that ansi2html reads rightly; maybe none."""
    return tuple(_find_codes(parameters))


def _find_codes(parameters: str) -> Iterator[tuple[int, ...]]:
    """Read `1;38;5;9`, `38;2;R;G;B`, and the same with colons."""
    parts = iter(parameters.split(";"))
    for part in parts:
        code, *rest = (int(number or 0) for number in part.split(":"))
        if code in (_FOREGROUND, _BACKGROUND, _UNDERLINE_COLOUR):
            colour = _read_colour(rest or _following(parts))
            if colour is not None and code != _UNDERLINE_COLOUR:
                yield _colour_codes(code, colour)
        elif code == 4 and rest[:1] == [0]:
            yield (24,)
        elif (code := _NEAREST_CODES.get(code, code)) == 0 or code in _GROUP_OF:
            yield (code,)


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
