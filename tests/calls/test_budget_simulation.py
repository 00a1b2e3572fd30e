"""The cap holds whatever is reported, however many spend at once, and whoever dies.

A simulated run is a few dozen workers whose steps a seeded scheduler interleaves, over two ledgers
on one file, as two processes have them. What the provider charges and what it reports are apart:
the cap is on the first, the ledger hears only the second.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from evalkit.calls.ledger import Ledger
from evalkit.errors import BudgetExceeded

RUNS = 1000
CENT = 0.01


@dataclass
class Provider:
    """Charges up to the worst case, reports as it likes; `overcharges` calls cost up to double."""

    rng: random.Random
    reports: tuple[str, ...]
    overcharges: int = 0
    shares: tuple[float, ...] = (0.01, 0.3, 0.9, 1.0)
    billed_usd: float = 0.0
    held_by_overcharged: float = 0.0
    excess_usd: float = 0.0

    def charge(self, worst_usd: float) -> float:
        usd = worst_usd * self.rng.choice(self.shares)
        if self.overcharges and self.rng.random() < 0.1:
            self.overcharges -= 1
            usd = worst_usd * self.rng.uniform(1.0, 2.0)
            self.held_by_overcharged += worst_usd
            self.excess_usd += usd - worst_usd
        self.billed_usd += usd
        return usd

    def report(self, usd: float) -> float | None:
        kind = self.rng.choice(self.reports)
        return {"true": usd, "missing": None, "negative": -usd, "huge": usd * 1000}[kind]


@dataclass
class Run:
    """What came of one simulated run."""

    cap_usd: float
    provider: Provider
    refusals: int = 0
    largest_usd: float = 0.0
    in_flight: int = 0
    most_in_flight: int = 0
    booked_usd: float = 0.0

    @property
    def over_usd(self) -> float:
        return self.provider.billed_usd - self.cap_usd


def worker(ledger, run: Run, *, calls: int, faults: bool) -> Iterator[None]:
    """Each `yield` is an await: the scheduler may let any other worker go on."""
    rng = run.provider.rng
    for _ in range(calls):
        worst = rng.uniform(0.2, 2.0) * CENT
        try:
            reservation = ledger.reserve(worst)
        except BudgetExceeded:
            run.refusals += 1
            return
        run.largest_usd = max(run.largest_usd, worst)
        run.in_flight += 1
        run.most_in_flight = max(run.most_in_flight, run.in_flight)
        for _ in range(rng.randrange(1, 4)):
            yield
        run.in_flight -= 1
        ending = rng.random() if faults else 1.0
        if ending < 0.03:
            run.provider.charge(worst)
            return  # the process died with the request on its way
        if ending < 0.1:
            reservation.release()  # refused before any work
            continue
        reservation.settle(run.provider.report(run.provider.charge(worst)))


def simulate(
    seed: int, ledgers, cap_usd: float, *, reports=("true",), overcharges=0, faults=False
) -> Run:
    rng = random.Random(seed)
    # Where calls leave nothing of their reservations unused, an overcharge has nowhere to hide.
    provider = Provider(rng, reports, overcharges)
    if overcharges:
        provider.shares = (1.0,)
    run = Run(cap_usd, provider)
    workers = [
        worker(ledgers[n % len(ledgers)], run, calls=12, faults=faults)
        for n in range(rng.randrange(16, 48))
    ]
    while workers:
        chosen = rng.randrange(len(workers))
        try:
            next(workers[chosen])
        except StopIteration:
            del workers[chosen]
    return run


@pytest.fixture
def simulated(tmp_path):
    """A run by its seed; the cap lets between 10 and 60 average calls through.

    All runs of a test use one file, each with a cap on top of what those before it left there: a
    new file a run would measure the disk.
    """
    ledgers = [Ledger(path=tmp_path / "runs.budget", cap_usd=0.0) for _ in range(2)]

    def one(seed, **how) -> Run:
        cap = random.Random(seed + 10**6).uniform(0.1, 0.6)
        before = booked(ledgers)
        for ledger in ledgers:
            ledger.cap_usd = before + cap
        run = simulate(seed, ledgers, cap, **how)
        run.booked_usd = booked(ledgers) - before
        return run

    yield one
    for ledger in ledgers:
        ledger.close()


def booked(ledgers) -> float:
    return ledgers[0].spent_usd + ledgers[0].reserved_usd


def test_truthful_usage_never_passes_the_cap_and_nearly_reaches_it(simulated):
    """Not one of 250 runs is above; each stops only for a call that did not fit any more."""
    for seed in range(RUNS // 4):
        run = simulated(seed)
        assert run.over_usd <= 1e-9, seed
        assert run.refusals, seed
        assert run.most_in_flight > 5, seed
        assert run.booked_usd == pytest.approx(run.provider.billed_usd, abs=1e-6), seed
        # Those refused last met a budget with less than a worst case (2 cents) left, or one that
        # calls in flight still held: at most what most of them held together.
        assert -run.over_usd <= 2 * CENT * (run.most_in_flight + 1), seed


@pytest.mark.slow
def test_whatever_is_reported_the_bill_never_passes_the_cap(simulated):
    """1,000 runs with missing, negative and huge usage, refusals and deaths: 0 dollars above."""
    for seed in range(RUNS):
        run = simulated(seed, reports=("true", "missing", "negative", "huge"), faults=True)
        assert run.over_usd <= 1e-9, seed
        assert run.booked_usd >= run.provider.billed_usd - 1e-6, seed


def test_a_call_that_costs_double_takes_the_run_over_by_at_most_its_reservation(simulated):
    """What no ledger can prevent: a provider that charges for more than it was allowed to make."""
    over = 0
    for seed in range(RUNS // 4):
        run = simulated(seed, reports=("true",), overcharges=1)
        assert run.over_usd <= run.provider.held_by_overcharged + 1e-9, seed
        over += run.over_usd > 0
    assert over, "the simulation never put a run over its cap: the bound was not tried"


def test_many_calls_that_cost_double_add_no_more_than_their_own_excess(simulated):
    """The excess is all that gets past; nothing new starts on top of it."""
    over = 0
    for seed in range(RUNS // 10):
        run = simulated(seed, overcharges=100)
        assert run.over_usd <= run.provider.excess_usd + 1e-9, seed
        over += run.over_usd > 0
    assert over, "the simulation never put a run over its cap: the bound was not tried"


class ForgetfulLedger:
    """A stand-in with the flaw that these runs must find: it knows what is spent, not reserved."""

    def __init__(self, cap_usd):
        self.cap_usd, self.spent_usd, self.reserved_usd = cap_usd, 0.0, 0.0

    def reserve(self, usd):
        if self.spent_usd + usd > self.cap_usd:
            raise BudgetExceeded("enough")
        return self

    def settle(self, usd):
        self.spent_usd += usd

    def release(self):
        pass


def test_a_ledger_that_forgets_reservations_would_be_noticed():
    """Nearly every run passes the cap, by several reservations, as soon as open ones are free."""
    runs = [simulate(seed, [ForgetfulLedger(0.3)], 0.3) for seed in range(50)]
    assert sum(run.over_usd > run.largest_usd for run in runs) > 40


# ── real processes ───────────────────────────────────────────────────────────────────────────────

SPENDER = """
import json, random, sys, threading, time
from pathlib import Path
from evalkit.calls.ledger import Ledger
from evalkit.errors import BudgetExceeded

