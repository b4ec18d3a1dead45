"""A real browser: pages that are served here, on an origin of their own, tell what they saw."""

import contextlib
import http.server
import json
import shutil
import subprocess
import threading
from queue import Empty, Queue

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--disable-extensions"),
)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
SECONDS = 60

PAGE = """<!doctype html><meta charset="utf-8"><title>play</title>
<script type="module">
const report = (seen) => fetch('/report', {method: 'POST', body: JSON.stringify(seen)});
const outcome = (promise) => promise.then((value) => value, (error) => ({error: String(error)}));
try { await report(await (async () => { %s })()); }
catch (error) { await report({error: String(error)}); }
</script>
"""


class Site:
    """Serves one page, whose `script` returns what it saw; a context manager."""

    def __init__(self, script, files=None):
        self._script = script
        self._files = files or {}
        self._reports = Queue()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                known = {"/": PAGE % site._script} | site._files
                body = known.get(self.path, "").encode()
                self.send_response(200 if self.path in known else 404)
                script = self.path.endswith(".js")
                self.send_header("Content-Type", "text/javascript" if script else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                length = int(self.headers["Content-Length"])
                site._reports.put(json.loads(self.rfile.read(length)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def fill(self, **values):
        """Put into the script what was not known before."""
        self._script %= values

    def visit(self, folder):
        """Open the page in a browser with a profile below `folder`; return what it reports."""
        browser = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", self.origin],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            return self._reports.get(timeout=SECONDS)
        except Empty:
            browser.kill()
            said = browser.stderr.read().decode(errors="replace")
            raise AssertionError(f"the page reported nothing\n{said[-2000:]}") from None
        finally:
            browser.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                browser.wait(timeout=10)
            browser.stderr.close()
