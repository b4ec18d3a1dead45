"""config/route_files.py, config/file_fields.py: folders and error pages as a person writes them."""

import os

import pytest

from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.model.errors import ConfigError
from webqx_supervisor.model.filters import ErrorPage
from webqx_supervisor.model.gateway import Files

WEB = '[listeners.web]\nbind = 8080\n[[routes]]\nlistener = "web"\n'
API = '[services.api]\ncommand = "true"\nport = 3001\nlisten = 3000\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "dist").mkdir()
    (tmp_path / "sorry.html").write_text("<p>{reason}")
    return tmp_path


def routes(text, folder):
    return parse(text, str(folder / "services.toml"), 2).routes


def problems(text, folder):
    with pytest.raises(ConfigError) as raised:
        routes(text, folder)
    return [(each.line, each.key, each.message) for each in raised.value.problems]


def test_a_folder_alone_is_all_that_files_need(folder):
    (route,) = routes(WEB + 'files = "dist"', folder)
    assert route.files == Files(str(folder / "dist"))
    assert route.service == ""


def test_a_front_end_is_one_line_more(folder):
    (route,) = routes(
        WEB
        + 'files = { folder = "dist", fallback = "index.html", '
        + 'cache = { "*.html" = "no-cache", "/assets/*" = "1y immutable", "*" = "1h30m" } }',
        folder,
    )
    assert route.files.fallback == "index.html"
    assert route.files.cache == (
        ("*.html", "no-cache"),
        ("/assets/*", "max-age=31536000, immutable"),
        ("*", "max-age=5400"),
    )
    (route,) = routes(WEB + 'files = { folder = "dist", cache = "no-store" }', folder)
    assert route.files.cache == (("*", "no-store"),)


def test_pages_travel_with_the_route_and_a_route_may_have_others(folder):
    (folder / "other.txt").write_text("other")
    text = API + 'error_pages = { 5xx = "sorry.html" }\n' + WEB
    one, own = routes(text + 'service = "api"\nerror_pages = { 404 = "other.txt" }', folder)
    assert own.filters.error_pages == (ErrorPage("5xx", "<p>{reason}"),)
    assert one.filters.error_pages == (ErrorPage("404", "other", "text/plain; charset=utf-8"),)


@pytest.mark.parametrize(
    ("files", "key", "message"),
    [
        ('"dits"', "routes[0].files.folder", "no such folder: "),
        ('{ folder = "dist", fallback = "../x" }', "routes[0].files.fallback", "wanted a file in"),
        ('{ folder = "dist", index = ["/x"] }', "routes[0].files.index[0]", "wanted a file in"),
        ('{ folder = "dist", cache = "1" }', "routes[0].files.cache", "wanted a duration like"),
        ('{ folder = "dist", cache = "1h public" }', "routes[0].files.cache", "wanted a duration"),
        ('{ folder = "dist", cache = { "a/b" = "1h" } }', "routes[0].files.cache", "wanted a patt"),
        ('{ folder = "dist", spa = true }', "routes[0].files.spa", "unknown key"),
        ("{}", "routes[0].files.folder", "is missing"),
        ('"dist"\nstrip_prefix = true', "routes[0].strip_prefix", "counts only with a `service`"),
        ('"dist"\nanswer = 204', "routes[0].answer", "the route leads to its `files` already"),
    ],
)
def test_what_is_wrong_with_files_is_told_with_its_key(folder, files, key, message):
    told = problems(WEB + f"files = {files}", folder)
    assert any(where.startswith(key) and what.startswith(message) for _, where, what in told), told


def test_pages_that_cannot_be_read_are_told_with_their_line(folder):
    (folder / "big.html").write_bytes(b"x" * 65537)
    (folder / "odd.html").write_bytes(b"\xff")
    os.mkfifo(folder / "pipe.html")
    text = API + "".join(
        ["[services.api.error_pages]\n"]
        + [f'{status} = "{name}.html"\n' for status, name in PAGES.items()]
    )
    assert [(line, what.split(":")[0]) for line, _, what in problems(text, folder)] == [
        (6, "no such file or directory"),
        (7, "larger than 64k"),
        (8, "not UTF-8 text"),
        (9, "no file"),
    ]
    assert problems(API + 'error_pages = { 200 = "sorry.html" }', folder)[0][2].startswith(
        'wanted a status, like "404"'
    )


PAGES = {"404": "gone", "500": "big", "502": "odd", "503": "pipe"}


def test_a_wrong_route_before_it_does_not_shift_the_place_of_a_complaint(folder):
    text = WEB + 'files = "dist"\npath = 7\n[[routes]]\nlistener = "web"\nfiles = "dits"\n'
    assert "routes[1].files.folder" in [key for _, key, _ in problems(text, folder)]
