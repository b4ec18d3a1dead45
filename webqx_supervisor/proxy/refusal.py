"""How an exchange ends other than by a whole answer of a worker."""


class Refused(Exception):  # noqa: N818 - what happens to the request
    """The proxy answers the request itself: nothing of an answer has been sent yet."""

    def __init__(self, status: int, reason: str, extra: bytes = b"") -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason
        self.extra = extra
        """Whole field lines for the answer."""


class Failed(Refused):
    """The same, by a worker's fault: it was silent for too long or, `invalid`, spoke no HTTP."""

    def __init__(self, status: int, reason: str, *, invalid: bool = False) -> None:
        super().__init__(status, reason)
        self.invalid = invalid


class Settled(Exception):  # noqa: N818 - what happens to the request
    """The request is answered here, as it is meant to be: a redirect, a preflight, a fixed answer.

    `lines` are whole field lines of the answer.
    """

    def __init__(
        self, status: int, lines: bytes = b"", body: bytes = b"", content_type: bytes = b""
    ) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.lines = lines
        self.body = body
        self.content_type = content_type


class Again(Exception):  # noqa: N818 - what happens to the request
    """The way that the request took is no more: there is another one in its place."""


class Cut(Exception):  # noqa: N818 - what happens to the answer
    """The answer has begun and cannot be completed: the client's connection is reset."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unanswered(Exception):  # noqa: N818 - the state of the request
    """An upstream took the claim but gave no answer; `read` if it may have read something."""

    def __init__(self, reason: str, *, read: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.read = read


class Dropped(Exception):  # noqa: N818 - what happened to the answer
    """An upstream's answer was read and dropped: another attempt may bring a better one."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status}")
        self.status = status


class Unreachable(Unanswered):
    """The upstream accepted no connection: it cannot have seen anything."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, read=False)
