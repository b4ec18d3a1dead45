"""Ask at random moments, whatever the answers do; print the times: paced.py PORT RATE SECONDS.

Arrivals are a Poisson process from a fixed seed, the same for everyone who is compared. A request
never waits for an answer: it takes a connection that is free, or a new one. Prints how many
microseconds the median and the 99th percentile took from send to the answer's last byte.
"""

import random
import select
import socket
import sys
import time

REQUEST = (
    b"GET /hundred HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n"
    b"Accept-Language: en\r\nAccept-Encoding: gzip\r\nCookie: session=2f4a1c9e7b; theme=dark\r\n"
    b"Referer: http://www.example.com/\r\nCache-Control: no-cache\r\nX-One: 1\r\nX-Two: 2\r\n\r\n"
)
BODY = b"h" * 100


class Client:
    """Free connections, those that wait for an answer, and what the answers took."""

    def __init__(self, port: int, connections: int) -> None:
        self.port = port
        self.free = [self.connect() for _ in range(connections)]
        self.waiting: dict[socket.socket, float] = {}
        self.took: list[float] = []

    def connect(self) -> socket.socket:
        """Open one more."""
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def ask(self) -> None:
        """Send a request now."""
        connection = self.free.pop(0) if self.free else self.connect()
        self.waiting[connection] = time.monotonic()
        connection.sendall(REQUEST)

    def listen(self, until: float) -> None:
        """Take answers until then."""
        while (left := until - time.monotonic()) > 0:
            for connection in select.select(list(self.waiting), [], [], left)[0]:
                answer = connection.recv(65536)
                took = time.monotonic() - self.waiting.pop(connection)
                # Small answers come whole; anything else ends the measurement.
                assert answer.startswith(b"HTTP/1.1 200"), answer
                assert answer.endswith(BODY), answer
                self.took.append(took)
                self.free.append(connection)


def main(port: int, rate: float, seconds: float) -> None:
    """Print the median and the 99th percentile."""
    client, chance = Client(port, 16), random.Random(500)
    due = time.monotonic()
    end = due + seconds
    while due < end:
        client.ask()
        due += chance.expovariate(rate)
        client.listen(due)
    client.listen(time.monotonic() + 1)
    assert not client.waiting, f"{len(client.waiting)} answers never came"
    took = sorted(client.took)
    print(round(1e6 * took[len(took) // 2]), round(1e6 * took[len(took) * 99 // 100]))


main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
