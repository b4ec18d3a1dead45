"""What `init` writes is started, and answers."""

import json
import re
import shutil

import httpx
import pytest


def started(project):
    """Have init write the file, start it and return what it answers."""
    project.cli("init")
    text = project.file.read_text()
    text = re.sub("^port = [0-9]+", f"port = {project.port}", text, flags=re.MULTILINE)
    text = re.sub("^(listen|bind) = [0-9]+", rf"\1 = {project.listen}", text, flags=re.MULTILINE)
    project.write(text)  # the same with ports of this test's own
    project.cli("start")
    return httpx.get(project.url)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_a_project_of_node(project):
    package = {"name": "clinic", "scripts": {"start": "node server.js"}}
    (project.folder / "package.json").write_text(json.dumps(package))
    (project.folder / "server.js").write_text(
        "const answer = (request, response) => response.end('hello')\n"
        "require('http').createServer(answer).listen(process.env.PORT, '127.0.0.1')\n"
    )
    assert started(project).text == "hello"
    assert len(project.all_running(2, "clinic")) == 2


def test_a_procfile(project):
    (project.folder / "Procfile").write_text(
        "web: python3 -m http.server --bind 127.0.0.1 $PORT\njobs: cd . && exec sleep 1000\n"
    )
    (project.folder / "x.html").write_text("hello")
    assert started(project).status_code == 200
    project.all_running(1, "jobs")


def test_plain_files(project):
    (project.folder / "public").mkdir()
    (project.folder / "public" / "index.html").write_text("hello")
    assert started(project).text == "hello"
