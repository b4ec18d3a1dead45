"""Who may ask, by address."""

from webqx_supervisor.core.networks import access
from webqx_supervisor.model.filters import Access
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.refusal import Refused


class AccessFilter:
    """One list."""

    def __init__(self, policy: Access) -> None:
        self.allowed = access(policy.allow, policy.deny)
        """Who may."""

    def ask(self, exchange: Exchange) -> None:
        """Let a request pass. Raises Refused (403)."""
        if exchange.ip not in self.allowed:
            raise Refused(403, "this address may not ask here")
