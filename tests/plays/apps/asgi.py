"""An ASGI application for servers that take a socket: answers who it is."""

import json
import os


async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = json.dumps({"pid": os.getpid(), "path": scope["path"]}).encode()
    length = str(len(body)).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
    )
    await send({"type": "http.response.body", "body": body})


def wsgi(environ, start_response):
    """Do the same for WSGI."""
    body = json.dumps({"pid": os.getpid(), "path": environ["PATH_INFO"]}).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
