"""What networks, gateways and providers do wrong, as one table over both protocols.

A fault spoils one response of a local server. `error` is what the model raises for it; None where
the reply still is a completion, which then `shows` what it must. `recoverable` says whether the
same request may succeed when it is sent again. To spoil the first k requests only:

    OpenAIServer(faults=[fault.spoil] * k)
"""

from __future__ import annotations

import datetime
import email.utils
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
from evalkit.records import Completion
from tests.servers.local_server import Served, Spoiling, as_json

READ_TIMEOUT_S = 1.0
"""What a test of silence gives a model as its `timeout_s`."""

HANG_S = 3600.0
"""The silence of a server that hangs, unless it is stopped before."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way in which a response is spoilt.

    `wait_s` is the `retry_after_s` it must lead to. `hangs`: nothing comes.
    """

    name: str
    spoil: Spoiling
    error: type[ProviderError] | None
    wait_s: float | None = None
    shows: Callable[[Completion], bool] = lambda _: True
    apis: tuple[str, ...] = ("openai", "anthropic")
    hangs: bool = False

    @property
    def recoverable(self) -> bool:
        """Whether a retry may help."""
        return self.error is not None and not issubclass(self.error, (AuthFailed, BadRequest))

    def __str__(self) -> str:
        return self.name


# ── ways to spoil ────────────────────────────────────────────────────────────────────────────────


def status(code: int, *, kind: str = "some_error", **headers: str) -> Spoiling:
    """An error as both APIs word it; header names with _ for -."""
    error = {"type": "error", "error": {"type": kind, "code": kind, "message": "something broke"}}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: as_json(error, status=code, headers=sent)


def page(code: int) -> Spoiling:
    html = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
    return lambda _: Served(body=html, status=code, content_type="text/html")


def sent(**how: Any) -> Spoiling:
    """The right response, sent wrongly."""
    return lambda served: replace(served, **how)


def body(change: Callable[[bytes], bytes]) -> Spoiling:
    return lambda served: replace(served, body=change(served.body))


def reply(change: Callable[[dict[str, Any]], object]) -> Spoiling:
    """A right response but for what `change` does to its JSON."""

    def spoil(served: Served) -> Served:
        said = served.json
        change(said)
        return served.saying(said)

    return spoil


def usage(value: object, *names: str) -> Spoiling:
    """The counts under those names set to a value; without names, the whole usage."""

    def change(said: dict[str, Any]) -> None:
        if not names:
            said["usage"] = value
        for name in names:
            if name in said["usage"]:
                said["usage"][name] = value

    return reply(change)


INPUT = ("prompt_tokens", "input_tokens")
OUTPUT = ("completion_tokens", "output_tokens")


def stop(openai: object, anthropic: object) -> Spoiling:
    """Another reason why the reply ended."""

    def change(said: dict[str, Any]) -> None:
        if "choices" in said:
            said["choices"][0]["finish_reason"] = openai
        else:
            said["stop_reason"] = anthropic

    return reply(change)


def text(value: object) -> Spoiling:
    """Another text of the reply."""

    def change(said: dict[str, Any]) -> None:
        if "choices" in said:
            said["choices"][0]["message"]["content"] = value
        else:
            said["content"] = [] if value is None else [{"type": "text", "text": value}]

    return reply(change)


def key(openai: str, anthropic: str, value: object) -> Spoiling:
    """Another value of a key at the top."""

    def change(said: dict[str, Any]) -> None:
        said[openai if "choices" in said else anthropic] = value

    return reply(change)


def from_now(seconds: float) -> str:
    when = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return email.utils.format_datetime(when, usegmt=True)


def dated(seconds: float) -> Spoiling:
    """429 with the time to come back at; read off the clock when it is sent."""

    def spoil(served: Served) -> Served:
        return status(429, retry_after=from_now(seconds))(served)

    return spoil


BOMB = gzip.compress(b" " * 9_000_000, compresslevel=1)


def bomb(served: Served) -> Served:
    """9 MB in 40 kB, as one may serve it who was asked for no compression."""
    return replace(served, body=BOMB, headers={"Content-Encoding": "gzip"})


def unbounded(served: Served) -> Served:
    """The right reply after 9 MB of blanks."""
    return replace(served, body=b" " * 9_000_000 + served.body)


def unknown_usage(completion: Completion) -> bool:
    """The answer is kept and billed at the worst case, not at nothing."""
    return (
        not completion.usage_known
        and completion.usage.input_tokens > 0
        and completion.usage.output_tokens > 0
    )


def stopped(reason: str) -> Callable[[Completion], bool]:
    return lambda completion: completion.stop_reason == reason


# ── the table ────────────────────────────────────────────────────────────────────────────────────

OPENAI = ("openai",)
ANTHROPIC = ("anthropic",)


def _fault(name: str, spoil: Spoiling, error: Any = None, **more: Any) -> Fault:
    return Fault(name=name, spoil=spoil, error=error, **more)


