"""The account of a build: exact to the nanodollar, shared, and closed when in doubt."""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.calls.ledger import Ledger
from evalkit.errors import BudgetExceeded, ConfigError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "budget" / "run-1.sqlite"


@pytest.fixture
def account(path):
    """Opens ledgers on one file and closes them."""
    opened = []

    def one(cap_usd=1.0, **how) -> Ledger:
        opened.append(Ledger(path=path, cap_usd=cap_usd, **how))
        return opened[-1]

    yield one
    for ledger in opened:
        ledger.close()


# ── reserve, settle, release ─────────────────────────────────────────────────────────────────────


def test_what_is_spent_reserved_and_asked_for_stays_within_the_cap(account):
    """0.4 spent + 0.5 reserved leave 0.1: exactly that fits, a nanodollar more does not."""
    ledger = account()
    ledger.reserve(0.6).settle(0.4)
    ledger.reserve(0.5)
    with pytest.raises(BudgetExceeded) as refused:
        ledger.reserve(0.100000002)
    for amount in ("$0.400000 is spent", "$0.500000 reserved", "a budget of $1.000000"):
        assert amount in str(refused.value)
    ledger.reserve(0.1)


def test_a_refused_reservation_leaves_no_trace(account):
    ledger = account()
    with pytest.raises(BudgetExceeded):
        ledger.reserve(1.5)
    assert (ledger.spent_usd, ledger.reserved_usd) == (0.0, 0.0)


def test_settling_gives_back_what_was_not_used(account):
    ledger = account()
    first = ledger.reserve(1.0)
    assert (ledger.spent_usd, ledger.reserved_usd) == (0.0, 1.0)
    first.settle(0.25)
    assert (ledger.spent_usd, ledger.reserved_usd) == (0.25, 0.0)


def test_releasing_gives_back_everything(account):
    ledger = account()
    ledger.reserve(1.0).release()
    assert (ledger.spent_usd, ledger.reserved_usd) == (0.0, 0.0)


@pytest.mark.parametrize("unknown", [None, -0.01, math.nan, math.inf, -math.inf])
def test_an_unknown_cost_counts_as_the_whole_reservation(account, unknown):
    """Missing and negative usage must not make a call free, let alone a refund."""
    ledger = account()
    ledger.reserve(0.7).settle(unknown)
    assert (ledger.spent_usd, ledger.reserved_usd) == (0.7, 0.0)


def test_a_cost_beyond_the_reservation_counts_in_full(account):
    """And stops the run: 0.2 were reserved, 5 charged."""
    ledger = account()
    ledger.reserve(0.2).settle(5.0)
    assert ledger.spent_usd == 5.0
    with pytest.raises(BudgetExceeded):
        ledger.reserve(0.000001)


def test_an_absurd_cost_does_not_overflow_the_account(account):
    """10^30 dollars, twice: no column holds that, and the run is over all the same."""
    ledger = account()
    for reservation in (ledger.reserve(0.1), ledger.reserve(0.1)):
        reservation.settle(1e30)
    assert ledger.spent_usd == 1e9
    with pytest.raises(BudgetExceeded):
        ledger.reserve(0.1)


def test_a_reservation_is_settled_once(account):
    """A second settlement would count a call twice, or hide the first."""
    ledger = account()
    reservation = ledger.reserve(0.5)
    reservation.settle(0.1)
    with pytest.raises(RuntimeError, match="settled once"):
        reservation.settle(0.1)
    reservation.release()
    assert ledger.spent_usd == 0.1


def test_free_calls_are_free(account, path):
    """With the budget gone a model that costs nothing goes on, without a write."""
    ledger = account(cap_usd=0.0)
    before = ledger.spent_usd
    for _ in range(3):
        ledger.reserve(0.0).settle(0.0)
        ledger.reserve(0.0).settle(None)
        ledger.reserve(0.0).release()
    assert ledger.spent_usd == before == 0.0
    with pytest.raises(BudgetExceeded):
        ledger.reserve(1e-12)


