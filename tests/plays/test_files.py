"""A front end and its API behind one address, by curl and, beside it, by nginx."""

import http.client
import os
import shutil
import subprocess

import helpers
import pytest

DIST = """
[listeners.web]
bind = {listen}
[[routes]]
listener = "web"
files = {{ folder = "dist", fallback = "index.html" }}
error_pages = {{ 404 = "404.html" }}
[[routes]]
listener = "web"
path = "/api/"
service = "api"
"""


def has(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"needs {program}")


@pytest.fixture
def site(project):
    dist = project.folder / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<p>front end")
    (dist / "assets/film.mp4").write_bytes(os.urandom(3_000_000))
    (dist / "letters.txt").write_text("abcdefghij" * 10)
    (project.folder / "404.html").write_text("<p>nothing at {request_id}: {reason}")
    project.service(more=DIST.format(listen=project.listen + 1)).cli("start")
    return project


def curl(*words):
    done = subprocess.run(["curl", "-sS", *words], capture_output=True, timeout=30, check=True)
    return done.stdout


@has("curl")
def test_a_front_end_its_api_and_a_broken_download_that_goes_on(site, tmp_path):
    url = f"http://127.0.0.1:{site.listen + 1}"
    assert curl(f"{url}/patients/7") == b"<p>front end"
    assert b"front end" not in curl(f"{url}/api/x")
    page = curl("-H", "Accept: text/html", f"{url}/a/.hidden")
    assert page.startswith(b"<p>nothing at ")
    assert page.endswith(b": no such file")
    whole = (site.folder / "dist/assets/film.mp4").read_bytes()
    part = tmp_path / "film.mp4"
    part.write_bytes(whole[:1_234_567])
    curl("-C", "-", "-o", str(part), f"{url}/assets/film.mp4")
    assert part.read_bytes() == whole
    assert curl("-r", "-5", f"{url}/assets/film.mp4") == whole[-5:]
    etags = tmp_path / "etags"
    for status in (b"200", b"304"):
        told = curl(
            *("--etag-save", str(etags), "--etag-compare", str(etags)),
            *("-o", "/dev/null", "-w", "%{http_code}", f"{url}/letters.txt"),
        )
        assert told == status


def test_a_folder_that_is_gone_is_named_and_nothing_is_applied(site):
    (site.folder / "dist").rename(site.folder / "build")
    told = site.cli("check", code=78)
    assert "routes[0].files.folder: no such folder: " in told


NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/log;
{user}
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile on;
    if_modified_since before;
    types {{ text/plain txt; }}
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{ listen 127.0.0.1:{port}; root {folder}/dist; }}
}}
"""

AGO, SOON = "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 06 Nov 2071 08:49:37 GMT"


def conditions(etag, date):
    """Return sets of fields on which all servers should agree."""
    ranges = ("0-0", "0-", "5-9", "99-", "99-500", "-1", "-100", "-500", "100-", "200-300")
    yield from ({"Range": f"bytes={each}"} for each in ranges)
    yield from ({"Range": each} for each in ("lines=0-1", "bytes=x-", "bytes", "bytes=-"))
    for name in ("If-None-Match", "If-Match"):
        yield from ({name: each} for each in (etag, '"x"', f'"x", {etag}', "*", f"W/{etag}"))
    for name in ("If-Modified-Since", "If-Unmodified-Since"):
        yield from ({name: each} for each in (date, AGO, SOON))
    yield {"If-None-Match": '"x"', "If-Modified-Since": SOON}
    yield {"If-None-Match": etag, "If-Modified-Since": AGO}
    yield {"If-None-Match": etag, "Range": "bytes=0-1"}
    for condition in (etag, '"x"', date, AGO):
        yield {"If-Range": condition, "Range": "bytes=1-2"}


def is_apart(method, fields):
    """Say where nginx goes another way than RFC 9110.

    It answers 416 to what is no range (14.2 has it ignored), parts to HEAD (14.2: to GET only), and
    wants both conditions to hold where If-Modified-Since is to be ignored (13.1.3).
    """
    return (
        fields.get("Range") in ("bytes=x-", "bytes", "bytes=-")
        or (method == "HEAD" and "Range" in fields)
        or {"If-None-Match", "If-Modified-Since"} <= fields.keys()
    )


@has("nginx")
def test_conditions_and_ranges_are_answered_as_nginx_answers_them(site):
    port = site.listen + 2
    file = site.folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    file.write_text(NGINX.format(folder=site.folder, port=port, user=user))
    os.utime(site.folder / "dist/letters.txt", (1_700_000_000, 1_700_000_000))
    words = ["nginx", "-p", str(site.folder), "-c", str(file), "-e", str(site.folder / "log")]
    with subprocess.Popen(words) as nginx:
        try:
            helpers.until(lambda: _ask(port, "GET", {}))
            apart = [
                (method, fields, ours, theirs)
                for method in ("GET", "HEAD")
                for fields, ours, theirs in _both(site.listen + 1, port, method)
                if ours != theirs and not is_apart(method, fields)
            ]
        finally:
            nginx.terminate()
    assert not apart, "\n".join(map(str, apart))


def _both(ours, theirs, method):
    told = [_ask(port, "HEAD", {})[1] for port in (ours, theirs)]
    asked = [list(conditions(each["ETag"], each["Last-Modified"])) for each in told]
    for mine, other in zip(*asked, strict=True):
        yield mine, _seen(_ask(ours, method, mine)), _seen(_ask(theirs, method, other))


def _seen(answer):
    status, fields, body = answer
    if status >= 400:
        return status, fields.get("Content-Range")
    names = ("Content-Range", "Content-Length", "Last-Modified", "Accept-Ranges")
    return status, body, *(fields.get(name) for name in (names if status != 304 else names[:2]))


def _ask(port, method, fields):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, "/letters.txt", headers=fields)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    except ConnectionError:
        return None
    finally:
        connection.close()
