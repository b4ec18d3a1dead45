"""core/ignoring.py: which changes of files count."""

import pytest

from webqx_supervisor.core.ignoring import counts


@pytest.mark.parametrize(
    ("path", "ignore", "does"),
    [
        ("/a/src/x.py", (), True),
        ("/a/src/deep/x.py", (), True),
        ("/a/srcs/x.py", (), False),
        ("/a/other.py", (), False),
        ("/a/one.toml", (), True),
        ("/a/src/x.log", ("*.log",), False),
        ("/a/src/deep/x.log", ("*.log",), False),
        ("/a/src/build/deep/x.py", ("build",), False),
        ("/a/src/deep/build/x.py", ("build",), False),
        ("/a/src/build/x.py", ("build/*",), False),
        ("/a/src/gen/x.py", ("deep/gen/*",), True),
        ("/a/src/x.py", ("src",), True),
        ("/a/one.toml", ("*.toml",), True),
    ],
)
def test_what_counts_lies_below_a_root_and_no_pattern_meets_it_on_the_way(
    path: str, ignore: tuple[str, ...], does: bool
) -> None:
    assert counts(path, ["/a/src", "/a/one.toml"], ignore) is does
