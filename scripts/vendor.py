"""Copy the front-end packages that npm installed into static/vendor/."""

import re
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = PROJECT / "node_modules"
VENDOR = PROJECT / "static" / "vendor"
FILES = ("htmx.org/dist/htmx.min.js", "@tabler/core/dist/css/tabler.min.css")
# The maps are not copied: a browser with its tools open would ask for them in vain.
_SOURCE_MAP = re.compile(r"\s*(?:/\*# sourceMappingURL=\S+ \*/|//# sourceMappingURL=\S+)\s*$")
# Light and dark follow the system because Tabler's colours are `light-dark()` pairs and app.css
# sets the colour scheme; a Tabler that hangs them on an attribute again must not pass unseen.
_THEMED = ("--tblr-body-bg", "--tblr-body-color", "--tblr-border-color", "--tblr-link-color")


def copy_packages() -> None:
    """Copy each file without its source map; exit with one clear line when something is amiss."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        source = PACKAGES / name
        if not source.is_file():
            sys.exit(f"{source} is missing: run 'npm ci' first.")
        text = _SOURCE_MAP.sub("", source.read_text(encoding="utf-8"))
        if source.suffix == ".css":
            _check_schemes(text)
        (VENDOR / source.name).write_text(text + "\n", encoding="utf-8")


def _check_schemes(css: str) -> None:
    for name in _THEMED:
        if f"{name}:light-dark(" not in css:
            sys.exit(f"Tabler has changed: {name} is no light-dark() pair; see scripts/vendor.py.")


if __name__ == "__main__":
    copy_packages()
