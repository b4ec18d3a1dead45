from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.secrecy import MASKED, SHORTEST, Mask


def test_each_value_is_masked_wherever_it_stands():
    mask = Mask(["hunter22", "swordfish"])
    assert mask.text("hunter22swordfish, hunter2") == "******, hunter2"
    assert mask.octets(b"x=hunter22\n") == b"x=***\n"


def test_a_value_that_holds_another_is_masked_whole():
    assert Mask(["secret", "secretive"]).text("secretive secret") == "*** ***"


def test_a_short_value_is_left_alone():
    assert Mask(["12345"]).text("12345") == "12345"


def test_each_line_of_a_value_is_masked():
    mask = Mask(["-----BEGIN KEY-----\n  abcdefgh\nxyz\n"])
    assert mask.octets(b"a: abcdefgh\nxyz") == b"a: ***\nxyz"


def test_octets_that_are_no_text_are_found():
    mask = Mask([b"\xff\xfe12345".decode("utf-8", "surrogateescape")])
    assert mask.octets(b"<\xff\xfe12345>") == b"<***>"


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=SHORTEST)), st.text())
def test_no_value_is_left(values, text):
    mask = Mask(values)
    masked = mask.text(text.join([*values, ""]))
    left = [value for value in values if value in masked]
    assert not left or all(set(value) <= set(MASKED) | set(text) for value in left)
