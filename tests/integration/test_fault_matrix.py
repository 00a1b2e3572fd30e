"""Every fault of a network, in a whole run: survived with the same scores, or an ERROR by name.

The generator speaks Anthropic's protocol, the judge OpenAI's. What a cell must come to follows from
the table of faults alone, so that none is green by accident.
"""

from __future__ import annotations

import shutil
import time

import pytest

from tests.integration.bees import ANSWERED, CASES, JUDGED, SCORES, bees, unhurried
from tests.servers.faults import FAULTS, READ_TIMEOUT_S

pytestmark = pytest.mark.slow

ROLES = {"generator": "anthropic", "judge": "openai"}
ATTEMPTS = 3
FOREVER = 500
"""More requests than any run here makes."""

JUDGE_REFUSES = "refused"
JUDGE_IS_CUT = "cut at the limit"
"""Of an answer, these are the application's own: it is scored as it came. Of a judge's reply, the
first leaves the case unscored, the second is asked again once with more room."""

CELLS = [
    pytest.param(role, fault, id=f"{role}: {fault}")
    for role, api in ROLES.items()
    for fault in FAULTS
    if api in fault.apis
]


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    yield from running(tmp_path_factory, timeout_s=60.0)  # however busy the machine is


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    yield from running(tmp_path_factory, timeout_s=READ_TIMEOUT_S)


def running(tmp_path_factory, *, timeout_s):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A_KEY", "planted-secret-0123456789")
        with bees(tmp_path_factory.mktemp("bees"), timeout_s=timeout_s) as project:
            calm = project.ended()
            assert (calm.scores, calm.outcome) == (SCORES, "INCONCLUSIVE")
            assert "only 3 cases" in calm.reasons, "and no other reason"
            yield project, calm


@pytest.fixture
def chosen(request):
    """The project for a fault, with nothing cached and nothing left to spoil."""

    def of(fault):
        project, calm = request.getfixturevalue("hasty" if fault.hangs else "patient")
        shutil.rmtree(project.root / ".evalkit/cache")
        for server in (project.generator, project.judge):
            server._faults.clear()
            server.requests.clear()
        return project, calm

    return of


def survives(role, fault):
    """Whether a few such faults must leave the scores as they are."""
    if role == "judge" and fault.name == JUDGE_REFUSES:
        return False
    return fault.error is None or fault.recoverable


def named(role, fault):
    """What the message of an ERROR must say."""
    if fault.error is not None:
        return fault.error.__name__
    return {JUDGE_REFUSES: "refuses to judge", JUDGE_IS_CUT: "cut short"}[fault.name]


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize(("role", "fault"), CELLS)
def test_the_first_requests_are_spoilt(chosen, role, fault, k):
    """Recovered: the same decision and exactly the same scores. Else ERROR, never a quality."""
    project, calm = chosen(fault)
    getattr(project, role).spoil(*[fault.spoil] * k)
    ended = project.ended(retry=unhurried())
    assert not getattr(project, role)._faults, "all of them were met"
    again = k if fault.error is not None or (role == "judge" and fault.name == JUDGE_IS_CUT) else 0
    if survives(role, fault):
        assert ended.scores == SCORES
        assert ended.decision == calm.decision
        if not fault.hangs:
            asked = len(project.generator.requests), len(project.judge.requests)
            more = (again, 0) if role == "generator" else (0, again)
            assert asked == (ANSWERED + more[0], JUDGED + more[1])
        return
    assert ended.outcome == "ERROR"
    assert named(role, fault) in ended.reasons
    assert {gate.outcome for gate in ended.decision.verdicts} == {"ERROR"} or role == "judge"
    kept = {key: value for key, value in SCORES.items() if key in ended.scores}
    assert ended.scores == kept, "what was measured is as it was"
    assert len(SCORES) - len(kept) == (2 * k if role == "generator" else k)


@pytest.mark.parametrize(("role", "fault"), CELLS)
def test_every_request_is_spoilt(chosen, role, fault):
    """It ends in ERROR within its attempts; what is no error for the role stays without effect."""
    project, calm = chosen(fault)
    getattr(project, role).spoil(*[fault.spoil] * FOREVER)
    started = time.monotonic()
    ended = project.ended(retry=unhurried(ATTEMPTS), concurrency=CASES)
    taken_s = time.monotonic() - started
    harmless = fault.error is None and (
        role == "generator" or fault.name not in (JUDGE_REFUSES, JUDGE_IS_CUT)
    )
    if harmless:
        assert (ended.scores, ended.decision) == (SCORES, calm.decision)
        return
    assert ended.outcome == "ERROR"
    assert ended.scores == {}
    assert named(role, fault) in ended.reasons
    asked_of_role = CASES if role == "generator" else 2 * CASES  # no claims, no support
    attempts = ATTEMPTS if fault.recoverable else 2 if fault.name == JUDGE_IS_CUT else 1
    assert len(getattr(project, role).requests) == asked_of_role * attempts
    # A hanging attempt ends after the silence it is given, long before the hour that it would be.
    assert taken_s < 600


def test_the_matrix_is_long_enough():
    """Faults of both roles; among them some that are survived, some final, some harmless."""
    assert len({fault.name for fault in FAULTS}) >= 25
    for role in ROLES:
        own = [cell.values[1] for cell in CELLS if cell.values[0] == role]
        assert sum(fault.recoverable for fault in own) >= 25
        assert sum(fault.error is not None and not fault.recoverable for fault in own) >= 8
        assert sum(fault.error is None for fault in own) >= 5