def test_a_free_call_that_costs_after_all_is_counted(account):
    ledger = account()
    ledger.reserve(0.0).settle(0.3)
    assert ledger.spent_usd == 0.3


@given(amounts=st.lists(st.floats(0, 0.2, allow_nan=False), max_size=20))
def test_a_sum_is_never_less_than_its_parts(tmp_path_factory, amounts):
    """Rounding is up to a whole nanodollar a call, so the cap holds for exact dollars too."""
    ledger = Ledger(path=tmp_path_factory.mktemp("l") / "b.sqlite", cap_usd=100.0)
    for usd in amounts:
        ledger.reserve(usd).settle(usd)
    exact = math.fsum(amounts)
    assert exact - 1e-12 <= ledger.spent_usd <= exact + len(amounts) * 1.001e-9
    ledger.close()


@pytest.mark.parametrize("usd", [-0.1, math.nan, math.inf])
def test_only_an_amount_can_be_reserved(account, usd):
    """NaN compares as false with everything: it would pass any cap."""
    with pytest.raises(ValueError, match="only dollars of 0 or more"):
        account().reserve(usd)


@pytest.mark.parametrize("name", ["cap_usd", "already_spent_usd"])
@pytest.mark.parametrize("usd", [-1.0, math.nan, math.inf])
def test_a_cap_is_an_amount(path, name, usd):
    """No infinite budget: who wants none does not open a ledger."""
    with pytest.raises(ValueError, match=f"{name} must be dollars of 0 or more"):
        Ledger(**{"path": path, "cap_usd": 1.0, name: usd})


# ── one account, several users ───────────────────────────────────────────────────────────────────


def test_two_ledgers_on_one_file_are_one_account(account):
    """As two xdist workers have it; either settles and the other sees it."""
    one, other = account(), account()
    held = one.reserve(0.6)
    with pytest.raises(BudgetExceeded):
        other.reserve(0.5)
    held.settle(0.1)
    assert other.spent_usd == 0.1
    other.reserve(0.9)


def test_threads_share_a_ledger(account):
    """16 threads ask for a tenth each at once: ten get it."""
    ledger = account()
    barrier = threading.Barrier(16)
    granted = []

    def ask():
        barrier.wait()
        with contextlib.suppress(BudgetExceeded):
            granted.append(ledger.reserve(0.1))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 10


# From Python 3.12 on, a fork beside threads that other tests left behind is warned of.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_opens_the_file_for_itself(account):
    """SQLite forbids carrying a connection over a fork."""
    ledger = account()
    held = ledger.reserve(0.4)
    child = os.fork()
    if child == 0:
        try:
            ledger.reserve(0.5).settle(0.5)
            if ledger._opened_by != os.getpid():
                os._exit(1)
            ledger.reserve(0.2)
        except BudgetExceeded:
            os._exit(7)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    assert (ledger.spent_usd, ledger.reserved_usd) == (0.5, 0.4)
    held.settle(0.4)
    assert ledger.spent_usd == 0.9


# ── another build, the same build ────────────────────────────────────────────────────────────────


def test_a_new_build_starts_at_nothing(account, tmp_path):
    """Another run id is another file."""
    account().reserve(1.0).settle(1.0)
    fresh = Ledger(path=tmp_path / "budget" / "run-2.sqlite", cap_usd=1.0)
    fresh.reserve(1.0)
    fresh.close()


def test_the_same_build_carries_on(account):
    """What was settled stays spent, what was in flight when it was killed counts in full."""
    first = account()
    first.reserve(0.3).settle(0.3)
    first.reserve(0.5)
    first.close()
    again = account()
    assert (again.spent_usd, again.reserved_usd) == (0.3, 0.5)
    with pytest.raises(BudgetExceeded, match="calls in flight or cut off"):
        again.reserve(0.3)


def test_a_resumed_build_knows_a_higher_cap(account):
    """The cap belongs to who asks, so that a build can be resumed with more money."""
    account().reserve(1.0).settle(1.0)
    account(cap_usd=2.0).reserve(1.0)


