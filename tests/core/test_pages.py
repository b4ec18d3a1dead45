"""core/pages.py, core/listing.py: what people see."""

import html
from urllib.parse import unquote_to_bytes, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.listing import Entry, render_listing
from webqx_supervisor.core.pages import Pages
from webqx_supervisor.model.filters import ErrorPage

PAGES = Pages(
    (
        ErrorPage("404", "gone"),
        ErrorPage("5xx", "<h1>{status}</h1>{reason} {request_id} { color: red } {other}"),
    )
)


def test_a_page_is_filled_in_and_what_is_filled_in_is_escaped():
    body, kind = PAGES.page(503, b"text/html", "<b> {request_id}", "r-1")
    assert body == b"<h1>503</h1>&lt;b&gt; {request_id} r-1 { color: red } {other}"
    assert kind == b"text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("status", "accept"),
    [
        (404, None),
        (404, b"application/json"),
        (404, b"*/*"),
        (403, b"text/html"),
        (200, b"text/html"),
    ],
)
def test_no_page_for_programs_nor_where_none_is_named(status, accept):
    assert PAGES.page(status, accept, "r", "1") is None


def test_a_status_of_its_own_goes_before_its_class():
    pages = Pages((ErrorPage("5xx", "class"), ErrorPage("503", "own")))
    assert pages.page(503, b"text/html", "", "")[0] == b"own"
    assert pages.page(502, b"text/html", "", "")[0] == b"class"


@given(
    st.binary(min_size=1, max_size=12).filter(
        lambda name: not {0, 0x2F} & set(name) and name.strip(b".")
    )
)
def test_a_link_in_a_listing_leads_to_its_name_whatever_that_is(name):
    page = render_listing("/x/", [Entry(name, 1)]).decode()
    href = html.unescape(page.split('href="')[2].split('"')[0])
    assert unquote_to_bytes(urljoin("http://h/x/", href)) == b"http://h/x/" + name


def test_folders_come_first():
    page = render_listing("/", [Entry(b"b", 1), Entry(b"z", None), Entry(b"a", 1234567)])
    assert page.index(b"z/") < page.index(b">a<") < page.index(b">b<")
    assert b"1,234,567" in page
    assert b"../" not in page
