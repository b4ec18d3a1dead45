"""Error pages of one's own, for people; programs get the proxy's plain text."""

import re
from collections.abc import Iterable
from html import escape

from webqx_supervisor.core.folders import wants_html
from webqx_supervisor.model.filters import ErrorPage

_PLACE = re.compile(r"\{(status|reason|request_id)\}")


class Pages:
    """The pages of one route, ready for the question."""

    def __init__(self, pages: Iterable[ErrorPage]) -> None:
        self._pages = {page.statuses: page for page in pages}

    def page(
        self, status: int, accept: bytes | None, reason: str, request_id: str
    ) -> tuple[bytes, bytes] | None:
        """Return body and content type; None for a status without page, or who wants no HTML.

        {status}, {reason} and {request_id} are filled in, escaped for HTML.
        """
        page = self._pages.get(str(status)) or self._pages.get(f"{status // 100}xx")
        if page is None or not wants_html(accept):
            return None
        parts = {"status": str(status), "reason": reason, "request_id": request_id}
        text = _PLACE.sub(lambda place: escape(parts[place[1]]), page.text)
        return text.encode(), page.content_type.encode("latin-1")
