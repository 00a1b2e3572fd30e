"""--evalkit-lane release: red where a pull request is only warned."""

from __future__ import annotations


def test_the_lane_of_a_release_is_stricter(tiny):
    """Promoted, the pull request passes; a release wants a pinned baseline, and then passes too."""
    tiny.promoted()
    assert tiny.pytest_here().ret == 0
    refused = tiny.pytest_here("--evalkit-lane", "release")
    assert refused.ret == 1
    refused.stdout.fnmatch_lines(["*evalkit baseline pin suites/tiny.toml*"])
    assert tiny.evalkit("run", "--lane", "release").ret == 12
    assert tiny.evalkit("baseline", "pin", "suites/tiny.toml", "--because", "release 1").ret == 0
    assert tiny.pytest_here("--evalkit-lane", "release").ret == 0


def test_a_lane_has_one_of_two_names(tiny):
    result = tiny.pytest_here("--evalkit-lane", "nightly")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*invalid choice: 'nightly'*"])
