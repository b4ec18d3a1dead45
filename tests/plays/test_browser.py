"""CORS as a real browser sees it: pages of one origin call the API of another."""

import json

from browser import Site, needs_browser

CALLS = """
    const call = (path, more = {}) => outcome(fetch('%(api)s' + path, {
        credentials: 'include', headers: {Authorization: 'Bearer abc'}, ...more
    }).then(async (answer) => ({
        status: answer.status, type: answer.type, text: await answer.text(),
        total: answer.headers.get('x-total'), secret: answer.headers.get('x-secret'),
    })));
    const first = await call('/api/me');
    const second = await call('/api/me');
    const put = await call('/api/me', {method: 'PUT', body: '{}'});
    const missing = await call('/nowhere');
    return {first, second, put, missing};
"""
HEADERS = '[services.api.response_headers]\nset = { X-Total = "7", X-Secret = "x" }\n'


def cors(origin):
    return (
        f"[services.api.cors]\norigins = {json.dumps([origin])}\ncredentials = true\n"
        'expose = ["X-Total"]\nmethods = ["GET"]\n' + HEADERS
    )


def visits(project, tmp_path, origins):
    """Host the API for these origins; return what the page saw."""
    with Site(CALLS % {"api": project.url}) as site:
        project.service(more=cors(origins(site.origin))).cli("start")
        seen = site.visit(tmp_path)
    project.cli("stop")
    return seen


def asked(project):
    """Return (method, status) of each request in the access log."""
    lines = [
        line.split()
        for log in project.home.rglob("access*.log")
        for line in log.read_text().splitlines()
    ]
    return [(line[2], line[4]) for line in lines]


@needs_browser
def test_a_listed_page_may_call_and_read_what_is_exposed(project, tmp_path):
    seen = visits(project, tmp_path, lambda origin: origin)
    first = seen["first"]
    assert (first["status"], first["type"]) == (200, "cors")
    assert json.loads(first["text"])["headers"]["Authorization"] == "Bearer abc"
    assert (first["total"], first["secret"]) == ("7", None)
    assert seen["second"]["status"] == 200
    # What the list of methods leaves out the browser never sends.
    assert "error" in seen["put"]
    methods = [method for method, _ in asked(project)]
    assert (
        methods.count("OPTIONS") == 2 + 1
    )  # /api/me once for two calls and once for PUT, /nowhere


@needs_browser
def test_a_page_that_is_not_listed_reads_nothing(project, tmp_path):
    seen = visits(project, tmp_path, lambda _: "https://me.github.io")
    assert all("error" in outcome for outcome in seen.values())
    assert {method for method, _ in asked(project)} == {"OPTIONS"}  # nothing but preflights came
