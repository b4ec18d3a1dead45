"""Accept WebSockets by hand and send back every byte that follows: sockets.py PORT."""

import asyncio
import base64
import hashlib
import re
import sys

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


class Echo(asyncio.Protocol):
    """One client, from the handshake on."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a handshake."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.head = b""
        self.open = False

    def data_received(self, data: bytes) -> None:
        """Answer the handshake once, then echo."""
        if self.open:
            self.transport.write(data)
            return
        self.head += data
        if not self.head.endswith(b"\r\n\r\n"):
            return
        self.open = True
        key = re.search(rb"(?i)\r\nsec-websocket-key: *(\S+)", self.head)
        assert key
        accept = base64.b64encode(hashlib.sha1(key[1] + MAGIC).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )


async def main() -> None:
    """Listen for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


asyncio.run(main())
