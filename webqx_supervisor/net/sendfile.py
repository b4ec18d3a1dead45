"""A part of a file to a channel: by sendfile(2), or by reading and sending where that is not.

The file is read in the middle of the reactor's turn: what the page cache does not hold is waited
for by all connections of the process.
"""

import errno
import os
from collections.abc import Callable

from webqx_supervisor.net.channel import PIECE, Broken, Channel, broken

RUN = 4
"""Pieces in a row without a wait, after which others get their turn."""
_AT_ONCE = 512 * 1024
_NOT_HERE = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSOCK, errno.EOPNOTSUPP})


async def send_file(
    sink: Channel, file: int, begin: int, count: int, seconds: float, moved: Callable[[int], None]
) -> bool:
    """Send `count` octets from `begin` on; return False if the file ended before.

    `moved` is told of each piece. Raises Stalled when the peer takes nothing for `seconds`, Broken.
    """
    end, run = begin + count, 0
    send = _sendfile if hasattr(os, "sendfile") else _copy
    while begin < end:
        if sink.closed:
            raise Broken(sink, "closed")
        try:
            sent = send(sink, file, begin, min(_AT_ONCE, end - begin))
        except BlockingIOError:
            sink.writable = False
            run = 0
            await sink.wait_writable(seconds)
            continue
        except OSError as error:
            if send is _copy or error.errno not in _NOT_HERE:
                raise broken(sink, error) from error
            send = _copy
            continue
        if not sent:
            return False
        begin += sent
        moved(sent)
        run += 1
        if run >= RUN and begin < end:
            run = 0
            await sink.yield_turn()
    return True


def _sendfile(sink: Channel, file: int, begin: int, count: int) -> int:
    return os.sendfile(sink.fd, file, begin, count)


def _copy(sink: Channel, file: int, begin: int, count: int) -> int:
    data = os.pread(file, min(PIECE, count), begin)
    if not data:
        return 0
    sent = sink.send(data)
    if not sent:
        raise BlockingIOError
    return sent