seed, path, cap = int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
ledger = Ledger(path=path, cap_usd=cap)
billed, lock = [], threading.Lock()
first = ledger.reserve(0.002)
billed.append(0.002)
first.settle(0.002)
(path.parent / f"ready-{seed}").touch()
while not (path.parent / "go").exists():
    time.sleep(0.002)

def spend(seed):
    rng = random.Random(seed)
    while True:
        worst = rng.uniform(0.002, 0.02)
        try:
            reservation = ledger.reserve(worst)
        except BudgetExceeded:
            return
        time.sleep(rng.uniform(0, 0.002))
        usd = worst * rng.choice([0.1, 0.5, 1.0])
        with lock:
            billed.append(usd)
        reservation.settle(rng.choice([usd, usd, None, -usd, usd * 10]))

threads = [threading.Thread(target=spend, args=(seed * 100 + n,)) for n in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(billed))
"""


def test_processes_and_threads_share_one_cap(tmp_path):
    """Four processes of eight threads open one new file at once and spend until it is gone.

    None begins in earnest before all have spent once.
    """
    path, cap = tmp_path / "run.budget", 2.0
    spenders = [
        subprocess.Popen(
            [sys.executable, "-c", SPENDER, str(seed), str(path), str(cap)], stdout=subprocess.PIPE
        )
        for seed in range(4)
    ]
    bills = []
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("ready-*"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    (tmp_path / "go").touch()
    for spender in spenders:
        output, _ = spender.communicate(timeout=60)
        assert spender.returncode == 0
        bills.append(json.loads(output))
    assert sum(map(sum, bills)) <= cap
    assert [bool(bill) for bill in bills] == [True] * 4, "not all of them came to spend"
    ledger = Ledger(path=path, cap_usd=cap)
    assert ledger.reserved_usd == 0.0
    assert ledger.spent_usd >= sum(map(sum, bills)) - 1e-6
    ledger.close()


HOLDER = """
import sys, time
from pathlib import Path
from evalkit.calls.ledger import Ledger
Ledger(path=Path(sys.argv[1]), cap_usd=1.0).reserve(0.75)
print("held", flush=True)
time.sleep(60)
"""


def test_what_a_killed_process_had_reserved_is_gone(tmp_path):
    """kill -9 in flight: the provider may charge for it, so nobody else may spend it."""
    path = tmp_path / "run.budget"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate(timeout=60)
    ledger = Ledger(path=path, cap_usd=1.0)
    with pytest.raises(BudgetExceeded, match=r"\$0.750000 reserved"):
        ledger.reserve(0.26)
    ledger.reserve(0.25).release()
    ledger.close()
