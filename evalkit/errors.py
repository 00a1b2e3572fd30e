"""Every exception evalkit raises, drawn once, split by who must act.

EvalkitError
├── InputError              you fix a file; carries every problem found, not the first
│   ├── ConfigError         a suite, pyproject.toml, a prompt, an option
│   └── DataError           a dataset, a corpus, a journal, a saved run
├── BaselineMismatch        you promote a new baseline; carries the command that mends it
├── ProviderError           not your regression
│   ├── RateLimited         wait, or lower the concurrency
│   ├── ProviderTimeout     the other side did not answer in time
│   ├── BadRequest          the request itself is refused; a retry will not help
│   ├── AuthFailed          a key is missing, wrong, or lacks a right
│   ├── ConnectionLost      it broke with a request under way; it may be charged
│   ├── BadReply            the reply is not what its protocol promises
│   ├── NotRecorded         replay has no recording of this request: not evaluated
│   └── ServerFailed        a server we started did not start, or died twice
├── JudgeError              the judge gave no usable verdict; the metric becomes `Unscored`
└── BudgetExceeded          the run would cost more than it may

A failed gate is not an exception: it is a `Verdict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHOWN_PROBLEMS = 50
"""Problems printed in a message; `InputError.problems` always holds all of them."""


class EvalkitError(Exception):
    """The root: catch it to catch everything evalkit raises on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in one place.

    `where` is `file:line` or `file:line key`, `what` a sentence, `value` the offending value as
    written (shortened by the caller), `allowed` what would have been accepted.
    """

    where: str
    what: str
    value: str = ""
    allowed: str = ""

    def __str__(self) -> str:
        got = f" Got {self.value}." if self.value else ""
        allowed = f" Allowed: {self.allowed}." if self.allowed else ""
        stop = "." if (got or allowed) and self.what[-1:] not in ".?!" else ""
        return f"{self.where}: {self.what}{stop}{got}{allowed}"


class InputError(EvalkitError):
    """Something the user wrote cannot be used; every problem found is in `problems`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("an InputError needs at least one problem")
        self.problems = tuple(problems)
        shown = [str(problem) for problem in self.problems[:SHOWN_PROBLEMS]]
        if len(self.problems) > SHOWN_PROBLEMS:
            shown.append(f"… and {len(self.problems) - SHOWN_PROBLEMS} more")
        super().__init__("\n".join(shown))


class ConfigError(InputError):
    """A suite, `pyproject.toml`, a prompt or an option must be changed."""


class DataError(InputError):
    """A dataset, a corpus, a journal or a saved run must be changed."""


class BaselineMismatch(EvalkitError):
    """The baseline cannot be compared with this run.

    `reasons` name what differs; `mend` is the command that makes a comparable baseline.
    """

    def __init__(self, reasons: Sequence[str], *, mend: str) -> None:
        self.reasons = tuple(reasons)
        self.mend = mend
        super().__init__(f"{'; '.join(self.reasons)}. Mend it with: {mend}")


class ProviderError(EvalkitError):
    """A model provider or a target endpoint failed; nothing about quality follows from it.

    `retry_after_s` is how long the provider asked to be left alone, None where it did not say.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimited(ProviderError):
    """The provider asked for fewer requests."""


class ProviderTimeout(ProviderError):
    """The provider did not answer in time."""


class BadRequest(ProviderError):
    """The provider refuses this request; repeating it will not help."""


class AuthFailed(ProviderError):
    """The provider does not accept the key."""


class ConnectionLost(ProviderError):
    """The connection broke with a request under way: whether it is charged is not known."""


class BadReply(ProviderError):
    """The reply is cut short, not JSON, or not what the provider's protocol promises."""


class NotRecorded(ProviderError):
    """Replay answers only from recordings, and this request is not among them."""


class ServerFailed(ProviderError):
    """A model server we started did not become ready, or died again after one restart."""


class JudgeError(EvalkitError):
    """The judge gave no usable verdict; the score becomes `Unscored` with this message."""


class BudgetExceeded(EvalkitError):
    """The next call could cost more than the run may still spend.

    `may_pass` says that only reservations of calls in flight stand in the way.
    """

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass
