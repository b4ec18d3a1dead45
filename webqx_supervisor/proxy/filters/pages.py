"""Error pages of one's own instead of the proxy's plain text."""

from webqx_supervisor.core.pages import Pages
from webqx_supervisor.model.filters import ErrorPage
from webqx_supervisor.proxy.exchange import Exchange


class PagesFilter:
    """The pages of one route; asked before all others, so that what they refuse has its page."""

    def __init__(self, pages: tuple[ErrorPage, ...]) -> None:
        self._pages = Pages(pages)

    def ask(self, exchange: Exchange) -> None:
        """Let all requests pass, with what they may see."""
        exchange.pages = self._pages
