"""What an SDK raises, as one of evalkit's errors: who must act, and for how long to wait.

Both SDKs wrap what their transport raises, so that a fault is read from the whole chain of causes.
No message quotes a key, or more of a provider's own words than one short line.
"""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.errors import (
    AuthFailed,
    BadReply,
    BadRequest,
    ConnectionLost,
    ProviderError,
    ProviderTimeout,
    RateLimited,
)

LONGEST_WAIT_S = 3600.0
"""A longer `Retry-After` is no rate limit but a mistake, and counts as none."""

SHOWN_CHARACTERS = 200
_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|nvapi|hf|bearer|api[-_ ]?key)(?:[-_:= ]|: )+[\w.*~+/-]{6,}", re.IGNORECASE
)

# By words, as both APIs, gateways and vLLM name what went wrong in the body of an error.
_OUT_OF_QUOTA = frozenset(
    ["insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active"]
)
_KINDS: Mapping[str, type[ProviderError]] = {
    "rate_limit_error": RateLimited,
    "rate_limit_exceeded": RateLimited,
    "tokens": RateLimited,
    "requests": RateLimited,
    "authentication_error": AuthFailed,
    "permission_error": AuthFailed,
    "invalid_api_key": AuthFailed,
    "invalid_request_error": BadRequest,
    "not_found_error": BadRequest,
    "request_too_large": BadRequest,
    "timeout_error": ProviderTimeout,
}


def kinds(sdk: Any) -> tuple[type[Exception], ...]:
    """What a call of the SDK may raise for reasons outside this process."""
    import aiohttp  # noqa: PLC0415 - comes with the SDKs' transport
    import httpx2  # noqa: PLC0415 - as aiohttp

    return (
        sdk.APIError, httpx2.HTTPError, httpx2.StreamError, aiohttp.ClientError, OSError,
        ValueError, RecursionError, ProviderError,  # the first two: an event that is not JSON
    )  # fmt: skip


def typed(error: Exception, *, secrets: Sequence[str]) -> ProviderError:
    """The error that says who must act."""
    causes = list(_causes(error))
    ours = next((cause for cause in causes if isinstance(cause, ProviderError)), None)
    if ours is not None:
        return ours
    status = getattr(error, "status_code", None)
    body = getattr(error, "body", None)
    if isinstance(status, int) and not 200 <= status < 300:
        return of_status(status, error.response.headers, body, secrets=secrets)  # type: ignore[attr-defined]  # an APIStatusError
    if body is not None:
        return of_body(body, secrets=secrets)
    return _of_transport(error, causes)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, outermost first.

    By `raise … from` alone: the implicit context of a retry is the failure of the attempt before.
    """
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _of_transport(error: Exception, causes: Sequence[BaseException]) -> ProviderError:
    """By the innermost fault: aiohttp's is true, and httpx's names for it are sometimes not."""
    if any(isinstance(cause, UnicodeEncodeError) for cause in causes):
        return BadRequest("the prompt holds half a character, which cannot be sent")
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return ProviderTimeout("the provider did not answer in time")
    names = [type(cause).__name__ for cause in causes]
    if isinstance(error, (ValueError, RecursionError)) or "ClientResponseError" in names:
        return BadReply(f"the reply is not HTTP, or a streamed event is not JSON ({names[-1]})")
    # Over aiohttp, httpx calls a connection that broke under a request a ConnectError too.
    over_aiohttp = any(type(cause).__module__.startswith("aiohttp.") for cause in causes)
    if "ClientConnectorError" in names or ("ConnectError" in names and not over_aiohttp):
        return ProviderError(f"no connection ({names[-1]})")
    return ConnectionLost(f"the connection failed ({names[-1]})")


# ── what the provider says ───────────────────────────────────────────────────────────────────────


def of_status(
    status: int, headers: Mapping[str, str], body: object, *, secrets: Sequence[str] = ()
) -> ProviderError:
    """The error of an HTTP status other than 2xx."""
    kind = _kind_of_status(status, _words(body))
    # The two SDKs obey this header, too: the provider knows that the same will happen again.
    if headers.get("x-should-retry") == "false" and kind is not AuthFailed:
        kind = BadRequest
    message = f"HTTP status {status}"
    # Who refuses a key often repeats it.
    said = "" if status in (401, 403) else shown(_message(body), secrets)
    return kind(f"{message}: {said}" if said else message, retry_after_s=retry_after_s(headers))


def _kind_of_status(status: int, words: frozenset[str]) -> type[ProviderError]:
    # No quota is no rate: waiting will not bring it back.
    if status in (401, 402, 403) or words & _OUT_OF_QUOTA:
        return AuthFailed
    if status == 429:
        return RateLimited
    if status in (408, 504):
        return ProviderTimeout
    if status == 409 or status >= 500:
        return ProviderError
    return BadRequest


def of_body(body: object, *, secrets: Sequence[str] = ()) -> ProviderError:
    """The error of an event in a stream that had begun with status 200."""
    words = _words(body)
    error = body.get("error", body) if isinstance(body, Mapping) else body
    code = error.get("code") if isinstance(error, Mapping) else None
    if isinstance(code, int) and 300 <= code < 600:
        kind = _kind_of_status(code, words)
    elif words & _OUT_OF_QUOTA:
        kind = AuthFailed
    else:
        kind = next((_KINDS[word] for word in sorted(words) if word in _KINDS), ProviderError)
    said = shown(_message(body), secrets) if kind is not AuthFailed else ""
    return kind(f"the stream ended with an error{': ' if said else ''}{said}")


def _words(body: object) -> frozenset[str]:
    """`type` and `code` of an error, wherever the API puts them."""
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    if not isinstance(inner, Mapping):
        return frozenset()
    return frozenset(word for key in ("type", "code") if isinstance(word := inner.get(key), str))


def _message(body: object) -> str:
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        found = inner.get("message", "") if isinstance(inner, Mapping) else inner
        return found if isinstance(found, str) else ""
    return ""  # a gateway's page says nothing that helps


def shown(words: str, secrets: Sequence[str] = ()) -> str:
    """A provider's words as one short line without keys."""
    for secret in secrets:
        words = words.replace(secret, "…")
    words = _KEY_LIKE.sub("…", words[: 10 * SHOWN_CHARACTERS])
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[: SHOWN_CHARACTERS - 1]}…"


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: from `retry-after-ms`, else `Retry-After` in seconds or as an HTTP date.

    None where there is neither, or none that can be meant: negative, NaN, more than an hour.
    """
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if not value:
            continue
        try:
            found = float(value) * unit
        except ValueError:
            found = _until(value)
        if math.isfinite(found) and 0 <= found <= LONGEST_WAIT_S:
            return found
    return None


def _until(date: str) -> float:
    """Seconds until an HTTP date; 0 for one gone by, NaN for what is none."""
    try:
        return max(0.0, email.utils.parsedate_to_datetime(date).timestamp() - time.time())
    except (ValueError, OverflowError):
        return math.nan
