"""What surrounds a build's calls: options that contradict each other, budgets that go on."""

from __future__ import annotations

import asyncio
import time

import pytest

from evalkit.calls.cache import ReplyCache
from evalkit.calls.ledger import Ledger
from evalkit.calls.recording import Recorder
from evalkit.calls.traffic import REPLIES, Traffic
from evalkit.errors import BudgetExceeded, ConfigError
from evalkit.records import ModelRequest
from tests.calls.stand_ins import completion


def of_build(folder, run_id="r", **options):
    return Traffic.of_build(folder, run_id=run_id, **options)


def problems(make):
    with pytest.raises(ConfigError) as caught:
        make()
    return [str(problem) for problem in caught.value.problems]


def spent(folder, run_id, usd, **options):
    """A build that spends so much and ends in order."""
    with of_build(folder, run_id, max_usd=1.0, **options) as traffic:
        traffic.ledger.reserve(usd).settle(usd)


# ── options ──────────────────────────────────────────────────────────────────────────────────────


def test_without_options_there_is_a_cache_and_no_limit(tmp_path):
    """And nothing is written where nothing is capped or recorded."""
    traffic = of_build(tmp_path / "journal")
    assert (traffic.ledger, traffic.replay, traffic.record, traffic.deadline) == (None,) * 4
    assert (traffic.cached, traffic.rehearsing) == (True, False)
    assert list(tmp_path.iterdir()) == []


def test_replay_and_record_together_are_refused(tmp_path):
    """A replay has nothing new to record; no recording is opened to find that out."""
    folders = {"replay": tmp_path / "no such", "record": tmp_path / "new"}
    (found,) = problems(lambda: of_build(tmp_path, **folders))
    assert found == "replay, record: choose one of the two"
    assert not folders["record"].exists()


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_a_limit_is_more_than_nothing(tmp_path, value):
    """Both at once; no account is opened."""
    found = problems(lambda: of_build(tmp_path / "j", max_usd=value, deadline_s=value))
    assert [line.partition(":")[0] for line in found] == ["max-usd", "deadline"]
    assert not (tmp_path / "j").exists()


def test_a_deadline_is_an_instant_from_now(tmp_path):
    """Of the clock that retries read."""
    before = time.monotonic()
    deadline = of_build(tmp_path, deadline_s=60.0).deadline
    assert before + 60.0 <= deadline <= time.monotonic() + 60.0


def test_recordings_that_are_not_there_are_told(tmp_path):
    """A replay of nothing would find every case not evaluated."""
    assert "holds no recordings" in problems(lambda: of_build(tmp_path, replay=tmp_path / "x"))[0]


# ── what calls get ───────────────────────────────────────────────────────────────────────────────


def test_calls_share_what_the_build_has(tmp_path):
    """Two plans of a build spend from one account and end at one deadline."""
    with of_build(tmp_path / "j", max_usd=1.0, deadline_s=9.0) as traffic:
        one, two = traffic.calls(tmp_path / "cache"), traffic.calls(tmp_path / "cache")
        assert one.ledger is two.ledger is traffic.ledger
        assert one.deadline == two.deadline == traffic.deadline
        assert isinstance(one.cache, ReplyCache)
        assert one.cache is not two.cache
        for calls in (one, two):
            asyncio.run(calls.close())


def test_a_build_without_cache_keeps_none(tmp_path):
    """`--evalkit-no-cache`: nothing is read and nothing is written."""
    assert of_build(tmp_path, cached=False).calls(tmp_path / "cache").cache is None
    assert not (tmp_path / "cache" / REPLIES).exists()


def test_a_replay_has_no_cache_beside_it(tmp_path):
    """What is not recorded must not be found elsewhere."""
    recorder = Recorder(tmp_path / "rec", environ={})
    recorder.add("k" * 64, ModelRequest(prompt="p"), completion(), "m")
    recorder.close()
    calls = of_build(tmp_path, replay=tmp_path / "rec").calls(tmp_path / "cache")
    assert calls.cache is None
    assert calls.replay.get("k" * 64).text == "yes"


def test_leaving_writes_the_recordings_and_closes_the_account(tmp_path, monkeypatch):
    """Also when the build fails: what was paid for is kept."""
    monkeypatch.setenv("GITHUB_EVENT_NAME", "")  # a fork would record nothing
    traffic = of_build(tmp_path / "j", record=tmp_path / "rec", max_usd=1.0)
    traffic.record.add("k" * 64, ModelRequest(prompt="p"), completion(), "m")
    with pytest.raises(ZeroDivisionError), traffic:
        raise ZeroDivisionError
    (file,) = (tmp_path / "rec").glob("*.jsonl")
    assert '"reply":"yes"' in file.read_text().replace(": ", ":")


# ── the account of a build ───────────────────────────────────────────────────────────────────────


def test_processes_of_one_build_share_one_account(tmp_path):
    """Two workers with the same run id: what one spends the other cannot."""
    one, two = (of_build(tmp_path, max_usd=1.0) for _ in range(2))
    one.ledger.reserve(0.7).settle(0.7)
    with pytest.raises(BudgetExceeded):
        two.ledger.reserve(0.4)
    two.ledger.reserve(0.3).settle(0.3)
    for traffic in (one, two):
        traffic.close()


def test_a_fresh_build_has_its_whole_budget(tmp_path):
    """What the one before it spent is none of its business, and its files are gone."""
    spent(tmp_path, "old", 0.9)
    (tmp_path / "budget.old.sqlite-wal").touch()  # as a kill leaves it
    with of_build(tmp_path, "new", max_usd=1.0) as traffic:
        assert traffic.ledger.left_usd == 1.0
        assert [path.name for path in tmp_path.glob("budget.old*")] == []


def test_a_resumed_build_goes_on_from_what_was_spent(tmp_path):
    """$0.60 of $1 are gone; the next resumption counts them once, not twice."""
    spent(tmp_path, "one", 0.6)
    spent(tmp_path, "two", 0.1, resume=True)
    with of_build(tmp_path, "three", max_usd=1.0, resume=True) as traffic:
        assert traffic.ledger.spent_usd == pytest.approx(0.7)
        with pytest.raises(BudgetExceeded):
            traffic.ledger.reserve(0.31)


def test_a_reservation_that_was_cut_off_stays_spent(tmp_path):
    """The build died in flight: whether that call was charged nobody knows, so it counts."""
    dead = of_build(tmp_path, "dead", max_usd=1.0)
    dead.ledger.reserve(0.2).settle(0.2)
    dead.ledger.reserve(0.5)
    dead.close()
    with of_build(tmp_path, "next", max_usd=1.0, resume=True) as traffic:
        assert traffic.ledger.spent_usd == pytest.approx(0.7)
        assert traffic.ledger.reserved_usd == 0.0


def test_a_resumed_build_may_have_a_larger_budget(tmp_path):
    """The cap is today's, the spending is all there was."""
    spent(tmp_path, "one", 0.9)
    with Traffic.of_build(tmp_path, run_id="two", max_usd=2.0, resume=True) as traffic:
        assert traffic.ledger.left_usd == pytest.approx(1.1)


def test_workers_of_a_resumed_build_count_what_was_spent_once(tmp_path):
    """Each tells the shared account of it."""
    spent(tmp_path, "one", 0.4)
    workers = [of_build(tmp_path, "two", max_usd=1.0, resume=True) for _ in range(3)]
    assert workers[0].ledger.spent_usd == pytest.approx(0.4)
    for worker in workers:
        worker.close()
    assert isinstance(workers[0].ledger, Ledger)
