"""The way to one endpoint: a slot, a reservation, one attempt, its bill; again if it failed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from evalkit.calls.ledger import Ledger, Reservation
from evalkit.calls.limiter import Limiter
from evalkit.calls.retry import Retry, Taken, persist
from evalkit.errors import (
    BadReply,
    BudgetExceeded,
    ConnectionLost,
    ProviderError,
    ProviderTimeout,
)
from evalkit.pricing import Price, cost_of
from evalkit.records import Usage

T = TypeVar("T")

UNCERTAIN = (ProviderTimeout, ConnectionLost, BadReply)
"""Errors after which the provider may well charge for what never reached us."""

BYTES_A_TOKEN = 1
FRAMING_TOKENS = 512
BUDGET_POLL_S = 0.02


def most_tokens(*texts: str) -> int:
    """Input tokens that a request with these texts stays under.

    Its UTF-8 bytes, since no tokenizer of text makes more than a token of a byte, and 512 for chat
    framing and tool instructions. Ordinary text takes 3 to 5 bytes a token: what is reserved too
    much is given back with the reply.
    """
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return -(-size // BYTES_A_TOKEN) + FRAMING_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the models of one endpoint share on the way to it.

    `deadline` is an instant of `retry.clock` that ends the run, None where there is none.
    """

    limiter: Limiter
    retry: Retry
    ledger: Ledger | None = None
    deadline: float | None = None

    async def fetch(
        self,
        attempt: Callable[[], Awaitable[tuple[T, float]]],
        *,
        price: Price | None,
        worst_usd: float,
        taken: Taken,
    ) -> T:
        """The reply of the first attempt that succeeds.

        An attempt gives a reply and its price. Where only what our own calls in flight have set
        aside stands in the way of `worst_usd`, it waits for one of them to end. Raises what the
        last attempt raised, `BudgetExceeded` when `worst_usd` is not left, `ProviderTimeout` for a
        deadline.
        """

        async def paid() -> T:
            return await self._paid(attempt, price, worst_usd, taken)

        return await persist(
            paid, retry=self.retry, limiter=self.limiter, deadline=self.deadline, taken=taken
        )

    async def _paid(
        self,
        attempt: Callable[[], Awaitable[tuple[T, float]]],
        price: Price | None,
        worst_usd: float,
        taken: Taken,
    ) -> T:
        reserved = None if self.ledger is None else await self._reserved(self.ledger, worst_usd)
        try:
            reply, usd = await attempt()
        except BaseException as error:
            charged = _charged(error, price)
            taken.billed_usd += charged or 0.0
            if reserved is not None:
                reserved.settle(charged)
            raise
        taken.billed_usd += usd
        if reserved is not None:
            reserved.settle(usd)
        return reply

    async def _reserved(self, ledger: Ledger, usd: float) -> Reservation:
        """`usd` set aside, as soon as our own calls in flight leave so much."""
        while True:
            try:
                return ledger.reserve(usd)
            except BudgetExceeded as error:
                if not (error.may_pass and ledger.in_flight):
                    raise
            await self.retry.sleep(BUDGET_POLL_S)


def _charged(error: BaseException, price: Price | None) -> float | None:
    """US dollars that a failed attempt came to; None where that is not known."""
    usage = getattr(error, "usage", None)
    if isinstance(usage, Usage) and price is not None:
        return cost_of(usage, price).usd
    # Besides these, whatever is no provider's error, such as being cancelled in flight.
    uncertain = isinstance(error, UNCERTAIN) or not isinstance(error, ProviderError)
    return None if uncertain else 0.0