_HTTP = (
    _fault("429 without Retry-After", status(429), RateLimited),
    _fault("429, Retry-After in seconds", status(429, retry_after="7"), RateLimited, wait_s=7),
    _fault("429, retry-after-ms", status(429, retry_after_ms="250"), RateLimited, wait_s=0.25),
    _fault(
        "429, Retry-After as a date gone by",
        dated(-60), RateLimited, wait_s=0,
    ),
    _fault(
        "429, Retry-After as a date",
        dated(30), RateLimited, wait_s=30,
    ),
    _fault("429, Retry-After negative", status(429, retry_after="-5"), RateLimited),
    _fault("429, Retry-After NaN", status(429, retry_after="nan"), RateLimited),
    _fault("429, Retry-After of a month", status(429, retry_after="2592000"), RateLimited),
    _fault("429, Retry-After in words", status(429, retry_after="soon"), RateLimited),
    _fault("429, no quota left", status(429, kind="insufficient_quota"), AuthFailed),
    _fault("429, a retry will not help", status(429, x_should_retry="false"), BadRequest),
    _fault("401", status(401), AuthFailed),
    _fault("402", status(402), AuthFailed),
    _fault("403", status(403), AuthFailed),
    _fault("400", status(400), BadRequest),
    _fault("404", status(404), BadRequest),
    _fault("413", status(413), BadRequest),
    _fault("422", status(422), BadRequest),
    _fault("307, elsewhere", status(307, location="http://127.0.0.1:9/"), BadRequest),
    _fault("408", status(408), ProviderTimeout),
    _fault("409", status(409), ProviderError),
    _fault("500", status(500), ProviderError),
    _fault("502, a gateway's page", page(502), ProviderError),
    _fault("503, Retry-After", status(503, retry_after="2"), ProviderError, wait_s=2),
    _fault("504", status(504), ProviderTimeout),
    _fault("529, overloaded", status(529, kind="overloaded_error"), ProviderError),
    _fault("an error of 9 MB", lambda s: replace(unbounded(s), status=500), BadReply),
)  # fmt: skip

_TRANSPORT = (
    _fault("silence", sent(delay_s=HANG_S), ProviderTimeout, hangs=True),
    _fault("silence in the middle", sent(pieces=2, piece_delay_s=HANG_S),
           ProviderTimeout, hangs=True),
    _fault("reset before the response", sent(cut=-1), ConnectionLost),
    _fault("closed before the response", sent(cut=-1, reset=False), ConnectionLost),
    _fault("reset in the middle", sent(cut=20), ConnectionLost),
    _fault("closed in the middle", sent(cut=20, reset=False), ConnectionLost),
    _fault("not HTTP", sent(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), BadReply),
    _fault("a slow drip that ends in time", sent(pieces=20, piece_delay_s=0.01)),
)  # fmt: skip

