"""The workflows pass zizmor's strictest persona."""

from __future__ import annotations

AUDIT = ("--offline", "--persona=auditor", "--no-progress")

BAD = """\
name: bad
on: pull_request_target
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: echo ${{ github.event.pull_request.title }}
"""


def test_the_workflows_have_no_finding(root, tool):
    audit = tool("zizmor", *AUDIT, ".github/workflows", cwd=root)
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_the_audit_can_fail(tmp_path, tool):
    """A workflow with an untrusted trigger, a moving action and an injected title is red."""
    workflow = tmp_path / ".github" / "workflows" / "bad.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(BAD, "utf-8")
    audit = tool("zizmor", *AUDIT, str(workflow), cwd=tmp_path)
    assert audit.returncode != 0
    for finding in ("dangerous-triggers", "unpinned-uses", "template-injection"):
        assert finding in audit.stdout


def test_every_action_is_pinned_with_its_version(root):
    """A commit of 40 digits, and a comment for the person who updates it."""
    workflows = sorted((root / ".github" / "workflows").glob("*.yml"))
    assert [path.name for path in workflows if path.name in {"ci.yml", "eval.yml"}]
    for path in workflows:
        for line in path.read_text("utf-8").splitlines():
            if "uses:" in line:
                commit, _, version = line.partition("@")[2].partition(" # ")
                assert len(commit) == 40, line
                assert version.startswith("v"), line
