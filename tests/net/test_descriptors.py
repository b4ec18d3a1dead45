import resource
import sys

import pytest

from webqx_supervisor.net import descriptors


@pytest.fixture
def limits():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield soft, hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_is_raised_and_the_hard_one_stays(limits):
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    assert descriptors.limit() == 256
    descriptors.raise_limit()
    assert descriptors.limit() > 256
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] == hard
    if sys.platform == "linux":
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


def test_raising_twice_changes_nothing(limits):
    descriptors.raise_limit()
    raised = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors.raise_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == raised
