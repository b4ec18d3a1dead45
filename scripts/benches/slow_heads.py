"""Keep connections that send a head a byte a second, as Slowloris does: slow_heads.py PORT COUNT.

Says `ready` once all are open, and then replaces each one that is ended, until it is killed.
"""

import socket
import sys
import time
from contextlib import suppress

START = b"GET /hundred HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "


def begin(port: int) -> socket.socket:
    """Open one more."""
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.setblocking(False)
    connection.sendall(START)
    return connection


def goes_on(connection: socket.socket) -> bool:
    """Send one more byte; tell whether the other side still wants it."""
    try:
        connection.send(b"x")
        connection.recv(1000)
    except BlockingIOError:
        return True  # no answer yet
    except OSError:
        pass
    return False  # it was answered, or ended


def main(port: int, count: int) -> None:
    """Go round once a second."""
    slow = [begin(port) for _ in range(count)]
    print("ready", flush=True)
    while True:
        began = time.monotonic()
        for place, connection in enumerate(slow):
            if not goes_on(connection):
                connection.close()
                with suppress(OSError):
                    slow[place] = begin(port)
        time.sleep(max(0.0, began + 1 - time.monotonic()))


main(int(sys.argv[1]), int(sys.argv[2]))
