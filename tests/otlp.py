"""A receiver of OpenTelemetry's spans, which reads them with the official definitions."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Receiver:
    """Keeps what comes; answers with `status`."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.status = 200
        self.server = server
        self.port: int = server.server_address[1]
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._taken: list[ExportTraceServiceRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        status = self.status
        self.paths.append(path)
        self.headers.append(headers)
        if status == 200:
            self._taken.append(ExportTraceServiceRequest.FromString(body))
        return status

    def spans(self) -> list[Span]:
        """Return all spans that were taken."""
        return [
            span
            for request in list(self._taken)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def resources(self) -> list[dict[str, object]]:
        """Return what is said of who has made them."""
        return [
            attributes_of(resource.resource)
            for request in list(self._taken)
            for resource in request.resource_spans
        ]


def attributes_of(what) -> dict[str, object]:
    """Return the attributes of a span or a resource as Python's values."""
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in what.attributes
    }


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """Have a receiver on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            fields = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receiver.take(self.path, fields, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        receiver = Receiver(server)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
