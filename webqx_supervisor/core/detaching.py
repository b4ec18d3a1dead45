"""When somebody who types to a worker wants to leave it: Ctrl-P, then Ctrl-Q."""

from collections.abc import Sequence

CTRL_P, CTRL_Q = 0x10, 0x11
KEYS = (CTRL_P, CTRL_Q)


class Detaching:
    """Finds the keys in what is typed. A begun sequence is held back until it is none."""

    def __init__(self, keys: Sequence[int] = KEYS) -> None:
        self._keys = bytes(keys)
        self._held = b""
        self.done = False
        """Whether all of the keys have been typed: what comes then is nobody's."""

    def feed(self, typed: bytes) -> bytes:
        """Take in what was typed; return what of it is for the worker."""
        data = self._held + typed
        at = data.find(self._keys)
        if at >= 0:
            self.done, self._held = True, b""
            return data[:at]
        begun = next(n for n in range(len(self._keys) - 1, -1, -1) if data.endswith(self._keys[:n]))
        passed = len(data) - begun
        self._held = data[passed:]
        return data[:passed]
