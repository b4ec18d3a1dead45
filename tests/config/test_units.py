import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.config.units import duration_text, seconds, size, size_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5s", 5.0),
        ("200ms", 0.2),
        ("15m", 900.0),
        ("1h30m", 5400.0),
        ("2d", 172800.0),
        ("1.5s", 1.5),
        ("1m500ms", 60.5),
        ("0s", 0.0),
    ],
)
def test_a_duration_is_read_in_seconds(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "value", [5, 5.0, True, "5", "", "s", "5 s", "-5s", "5x", "5S", "1e3s", "٣s", "5s\n", ["5s"]]
)
def test_anything_else_is_no_duration_and_the_wanted_form_is_named(value):
    with pytest.raises(ValueError, match=r'^wanted a duration with its unit, like "5s"'):
        seconds(value)


def test_a_duration_beyond_all_numbers_is_refused():
    with pytest.raises(ValueError, match="wanted a duration"):
        seconds("9" * 400 + "s")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.2, "200ms"), (1.5, "1500ms"), (0.0, "0s"), (75.0, "75s"), (60.0, "1m"), (7200.0, "2h")],
)
def test_a_duration_is_written_in_the_largest_unit_that_fits_evenly(value, expected):
    assert duration_text(value) == expected


@given(st.integers(min_value=0, max_value=10**9))
def test_a_duration_in_whole_milliseconds_survives_writing_and_reading(milliseconds):
    value = milliseconds / 1000
    assert seconds(duration_text(value)) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("512M", 512 * 1024**2),
        ("1G", 1024**3),
        ("2t", 2 * 1024**4),
        ("64k", 65536),
        ("64K", 65536),
        ("100", 100),
        (100, 100),
        (0, 0),
    ],
)
def test_a_size_is_read_in_bytes(value, expected):
    assert size(value) == expected


@pytest.mark.parametrize("value", [-1, True, 1.5, "", "M", "1.5G", "5 M", "5MB", "-1k", None])
def test_anything_else_is_no_size_and_the_wanted_form_is_named(value):
    with pytest.raises(ValueError, match=r'^wanted a size in bytes, like "64k", "512M" or "1G"'):
        size(value)


@given(st.integers(min_value=0, max_value=2**60))
def test_a_size_survives_writing_and_reading(value):
    assert size(size_text(value)) == value


def test_a_size_is_written_in_the_largest_unit_that_fits_evenly():
    assert [size_text(n) for n in (0, 100, 16384, 50 << 20, 1 << 40)] == [
        "0",
        "100",
        "16k",
        "50M",
        "1T",
    ]
