"""Every page there is, by its endpoint, over the demo: what axe checks and what is pictured.

A new route that answers GET stands in PAGES, or in NO_PAGES with the reason; a test holds that.
"""

from typing import Final

# Endpoint -> a name for each picture -> path. The demo's numbers are always the same.
PAGES: Final[dict[str, dict[str, str]]] = {
    "pages.show_overview": {"overview": "/"},
    "pages.list_steps": {
        "steps": "/steps",
        "steps-failed": "/steps?status=failed",
        "steps-filtered": "/steps?status=completed&step_type=bash&step_name=scan&workspace=!x",
        "steps-no-match": "/steps?status=pending",
        "steps-bad-filter": "/steps?status=nope&run_id=x",
        "steps-no-such-page": "/steps?offset=5000",
    },
    "pages.list_runs": {
        "runs": "/runs",
        "runs-failed": "/runs?status=failed&sort=-duration_ms",
        "runs-no-match": "/runs?status=webhook",
    },
    "pages.show_run": {
        "run-completed": "/runs/31",
        "run-failed": "/runs/30",
        "run-cancelled": "/runs/26",
        "run-running": "/runs/25",
        "run-queued": "/runs/27",
    },
    "pages.show_run_comparison": {
        "compare": "/runs/32/compare",
        "compare-more": "/runs/20/compare",
    },
    "pages.show_run_group": {"run-group": "/run-groups/b56d3aa8"},
    "pages.show_step": {
        "step-failed": "/steps/165",
        "step-running": "/steps/145",
        "step-skipped": "/steps/169",
        "step-odd": "/steps/63",
        "step-markup": "/steps/68",
        "step-long": "/steps/67",
    },
    "pages.list_workflows": {"workflows": "/workflows"},
    "pages.list_failure_groups": {"failure-groups": "/failure-groups"},
    "pages.show_failure_group": {"failure-group": "/failure-groups/165"},
    "pages.list_tokens": {"tokens": "/tokens"},
    "pages.list_users": {"users": "/users"},
    "pages.show_user": {"user": "/users/1"},
    "pages.show_password": {"password": "/account/password"},
    "pages.list_sources": {"sources": "/sources"},
    "pages.list_audit_events": {
        "audit": "/audit-events",
        "audit-filtered": "/audit-events?action=imported&created_after=2026-01-01",
        "audit-no-match": "/audit-events?actor=nobody-at-all",
    },
    "pages.show_api_docs": {"api-docs": "/api-docs"},
}
NO_PAGES: Final[dict[str, str]] = {
    "static": "files",
    "metrics.show_metrics": "plain text",
    "pages.login": "seen by who is not signed in: SIGNED_OUT",
    "pages.show_run_of_uuid": "leads to show_run",
    "pages.show_run_live": "a part of show_run",
    "pages.show_new_runs": "a part of list_runs",
    "pages.show_new_steps": "a part of list_steps",
    "pages.show_source_state": "a part of list_sources",
    "pages.show_step_peek": "a part of show_run",
    "pages.show_step_progress": "a part of show_step",
    "pages.list_step_lines": "a part of show_step",
    "pages.list_suggestions": "a part of the filter forms",
    "pages.show_step_output": "plain text",
}
SIGNED_OUT: Final = {"login": "/login", "signed-out-not-found": "/static/nothing"}
ERRORS: Final = {"not-found": "/nowhere", "run-not-found": "/runs/999999"}
# What a fresh install shows, before anything is imported.
FRESH: Final = {
    "fresh-overview": "/",
    "fresh-steps": "/steps",
    "fresh-runs": "/runs",
    "fresh-workflows": "/workflows",
    "fresh-tokens": "/tokens",
    "fresh-sources": "/sources",
}
SIGNED_IN: Final = {name: path for paths in PAGES.values() for name, path in paths.items()} | ERRORS