def test_a_build_that_is_told_what_was_spent_begins_there_once(account):
    """Every worker of a resumed build tells the same amount; it counts once."""
    for _ in range(4):
        ledger = account(already_spent_usd=0.4)
    assert ledger.spent_usd == 0.4
    ledger.reserve(0.5).settle(0.5)
    assert account(already_spent_usd=0.4).spent_usd == 0.9


def test_a_closed_ledger_opens_itself_again(account):
    ledger = account()
    ledger.close()
    ledger.reserve(0.5).settle(0.5)
    assert ledger.spent_usd == 0.5


# ── in doubt, nobody spends ──────────────────────────────────────────────────────────────────────


def test_a_file_that_is_no_ledger_is_refused(path):
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(ConfigError, match="nothing may be spent"):
        Ledger(path=path, cap_usd=1.0)
    assert path.read_bytes().startswith(b"not a database"), "nothing is overwritten"


@pytest.mark.parametrize("spent", ["'lots'", "-1000000000", "1.5"])
def test_an_account_that_holds_no_amount_is_refused(account, path, spent):
    """A negative balance would be credit."""
    ledger = account()
    with sqlite3.connect(path) as tampered:
        tampered.execute(f"UPDATE account SET spent = {spent}")
    tampered.close()
    with pytest.raises(BudgetExceeded, match="damaged"):
        ledger.reserve(0.1)
    with pytest.raises(ConfigError, match="damaged"):
        account()


def test_a_negative_reservation_is_no_credit(account, path):
    ledger = account()
    with sqlite3.connect(path) as tampered:
        tampered.execute("INSERT INTO reservation (held) VALUES (-5000000000)")
    tampered.close()
    with pytest.raises(BudgetExceeded, match="damaged"):
        ledger.reserve(0.1)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way", "utf-8")
    with pytest.raises(ConfigError, match="nothing may be spent"):
        Ledger(path=tmp_path / "file" / "b.sqlite", cap_usd=1.0)


def test_a_file_that_cannot_be_written_is_refused(account, path):
    """Read-only by SQLite's own switch: a test may run as root, whom no file mode stops."""
    account().reserve(0.5)
    ledger = account()
    ledger._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(BudgetExceeded, match="cannot be kept"):
        ledger.reserve(0.1)


def test_a_settlement_that_cannot_be_written_keeps_the_reservation(account):
    """The call counts in full, and the caller learns that the account is gone."""
    ledger, other = account(), account()
    reservation = ledger.reserve(0.5)
    ledger._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(BudgetExceeded, match="cannot be kept"):
        reservation.settle(0.1)
    assert other.reserved_usd == 0.5
    ledger._connection.execute("PRAGMA query_only = OFF")
    reservation.settle(0.1)
    assert other.spent_usd == 0.1


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_file_that_goes_during_the_run_stops_it(account, path, how):
    """Else others would start a new account at nothing while this one goes on with the old."""
    ledger = account()
    ledger.reserve(0.9)
    for file in path.parent.iterdir():
        file.rename(file.with_suffix(".gone"))
    if how == "replaced":
        account()
    with pytest.raises(BudgetExceeded, match=r"replaced|cannot be kept"):
        ledger.reserve(0.01)


def test_a_file_that_is_overwritten_during_the_run_stops_it(account, path):
    """Garbage in place of pages is noticed, whatever SQLite still has in memory."""
    ledger = account()
    ledger.reserve(0.9)
    ledger.close()
    size = path.stat().st_size
    path.write_bytes(os.urandom(size))
    with pytest.raises(BudgetExceeded, match="cannot be kept"):
        ledger.reserve(0.05)


def test_a_ledger_that_stays_locked_stops_the_run(account, path, monkeypatch):
    """Who holds the file and does not let go must not be waited for without end."""
    monkeypatch.setattr("evalkit.calls.ledger.BUSY_TIMEOUT_S", 0.05)
    ledger = account()
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(BudgetExceeded, match="locked"):
        ledger.reserve(0.1)
    blocker.execute("ROLLBACK")
    blocker.close()
    ledger.reserve(0.1)
