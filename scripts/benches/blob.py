"""Answer one byte with a gigabyte, then close: blob.py PORT."""

import os
import socketserver
import sys
import tempfile

SIZE = 1_000_000_000


class Sender(socketserver.BaseRequestHandler):
    """Sends a sparse file; a connection that says nothing (a probe) gets nothing."""

    def handle(self) -> None:
        """Serve one connection."""
        if not self.request.recv(1):
            return
        with tempfile.TemporaryFile() as file:
            file.truncate(SIZE)
            sent = 0
            while sent < SIZE:
                sent += os.sendfile(self.request.fileno(), file.fileno(), sent, SIZE - sent)


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Sender).serve_forever()