_BODY = (
    _fault("empty", body(lambda _: b""), BadReply),
    _fault("truncated JSON", body(lambda b: b[: len(b) // 2]), BadReply),
    _fault("two objects", body(lambda b: b + b), BadReply),
    _fault("a list", body(lambda b: b"[" + b + b"]"), BadReply),
    _fault("HTML with status 200", page(200), BadReply),
    _fault("bad UTF-8", body(lambda b: b.replace(b"You", b"Y\xff")), BadReply),
    _fault("half a surrogate pair", text("You \ud83d said"), BadReply),
    _fault("a key twice", body(lambda b: b'{"model": "other", ' + b[1:]), BadReply),
    _fault("NaN", body(lambda b: b'{"nan": NaN, ' + b[1:]), BadReply),
    _fault("nested ten thousand deep", body(lambda _: b'{"a":' * 10_000), BadReply),
    _fault("a number of 5,000 digits", body(lambda b: b'{"n": ' + b"9" * 5000 + b", " + b[1:]),
           BadReply),
    _fault("a gzip bomb", bomb, BadReply),
    _fault("9 MB", unbounded, BadReply),
    _fault("an error with status 200", lambda s: s.saying({"error": {"message": "x"}}), BadReply),
)  # fmt: skip

_MEANING = (
    _fault("another model", key("model", "model", "some-other-model"), BadReply),
    _fault("a model of the same beginning", lambda s: s.saying(
        {**s.json, "model": s.json["model"] + "-mini"}), BadReply),
    _fault("no model", key("model", "model", None), BadReply),
    _fault("a dated snapshot", lambda s: s.saying(
        {**s.json, "model": s.json["model"] + "-2026-08-07"})),
    _fault("no choices", key("choices", "content", []), BadReply),
    _fault("null content", text(None), BadReply),
    _fault("a number for content", text(7), BadReply),
    _fault("no reason to end", stop(None, None), BadReply),
    _fault("an unknown reason to end", stop("tired", "tired"), BadReply),
    _fault("a tool call nobody asked for", stop("tool_calls", "tool_use"), BadReply),
    _fault("cut at the limit", stop("length", "max_tokens"), shows=stopped("length")),
    _fault("refused", stop("content_filter", "refusal"), shows=stopped("refusal")),
    _fault("no usage", usage(None), shows=unknown_usage),
    _fault("usage of another shape", usage([1, 2]), shows=unknown_usage),
    _fault("negative input", usage(-5, *INPUT), shows=unknown_usage),
    _fault("no input tokens", usage(0, *INPUT), shows=unknown_usage),
    _fault("huge input", usage(10**12, *INPUT), shows=unknown_usage),
    _fault("negative output", usage(-5, *OUTPUT), shows=unknown_usage),
    _fault("no output tokens", usage(0, *OUTPUT), shows=unknown_usage),
    _fault("huge output", usage(10**9, *OUTPUT), shows=unknown_usage),
    _fault("half a token", usage(1.5, *OUTPUT), shows=unknown_usage),
    _fault("tokens in words", usage("12", *OUTPUT), shows=unknown_usage),
    _fault("true for a count", usage(True, *OUTPUT), shows=unknown_usage),
    _fault("more cached than sent", usage({"cached_tokens": 10**4}, "prompt_tokens_details"),
           shows=unknown_usage, apis=OPENAI),
    _fault("not of the assistant", key("x", "role", "user"), BadReply, apis=ANTHROPIC),
)  # fmt: skip

FAULTS: tuple[Fault, ...] = (*_HTTP, *_TRANSPORT, *_BODY, *_MEANING)


# ── streams ──────────────────────────────────────────────────────────────────────────────────────


def event(value: Mapping[str, Any], *, after: int = 3) -> Spoiling:
    """An event of ours after the first few; the stream ends with it."""

    def spoil(served: Served) -> Served:
        events = served.body.split(b"\n\n")[:after]
        name = f"event: {value.get('type', 'error')}\n" if "type" in value else ""
        ours = f"{name}data: {json.dumps(value)}".encode()
        return replace(served, body=b"\n\n".join([*events, ours, b""]))

    return spoil


def in_stream(openai: str, anthropic: str) -> Spoiling:
    """An error of that type in the middle of a stream."""

    def spoil(served: Served) -> Served:
        named = b"event: message_start" in served.body
        error = {"type": anthropic if named else openai, "message": "something broke"}
        whole = {"type": "error", "error": error} if named else {"error": error}
        return event(whole)(served)

    return spoil


def instead(data: bytes) -> Spoiling:
    """Other data in the third event of a stream."""

    def spoil(served: Served) -> Served:
        events = served.body.split(b"\n\n")
        name, mark, _ = events[2].partition(b"data: ")
        events[2] = name + mark + data
        return replace(served, body=b"\n\n".join(events))

    return spoil


def ended_after(events: int) -> Spoiling:
    return body(lambda b: b"\n\n".join([*b.split(b"\n\n")[:events], b""]))


STREAM_FAULTS: tuple[Fault, ...] = (
    _fault("overloaded in the stream", in_stream("server_error", "overloaded_error"),
           ProviderError),
    _fault("limited in the stream", in_stream("rate_limit_exceeded", "rate_limit_error"),
           RateLimited),
    _fault("refused in the stream", in_stream("invalid_request_error", "invalid_request_error"),
           BadRequest),
    _fault("no quota in the stream", in_stream("insufficient_quota", "billing_error"), AuthFailed),
    _fault("a status in the stream", event({"error": {"code": 400, "message": "too long"}}),
           BadRequest, apis=OPENAI),
    _fault("ended in the middle", ended_after(4), BadReply),
    _fault("ended before it began", ended_after(0), BadReply),
    _fault("an event of half an object",
           body(lambda b: b[: len(b) // 2].rpartition(b'"')[0] + b"\n\n"), BadReply),
    _fault("an event nested ten thousand deep", instead(b'{"a":' * 10_000), BadReply),
    _fault("an event of 5,000 digits", instead(b"9" * 5000), BadReply),
    _fault("an event in words", instead(b"hello"), BadReply),
    _fault("an event that is a list", instead(b"[1]"), BadReply),
    _fault("an event of bad UTF-8", body(lambda b: b.replace(b"You", b"Y\xff")), BadReply),
    _fault("another model", body(lambda b: b.replace(b'"model": "', b'"model": "un')), BadReply),
    _fault("reset in the middle", sent(cut=400), ConnectionLost),
    _fault("silence in the middle", sent(pieces=3, piece_delay_s=HANG_S),
           ProviderTimeout, hangs=True),
    _fault("401 instead of a stream", status(401), AuthFailed),
    _fault("429 instead of a stream", status(429, retry_after="3"), RateLimited, wait_s=3),
    _fault("no usage at the end", body(lambda b: b.replace(b'"usage"', b'"unused"')),
           shows=unknown_usage),
)  # fmt: skip
