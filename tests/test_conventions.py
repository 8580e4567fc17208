"""The rules of the house that a machine can hold."""

import ast
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from webapp.auth import PUBLIC_ENDPOINTS

from .conftest import make_app
from .order import LONG

PROJECT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted((PROJECT / "templates").rglob("*.html"))
FRAGMENTS = [path for path in TEMPLATES if path.name.startswith("_")]
MODULES = sorted((PROJECT / "webapp").rglob("*.py"))
MAX_LINES = 300
# Where rows are read and written.
MAY_QUERY = ("queries", "ingest")
# What an anonymous request may see; the whole list, so that none is added in passing.
PUBLIC = {
    "static",
    "pages.login",
    "api.login",
    "health.show_health",
    "health.show_readiness",
    "health.show_server_info",
}
VERBS = (
    "list",
    "show",
    "login",
    "logout",
    "export",
    "download",
    "find",
    "add",
    "set",
    "revoke",
    "import",
    "end",
)


def relative(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def find_rules() -> list[Rule]:
    return list(make_app("sqlite://").url_map.iter_rules())


def test_the_list_of_public_routes_is_this_one() -> None:
    assert set(PUBLIC_ENDPOINTS) == PUBLIC


def test_every_other_route_refuses_who_is_not_logged_in(client: FlaskClient) -> None:
    for rule in find_rules():
        if rule.endpoint in PUBLIC:
            continue
        path = re.sub(r"<[^>]+>", "1", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            response = client.open(path, method=method)
            expected = 401 if path.startswith(("/osm/api", "/metrics")) else 302
            assert response.status_code == expected, f"{method} {path}"


@pytest.mark.parametrize("rule", find_rules(), ids=str)
def test_an_address_is_kebab_case_with_typed_parameters(rule: Rule) -> None:
    for part in rule.rule.strip("/").split("/"):
        typed = re.fullmatch(r"<(int|string|path|uuid):[a-z_]+>(\.[a-z]+)?", part)
        plain = re.fullmatch(r"[a-z0-9-]*(\.[a-z]+)?", part)
        assert typed or plain or rule.endpoint == "static", rule.rule


@pytest.mark.parametrize("rule", find_rules(), ids=str)
def test_a_route_is_named_verb_noun(rule: Rule) -> None:
    name = rule.endpoint.rpartition(".")[2]
    assert rule.endpoint == "static" or name.split("_")[0] in VERBS, rule.endpoint


def test_no_fragment_is_left_without_a_user() -> None:
    sources = [path.read_text() for path in (*TEMPLATES, *MODULES)]
    for path in FRAGMENTS:
        name = str(path.relative_to(PROJECT / "templates"))
        assert any(f'"{name}"' in source for source in sources), f"{name} is used nowhere"


@pytest.mark.parametrize("path", FRAGMENTS, ids=relative)
def test_a_fragment_says_what_it_needs(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("{# Needs: ") or path.name == "_macros.html"


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_a_template_has_nothing_inline_and_nothing_unescaped(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\|\s*safe\b|autoescape\s+false", text), "|safe"
    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "an inline script"
    assert not re.search(r"<style|\sstyle=", text), "an inline style"
    assert not re.search(r"\s(on[a-z]+|hx-on[:a-z-]*)=", text), "an inline handler"
    assert not re.search(r'href="(#"|javascript:|https?://)', text), "a link to nowhere or outside"
    assert "url_for('static'" not in text.replace('"', "'"), "static_url gives the version too"
    assert "request.args" not in text, "links come from to_args"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_is_short_and_says_what_it_is(path: Path) -> None:
    source = path.read_text()
    assert source.count("\n") < MAX_LINES
    assert ast.get_docstring(ast.parse(source))
    assert path.stem not in ("utils", "helpers", "services", "common")


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_rows_are_read_only_where_queries_live(path: Path) -> None:
    if path.relative_to(PROJECT / "webapp").parts[0] not in MAY_QUERY:
        assert not re.search(r"(?<![.\w])(select|insert|update|delete)\(", path.read_text())


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.parent.name == "queries"], ids=relative
)
def test_a_query_never_sees_the_request(path: Path) -> None:
    names = {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module in ("flask", "htmx_flask")
        for alias in node.names
    }
    assert not names & {"request", "g", "session", "current_app"}


@pytest.mark.parametrize("name", LONG)
def test_what_is_handed_out_first_is_there(name: str) -> None:
    assert (PROJECT / name).exists()
