"""Money is set aside before an attempt and accounted for after it, whatever became of it."""

import asyncio

import pytest

from evalkit.calls.ledger import Ledger
from evalkit.calls.limiter import Limiter
from evalkit.calls.line import FRAMING_TOKENS, Line, most_tokens
from evalkit.calls.retry import Retry, Taken
from evalkit.errors import (
    AuthFailed,
    BadReply,
    BadRequest,
    BudgetExceeded,
    ConnectionLost,
    ProviderError,
    ProviderTimeout,
    RateLimited,
)
from evalkit.providers.protocol import Limits
from evalkit.providers.tokenizer import wordpiece
from tests.calls.stand_ins import PRICE, USAGE, USD, jumping, now, virtual

WORST = 0.01


def fetched(ledger, *steps, price=PRICE, **options):
    """(reply or error, what it took) of attempts that give (reply, dollars) or raise."""
    left = list(steps)

    async def attempt():
        step = left.pop(0)
        if isinstance(step, BaseException):
            raise step
        if step == "hang":
            await asyncio.sleep(1e6)
        return "reply", step

    async def main():
        taken = Taken()
        line = Line(limiter=Limiter(Limits(), clock=now), retry=virtual(**options), ledger=ledger)
        try:
            result = await line.fetch(attempt, price=price, worst_usd=WORST, taken=taken)
        except (ProviderError, BudgetExceeded, ZeroDivisionError) as error:
            result = error
        return result, taken

    return jumping(main)


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(path=tmp_path / "budget.sqlite", cap_usd=1.0)
    yield made
    made.close()


def with_usage(error):
    error.usage = USAGE
    return error


@pytest.mark.parametrize(
    ("failed", "spent", "billed"),
    [
        # Refused before any work: nothing was charged.
        (RateLimited("x"), 0.0, 0.0), (ProviderError("x"), 0.0, 0.0),
        (BadRequest("x"), 0.0, 0.0), (AuthFailed("x"), 0.0, 0.0),
        # What never reached us may have been charged: the cap counts it, the bill does not.
        (ProviderTimeout("x"), WORST, 0.0), (BadReply("x"), WORST, 0.0),
        (ZeroDivisionError("x"), WORST, 0.0), ("hang", WORST, 0.0),
        # And some errors say what they cost.
        (with_usage(BadReply("x")), USD, USD), (with_usage(ProviderError("x")), USD, USD),
    ],
)  # fmt: skip
def test_what_a_failed_attempt_is_counted_at(ledger, failed, spent, billed):
    result, taken = fetched(ledger, failed, attempts=1)
    assert result != "reply"
    assert ledger.spent_usd == pytest.approx(spent)
    assert taken.billed_usd == pytest.approx(billed)
    assert ledger.reserved_usd == 0.0


def test_each_attempt_is_reserved_and_settled_for_itself(ledger):
    result, taken = fetched(ledger, with_usage(BadReply("x")), RateLimited("x"), 0.003)
    assert result == "reply"
    assert ledger.spent_usd == pytest.approx(USD + 0.003)
    assert taken.billed_usd == pytest.approx(USD + 0.003)


def test_a_reply_dearer_than_its_reservation_is_settled_as_reported(ledger):
    fetched(ledger, 0.5)
    assert ledger.spent_usd == pytest.approx(0.5)


def test_where_too_little_is_left_nothing_is_sent(tmp_path):
    poor = Ledger(path=tmp_path / "poor.sqlite", cap_usd=WORST * 0.9)
    result, taken = fetched(poor, 0.001)
    assert isinstance(result, BudgetExceeded)
    assert (taken.billed_usd, poor.spent_usd) == (0.0, 0.0)
    poor.close()


def test_a_cancelled_attempt_may_have_been_charged(ledger):
    async def main():
        line = Line(limiter=Limiter(Limits(), clock=now), retry=virtual(), ledger=ledger)
        fetch = line.fetch(lambda: asyncio.sleep(50), price=PRICE, worst_usd=WORST, taken=Taken())
        task = asyncio.create_task(fetch)
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])

    jumping(main)
    assert ledger.spent_usd == pytest.approx(WORST)
    assert ledger.reserved_usd == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "Krill eat phytoplankton, which they filter from the water with their thoracic legs. " * 9,
        '{"claims": [{"id": "c1", "verdict": "supported", "quote": "the water"}]}' * 9,
        "南极磷虾以浮游植物为食，它们用胸足从水中滤出食物。" * 9,
        "def f(x):\n    return {k: v for k, v in x.items() if v is not None}\n" * 9,
    ],
)
def test_ordinary_text_stays_under_the_bound_without_its_constant(text):
    """A vocabulary of 30,000 words, smaller than any chat model's, splits text more finely."""
    assert wordpiece().count(text) <= most_tokens(text) - FRAMING_TOKENS


def test_the_bound_counts_all_texts_and_takes_any_text():
    assert most_tokens("ab", "cdef", "\ud800") == 9 + FRAMING_TOKENS  # 2 + 4 + 3
    assert most_tokens() == FRAMING_TOKENS


def test_a_call_waits_for_what_our_own_calls_in_flight_have_set_aside(tmp_path):
    """A dollar of budget and four calls that may cost 60 cents and cost 20: one after the other."""
    account = Ledger(path=tmp_path / "budget.sqlite", cap_usd=1.0)
    line = Line(limiter=Limiter(Limits()), retry=Retry(), ledger=account)
    running = most = 0

    async def attempt():
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return "reply", 0.2

    async def fetched():
        return await line.fetch(attempt, price=None, worst_usd=0.6, taken=Taken())

    async def main():
        return await asyncio.gather(*(fetched() for _ in range(4)), return_exceptions=True)

    refused, *paid = sorted(asyncio.run(main()), key=str, reverse=True)
    # After three, 60 cents are spent: the fourth could cost more than is left, and says so.
    assert (paid, most) == (["reply"] * 3, 1)
    assert isinstance(refused, BudgetExceeded)
    assert account.spent_usd == pytest.approx(0.6)
    account.close()


@pytest.mark.parametrize(
    ("error", "spent"),
    [
        (ProviderError("HTTP status 500"), 0.0),
        (RateLimited("HTTP status 429"), 0.0),
        (ConnectionLost("the connection failed"), 0.6),
        (ProviderTimeout("no answer"), 0.6),
        (BadReply("no JSON"), 0.6),
    ],
)
def test_what_may_have_been_charged_counts_whole(tmp_path, error, spent):
    """A refusal is free; after a broken connection nobody knows."""
    account = Ledger(path=tmp_path / "budget.sqlite", cap_usd=1.0)
    line = Line(limiter=Limiter(Limits()), retry=Retry(attempts=1), ledger=account)

    async def attempt():
        raise error

    with pytest.raises(type(error)):
        asyncio.run(line.fetch(attempt, price=None, worst_usd=0.6, taken=Taken()))
    assert account.spent_usd == pytest.approx(spent)
    account.close()
