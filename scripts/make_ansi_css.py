"""Write static/ansi.css: the classes that ansi2html gives to terminal colours.

Usage: python scripts/make_ansi_css.py > static/ansi.css

A program may print any of 256 colours on any other. So that all of it can be read, text colours
are darkened (light scheme) or lightened (dark scheme) and backgrounds become tints, to the bounds
of luminance below: every pair then has the contrast of 4.5:1 that WCAG asks for.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

Colour = tuple[float, float, float]

BASIC = (
    *("000000", "cd0000", "00a000", "b58900", "1f4fdd", "cd00cd", "00a5a5", "e5e5e5"),
    *("7f7f7f", "ff3030", "00d700", "e6c300", "5c5cff", "ff55ff", "00d7d7", "ffffff"),
)
CUBE_LEVELS = (0, 95, 135, 175, 215, 255)


class Scheme(NamedTuple):
    """How far colours may go: towards what texts and tints are mixed, and until when."""

    text_towards: Colour
    text_fits: Callable[[float], bool]
    tint_towards: Colour
    tint_fits: Callable[[float], bool]


LIGHT = Scheme((0, 0, 0), lambda lum: lum <= 0.125, (255, 255, 255), lambda lum: lum >= 0.745)
DARK = Scheme((255, 255, 255), lambda lum: lum >= 0.31, (13, 17, 23), lambda lum: lum <= 0.028)

ALWAYS = """\
.terminal i { font-style: normal; border-radius: 2px; color: light-dark(#5b6470, #a5afbb); \
background: light-dark(#e9ebef, #252c35); }
.ansi1 { font-weight: 700; }
.ansi2 { color: light-dark(#5b6470, #a5afbb); }
.ansi3 { font-style: italic; }
.ansi4 { text-decoration: underline; }
.ansi5 { outline: 1px dotted; }
.ansi8 { text-decoration: underline dotted; }
.ansi9 { text-decoration: line-through; }
.inv_background { background: light-dark(#dfe2e7, #29303a); }
"""


def luminance(colour: Colour) -> float:
    """Return the relative luminance as WCAG defines it."""
    red, green, blue = (
        x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4
        for x in (level / 255 for level in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def fit(colour: Colour, towards: Colour, fits: Callable[[float], bool]) -> str:
    """Mix the colour towards another, no further than needed; return it in hex."""
    for step in range(101):
        red, green, blue = (
            round(a + (b - a) * step / 100) for a, b in zip(colour, towards, strict=True)
        )
        if fits(luminance((red, green, blue))):
            return f"#{red:02x}{green:02x}{blue:02x}"
    raise AssertionError("the colour mixed towards fits itself")


def palette() -> Iterator[Colour]:
    """Yield the 256 colours: 16 basic ones, a cube of 216, 24 greys."""
    for code in BASIC:
        red, green, blue = bytes.fromhex(code)
        yield red, green, blue
    for red in CUBE_LEVELS:
        for green in CUBE_LEVELS:
            yield from ((red, green, blue) for blue in CUBE_LEVELS)
    yield from ((level, level, level) for level in range(8, 248, 10))


def class_codes(index: int) -> tuple[str, str]:
    """Return what stands after `ansi` or `inv` for a colour as text and as background."""
    if index < 8:
        return f"3{index}", f"4{index}"
    return (f"9{index - 8}", f"10{index - 8}") if index < 16 else (f"38-{index}", f"48-{index}")


def rules() -> Iterator[str]:
    """Yield two rules for each colour: as text and as background."""
    for index, colour in enumerate(palette()):
        text, background = class_codes(index)
        texts = (fit(colour, scheme.text_towards, scheme.text_fits) for scheme in (LIGHT, DARK))
        tints = (fit(colour, scheme.tint_towards, scheme.tint_fits) for scheme in (LIGHT, DARK))
        yield f".ansi{text}, .inv{background} {{ color: light-dark({', '.join(texts)}); }}"
        yield f".ansi{background}, .inv{text} {{ background: light-dark({', '.join(tints)}); }}"


def stylesheet() -> str:
    """Return the whole of static/ansi.css."""
    head = "/* Made by scripts/make_ansi_css.py; change that, not this. */\n"
    return head + ALWAYS + "\n".join(rules()) + "\n"


if __name__ == "__main__":
    print(stylesheet(), end="")
