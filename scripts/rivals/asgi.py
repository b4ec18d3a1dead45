"""The app of the plays for ASGI servers: GET, slow GET, POST, download, events, WebSocket."""

import asyncio
import json
import os
import sys
from pathlib import Path

if os.environ.get("NEXT") and Path(os.environ["NEXT"]).read_text().strip() == "crash":
    sys.exit(3)
BLOCK = bytes(range(256)) * 4096


async def app(scope, receive, send):  # noqa: ANN001, ANN201, D103 - the interface of ASGI
    if scope["type"] == "websocket":
        await echo(receive, send)
    elif scope["type"] == "http":
        await answer(scope, receive, send)


async def answer(scope, receive, send):  # noqa: ANN001, ANN201, D103
    while (await receive()).get("more_body"):
        pass
    path = scope["path"]
    if path == "/download":
        length = [(b"content-length", b"%d" % (50 * len(BLOCK)))]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        for _ in range(50):
            await send({"type": "http.response.body", "body": BLOCK, "more_body": True})
        await send({"type": "http.response.body"})
        return
    if path == "/events":
        kind = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})
        number = 0
        while True:
            number += 1
            event = f"data: {os.getpid()} {number}\n\n".encode()
            await send({"type": "http.response.body", "body": event, "more_body": True})
            await asyncio.sleep(0.05)
    if path == "/slow":
        await asyncio.sleep(0.2)
    body = json.dumps({"pid": os.getpid()}).encode()
    length = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})


async def echo(receive, send):  # noqa: ANN001, ANN201, D103
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
