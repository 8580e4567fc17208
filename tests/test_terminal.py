"""What a step printed as markup: colours, names for what cannot be seen, nothing else."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import make_ansi_css
from webapp.config import PROJECT
from webapp.terminal import render_lines, render_text, visible_text

# Texts that are likely to be sequences, beside any others.
TERMINAL_TEXT = st.lists(
    st.sampled_from(["\x1b", "\x1b[", "[", "]8;;", "31", "38;5;", "2;1;2;3", ";", ":", "m", "A"])
    | st.sampled_from(["\x1b[31m", "\x1b[0m", "\x1b(0", "\x07", "\n", "\r", "<b>", "&amp;", "q"])
    | st.characters(codec=None)
).map("".join)


class Reader(HTMLParser):
    """Read markup as a browser does, noting the tags and the text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.open_tags: list[str] = []
        self.text = ""
        self.feed(str(markup))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read_safely(markup: str) -> str:
    """Return the text of markup that has no tags but ours, each closed."""
    reader = Reader(markup)
    assert set(reader.tags) <= {("span", ("class",)), ("i", ())}
    assert reader.open_tags == []
    return reader.text


def shown(text: str) -> str:
    """Return a part of a text as it is shown, where there is more than white space."""
    return visible_text("." + text)[1:]


@given(TERMINAL_TEXT)
def test_any_text_is_shown_whole_and_makes_no_tag_of_its_own(text: str) -> None:
    assert read_safely(render_text(text)) == shown(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [(" ", "‹SP›"), (" \n\t", "‹SP›‹LF›‹HT›"), ("\xa0\u3000", "‹U+00A0›‹U+3000›"), ("", "")]
    + [("\x1b[31m \x1b[0m", "‹SP›"), (" a ", " a "), ("é ", "é ")],
)
def test_white_space_alone_is_seen(text: str, said: str) -> None:
    assert visible_text(text) == said


@given(TERMINAL_TEXT)
def test_lines_are_the_lines_of_the_text_each_closed(text: str) -> None:
    lines = [read_safely(line) for line in render_lines(text)]
    assert "\n".join(lines) == shown(text.removesuffix("\n"))


@given(TERMINAL_TEXT)
def test_what_is_shown_holds_no_control_character(text: str) -> None:
    shown = visible_text(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]", shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "\x1b]8;;http://evil/\x07link\x1b]8;;\x07",
            "‹ESC›]8;;http://evil/‹BEL›link‹ESC›]8;;‹BEL›",
        ),
        ("\x1b]0;title\x1b\\", "‹ESC›]0;title‹ESC›\\"),
        ("before\n\x1b[2J\x1b[Aafter", "before\n‹ESC›[2J‹ESC›[Aafter"),
        ("\x1b(0qqq\x1b(B", "‹ESC›(0qqq‹ESC›(B"),
        ("10 %\r20 %\r\n", "10 %‹CR›20 %‹CR›\n"),
        ("a\u202eb\u200bc\ufeff\x9b1m\x7f\x00", "a‹U+202E›b‹U+200B›c‹U+FEFF›‹U+009B›1m‹DEL›‹NUL›"),
        (
            "👩\u200d👩\u200d👧 می\u200cخواهم a\u200db",
            "👩\u200d👩\u200d👧 می\u200cخواهم a‹U+200D›b",
        ),
        ("\tTab stays, é and 漢 too", "\tTab stays, é and 漢 too"),
        ("\ud800", "‹U+D800›"),
        ("\x1b[1mbold\x1b[0m", "bold"),
        ("\x1b[" + "1;" * 60 + "m", "‹ESC›[" + "1;" * 60 + "m"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text: str, shown: str) -> None:
    assert visible_text(text) == shown
    assert read_safely(render_text(text)) == shown


@pytest.mark.parametrize(
    ("sequence", "classes"),
    [
        ("1;31", "ansi1 ansi31"),
        ("01;32", "ansi1 ansi32"),
        ("97", "ansi97"),
        ("38;5;1", "ansi31"),
        ("48;5;15", "ansi107"),
        ("38;5;208", "ansi38-208"),
        ("38;2;255;0;0", "ansi38-196"),
        ("48:2::0:0:255", "ansi48-21"),
        ("38;2;8;8;8", "ansi38-232"),
        ("58;5;5;4", "ansi4"),
        ("4:3", "ansi4"),
        ("21", "ansi4"),
        ("7;31", "inv31 inv_foreground"),
    ],
)
def test_colours_and_weights_become_classes(sequence: str, classes: str) -> None:
    assert render_text(f"\x1b[{sequence}mx") == f'<span class="{classes}">x</span>'


@pytest.mark.parametrize("sequence", ["38;5;999", "38;5", "38;2;1", "77", "10", "4:0", "٣", "38;9"])
def test_what_is_no_colour_leaves_the_text_plain(sequence: str) -> None:
    assert "<span" not in render_text(f"\x1b[{sequence}mx")


def test_a_colour_goes_on_over_lines_until_it_is_reset() -> None:
    lines = render_lines("\x1b[31ma\n\nb\x1b[0mc\nd\n")
    red = '<span class="ansi31">'
    assert lines == [f"{red}a</span>", f"{red}</span>", f"{red}b</span>c", "d"]


def test_nothing_printed_has_no_lines_and_an_empty_line_is_one() -> None:
    assert render_lines("") == []
    assert render_lines("\n") == [""]


@pytest.mark.parametrize(
    "text",
    [
        "[ok] line of output <b>\n" * 20_000,
        "\x1b[32m[ok]\x1b[0m line of output\n" * 20_000,
        "x" * 300_000,
        "\x1b" * 300_000,
        "\x1b[" + "1;" * 200_000,
        "\x1b]8;;" * 60_000,
        "\u200d" * 300_000,
    ],
)
def test_large_and_hostile_texts_keep_all_their_lines(text: str) -> None:
    assert len(render_lines(text)) == text.rstrip("\n").count("\n") + 1


def test_the_stylesheet_is_the_one_its_script_makes() -> None:
    assert (PROJECT / "static/ansi.css").read_text() == make_ansi_css.stylesheet()


def test_every_colour_can_be_read_on_every_other() -> None:
    rule = re.compile(r"(color|background): light-dark\((#\w{6}), (#\w{6})\)")
    found = rule.findall(make_ansi_css.stylesheet())
    for scheme in (1, 2):
        texts = [luminance(one[scheme]) for one in found if one[0] == "color"]
        grounds = [luminance(one[scheme]) for one in found if one[0] == "background"]
        # The page's own colours, from app.css: its text on any tint, any colour on its surface.
        texts.append(luminance(("", "#1c2128", "#e4e7eb")[scheme]))
        grounds.append(luminance(("", "#ffffff", "#1a1f25")[scheme]))
        lighter, darker = (grounds, texts) if scheme == 1 else (texts, grounds)
        assert (min(lighter) + 0.05) / (max(darker) + 0.05) >= 4.5


def luminance(code: str) -> float:
    red, green, blue = bytes.fromhex(code.removeprefix("#"))
    return make_ansi_css.luminance((red, green, blue))
