"""How large a body may be. What is too large is refused with what CORS says of the answer."""

from webqx_supervisor.proxy.exchange import Exchange


class BodyFilter:
    """One bound; None: as the listener has it."""

    def __init__(self, most: int | None) -> None:
        self._most = most

    def ask(self, exchange: Exchange) -> None:
        """Let a request pass whose body may still be small enough. Raises Refused (413)."""
        upload, most = exchange.upload, self._most
        if upload is not None:
            upload.bound(exchange.client.door.limits.max_body if most is None else most)
