"""What stands behind every proxy that is compared: services of the product, at fixed ports.

Two nginx of one process each answer HTTP, so that the upstream is never what is measured; redis
answers ECHO; blob.py sends a gigabyte; sockets.py speaks WebSocket enough for a handshake.
"""

from dataclasses import dataclass
from pathlib import Path

from project import PYTHON, Project

HERE = Path(__file__).parent
BIG = 10_000_000
"""Bytes of the file /big."""
BLOB = 1_000_000_000
"""Bytes that blob.py sends for one byte."""


@dataclass(frozen=True)
class Doors:
    """Four ports of one proxy: HTTP, TCP to redis, TCP to the blob, WebSocket."""

    first: int

    @property
    def web(self) -> int:
        """The HTTP port, to the two nginx in turn."""
        return self.first

    @property
    def echo(self) -> int:
        """The TCP port to redis."""
        return self.first + 1

    @property
    def blob(self) -> int:
        """The TCP port to the gigabyte."""
        return self.first + 2

    @property
    def sockets(self) -> int:
        """The HTTP port to the WebSocket server."""
        return self.first + 3


@dataclass(frozen=True)
class Upstreams:
    """The ports behind the proxies."""

    first: int

    @property
    def web(self) -> tuple[int, int]:
        """Both nginx."""
        return self.first, self.first + 1

    @property
    def echo(self) -> int:
        """The redis server."""
        return self.first + 2

    @property
    def blob(self) -> int:
        """The sender of a gigabyte."""
        return self.first + 3

    @property
    def sockets(self) -> int:
        """The WebSocket server."""
        return self.first + 4


NGINX = """
daemon off;
master_process off;
pid {folder}/web-{port}.pid;
error_log {folder}/web-{port}.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 8000; }}
http {{
    access_log off;
    default_type text/plain;
    sendfile on;
    keepalive_requests 100000000;
    keepalive_timeout 1h;
    client_body_buffer_size 64k;
    {temp}
    # `return` answers before it has read a body; what is forwarded has been read whole.
    upstream answer {{ server unix:{folder}/web-{port}.sock; keepalive 64; }}
    server {{
        listen unix:{folder}/web-{port}.sock;
        set $k "{kilobyte}";
        location / {{ return 200 "$k$k$k$k$k$k$k$k$k$k$k$k$k$k$k$k"; }}
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{ return 200 "{hundred}"; }}
        location = /big {{ root {folder}; }}
        location = /post {{
            proxy_pass http://answer;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffers 8 16k;
        }}
    }}
}}
"""

SERVICES = """
[daemon]
proxies = {proxies}

[services.web]
command = "nginx -p {folder} -c {folder}/web-{{port}}.conf -e {folder}/web-{{port}}.log"
instances = 2
port = {web}
listen = {{ bind = {doors.web}, idle_timeout = "1h" }}

[services.echo]
command = "redis-server --port {{port}} --save '' --appendonly no"
port = {echo}
listen = {{ bind = {doors.echo}, protocol = "tcp" }}

[services.blob]
command = "{python} {here}/blob.py {{port}}"
port = {blob}
listen = {{ bind = {doors.blob}, protocol = "tcp" }}

[services.sockets]
command = "{python} {here}/sockets.py {{port}}"
port = {sockets}
listen = {{ bind = {doors.sockets}, idle_timeout = "1h" }}
"""


def temp_paths(folder: Path) -> str:
    """Return the lines that keep nginx's temporary files inside a folder."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)


def host(project: Project, proxies: int = 1) -> tuple[Doors, Upstreams]:
    """Start the product with everything behind it; return its doors and what they lead to."""
    folder, doors, behind = project.folder, Doors(project.listen), Upstreams(project.port)
    with (folder / "big").open("wb") as file:
        file.truncate(BIG)
    for port in behind.web:
        text = NGINX.format(
            folder=folder,
            port=port,
            temp=temp_paths(folder),
            kilobyte="k" * 1024,
            hundred="h" * 100,
        )
        (folder / f"web-{port}.conf").write_text(text)
    project.write(
        SERVICES.format(
            folder=folder,
            here=HERE,
            python=PYTHON,
            proxies=proxies,
            doors=doors,
            web=behind.web[0],
            echo=behind.echo,
            blob=behind.blob,
            sockets=behind.sockets,
        )
    )
    project.cli("start")
    return doors, behind
