import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.doctor import ports
from webqx_supervisor.model.finding import Level


@given(st.sets(st.integers(1, 65535), max_size=50))
def test_spans_are_read_back(wanted):
    assert ports.parse_spans(ports.spans(wanted)) == wanted


@pytest.mark.parametrize("text", ["", "x", "-", "3-x,y-4"])
def test_what_is_no_span_is_none(text):
    assert ports.parse_spans(text) <= {3}


def test_ports_that_the_kernel_may_take():
    finding = ports.ephemeral(32768, 60999, (), [3000, 40000, 40001])
    assert finding.level is Level.WARNING
    assert "40000-40001" in finding.text
    assert "ip_local_reserved_ports=40000-40001" in finding.remedy


def test_what_is_reserved_already_stays_so():
    finding = ports.ephemeral(32768, 60999, {33000, 40000}, [40000, 40001])
    assert finding.text.startswith("40001:")
    assert "=33000,40000-40001" in finding.remedy


def test_ports_beside_the_range():
    assert ports.ephemeral(32768, 60999, {40000}, [3000, 40000, 61000]).level is Level.OK


def test_low_ports():
    assert ports.privileged(1024, [1024, 3000], may=False) is None
    assert ports.privileged(1024, [80], may=True).level is Level.OK
    finding = ports.privileged(1024, [80, 443, 3000], may=False)
    assert finding.level is Level.PROBLEM
    assert finding.text.startswith("80, 443: only root")
    assert "ip_unprivileged_port_start=80" in finding.remedy
