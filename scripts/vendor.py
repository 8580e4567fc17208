"""Put the front-end packages that npm installed into static/vendor/, Tabler's CSS cut to our use.

Tabler's style sheet is 80 KB compressed, of which the pages use a fifteenth. PurgeCSS leaves the
rules whose names occur in the templates, the scripts or the Python that makes class names.
"""

import hashlib
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = PROJECT / "node_modules"
VENDOR = PROJECT / "static" / "vendor"
TABLER = PACKAGES / "@tabler/core/dist/css/tabler.min.css"
HTMX = PACKAGES / "htmx.org/dist/htmx.min.js"
PURGECSS = PACKAGES / "purgecss/bin/purgecss.js"
# What may name a class, a tag or an attribute that a page has.
SOURCES = ("templates/**/*.html", "static/*.js", "webapp/**/*.py")
# The maps are not copied: a browser with its tools open would ask for them in vain.
_SOURCE_MAP = re.compile(r"\s*(?:/\*# sourceMappingURL=\S+ \*/|//# sourceMappingURL=\S+)\s*$")
_WORD = re.compile(r"[A-Za-z0-9_-]+")
_SELECTOR = re.compile(r"(?:^|[{}])([^{}]*)(?=\{)")
# Light and dark follow the system because Tabler's colours are `light-dark()` pairs and app.css
# sets the colour scheme; a Tabler that hangs them on an attribute again must not pass unseen.
_THEMED = ("--tblr-body-bg", "--tblr-body-color", "--tblr-border-color", "--tblr-link-color")

RunNode = Callable[..., None]


def fill(run_node: RunNode) -> None:
    """Fill static/vendor; `run_node` runs node with arguments."""
    _check_schemes(TABLER.read_text(encoding="utf-8"))
    VENDOR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stepboard-css-") as folder:
        # Of that name: PurgeCSS reads no other than the ones it is given, by pattern.
        words = Path(folder) / "words.txt"
        words.write_text("\n".join(find_used_words()), encoding="utf-8")
        options = ("--keyframes", "--font-face", "--variables", "--output", folder)
        run_node(PURGECSS, "--css", TABLER, "--content", words, *options)
        _copy(Path(folder) / TABLER.name)
    _copy(HTMX)


def find_used_words() -> list[str]:
    """Return the words of Tabler's selectors that occur in our sources; what is cut hangs on them.

    So the cut is made anew when a page begins to use another of Tabler's rules, and only then.
    """
    selectors = " ".join(_SELECTOR.findall(TABLER.read_text(encoding="utf-8")))
    ours: set[str] = set()
    for pattern in SOURCES:
        for path in PROJECT.glob(pattern):
            ours.update(_WORD.findall(path.read_text(encoding="utf-8")))
    return sorted(ours.intersection(_WORD.findall(selectors)))


def fingerprint() -> str:
    """Return what identifies the content that static/vendor should have."""
    digest = hashlib.sha256("\n".join(find_used_words()).encode())
    for path in (TABLER, HTMX, PURGECSS, Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_filled() -> bool:
    """Tell whether static/vendor has its files."""
    return all((VENDOR / source.name).is_file() for source in (TABLER, HTMX))


def is_fetched() -> bool:
    """Tell whether npm has put its packages where they are read."""
    return all(source.is_file() for source in (TABLER, HTMX, PURGECSS))


def _copy(source: Path) -> None:
    text = _SOURCE_MAP.sub("", source.read_text(encoding="utf-8"))
    (VENDOR / source.name).write_text(text + "\n", encoding="utf-8")


def _check_schemes(css: str) -> None:
    for name in _THEMED:
        if f"{name}:light-dark(" not in css:
            sys.exit(f"Tabler has changed: {name} is no light-dark() pair; see scripts/vendor.py.")
