"""Who the client is, with real proxies in front: nginx and HAProxy say so in each of their ways."""

import re
import shutil
import socket
import subprocess

import helpers
import httpx
import pytest
from project import APP

CLIENT = "127.0.0.9"
"""Another address of this machine, which the proxies in front are not trusted under."""

FRONTS = {
    "nginx": """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{front};
        location / {{
            proxy_pass http://127.0.0.1:{listen};
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header Host $http_host;
        }}
    }}
}}
""",
    "nginx-v1": """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events {{ }}
stream {{
    server {{ listen 127.0.0.1:{front}; proxy_pass 127.0.0.1:{listen}; proxy_protocol on; }}
}}
""",
    "haproxy-v1": """
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen front
    bind 127.0.0.1:{front}
    server one 127.0.0.1:{listen} send-proxy
""",
    "haproxy-v2": """
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen front
    bind 127.0.0.1:{front}
    server one 127.0.0.1:{listen} send-proxy-v2 proxy-v2-options unique-id check inter 50 rise 1
    unique-id-format %[uuid()]
""",
}


@pytest.fixture
def front(project, request, tmp_path):
    """Start the proxy in front and wait until it accepts."""
    kind = request.param
    program = kind.partition("-")[0]
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    port = project.listen + 1
    folder = tmp_path / "front"
    folder.mkdir()
    text = FRONTS[kind].format(folder=folder, front=port, listen=project.listen)
    file = folder / "conf"
    file.write_text(text)
    if program == "nginx":
        words = [path, "-p", str(folder), "-c", str(file), "-e", str(folder / "error.log")]
        if subprocess.run([*words, "-t"], capture_output=True, check=False).returncode:
            pytest.skip(f"nginx cannot do {kind}: a module is not installed")
    else:
        words = [path, "-db", "-f", str(file)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            helpers.until(lambda: accepts(port))
            yield kind, port
        finally:
            process.terminate()


def accepts(port: int) -> bool:
    """Say whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def host(project, more: str) -> None:
    """Start a service whose listener has these keys too."""
    project.write(f"""
[services.api]
command = "{APP}"
port = {project.port}
[services.api.listen]
bind = {project.listen}
{more}
""").cli("start")


def asked_through(port: int, **fields: str) -> dict[str, str]:
    """Ask as CLIENT and return what the worker got; nothing if the front has no server yet."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=CLIENT)) as client:
        try:
            answer = client.get(f"http://127.0.0.1:{port}/headers", headers=fields)
        except httpx.RemoteProtocolError:
            return {}
        assert answer.status_code == 200, answer.text
        return {name.lower(): value for name, value in answer.json()["headers"].items()}


def who_asked(project) -> list[str]:
    """Return the clients in the access log, in their order."""
    log = project.state_dir() / "logs" / "access.log"
    helpers.until(lambda: log.exists() and "/headers" in log.read_text())
    return re.findall(r"(?m)^\S+ (\S+) GET /headers", log.read_text())


@pytest.mark.parametrize("front", FRONTS, indirect=True)
def test_the_worker_and_the_log_know_the_client_behind_the_proxy(project, front):
    kind, port = front
    more = 'trusted_proxies = ["127.0.0.1"]'
    if kind != "nginx":
        more += '\nproxy_protocol = "required"'
    host(project, more)
    # A proxy in front that looks after its servers needs a moment to see that there is one.
    got = helpers.until(lambda: asked_through(port, **{"X-Forwarded-For": "1.1.1.1"}))
    assert got["x-real-ip"] == CLIENT
    if kind == "nginx":
        assert got["x-forwarded-for"] == f"1.1.1.1, {CLIENT}, 127.0.0.1"
        assert got["x-forwarded-proto"] == "https"
    else:
        assert got["x-forwarded-for"] == CLIENT
    assert who_asked(project) == [CLIENT]


@pytest.mark.parametrize("front", ["haproxy-v1"], indirect=True)
def test_an_upgrade_keeps_who_the_client_is(project, front):
    _, port = front
    more = 'trusted_proxies = ["127.0.0.1"]\nproxy_protocol = true'
    host(project, more)
    with httpx.Client(transport=httpx.HTTPTransport(local_address=CLIENT)) as client:
        for turn in range(2):
            got = client.get(f"http://127.0.0.1:{port}/headers").json()["headers"]
            assert got["X-Real-IP"] == CLIENT
            if not turn:
                project.cli("upgrade")
