"""OpenAI, and every server that speaks its chat completions: NIM, TGI, Ollama, vLLM, gateways."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from evalkit.providers import chat_completions, exchange
from evalkit.providers.connections import (
    Connections,
    Opened,
    check_address,
    check_headers,
    check_timeout,
    installed,
    open_client,
)
from evalkit.providers.protocol import Limits
from evalkit.records import Completion, ModelRequest

OPENAI_URL = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIModel:
    """A chat model behind `base_url`, OpenAI's own where it is empty.

    Where it is: `api_key_env` names the environment variable with the key, empty for a server that
    takes none; the value `env:NAME` of a header or of `organization` is read from the environment;
    neither is ever shown.
    `timeout_s` bounds connecting and every pause of a reply, not the whole of it.

    What is sent: `temperature`, `top_p`, `seed`, `reasoning_effort` and `service_tier` only where
    they are given, `extra_body` as it is. `output_limit` names the field for the bound on output;
    "auto" is `max_completion_tokens` for OpenAI and `max_tokens`, which all others know, elsewhere.
    `structured` is how a schema is asked for: as a strict response format, or in words of the
    system text with ("json_object") or without ("none") JSON mode.

    What is read: `accept_models` are names under which the endpoint may reply besides `model` and
    its dated snapshots, "*" for any; `opened_reasoning` is for templates that write `<think>`
    themselves. Reasoning is never part of the text. `stream` asks for the reply in pieces.

    `complete` makes one attempt and raises a `ProviderError`; `ConfigError` where a variable is
    not set or the package `openai` is missing.
    """

    model: str
    base_url: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    headers: Mapping[str, Any] = field(default_factory=dict)
    organization: str = ""
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    reasoning_effort: str = ""
    service_tier: str = ""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    output_limit: Literal["auto", "max_tokens", "max_completion_tokens"] = "auto"
    structured: chat_completions.Structured = "json_schema"
    accept_models: tuple[str, ...] = ()
    opened_reasoning: bool = False
    stream: bool = False
    timeout_s: float = 120.0
    limits: Limits = field(default_factory=Limits)
    fingerprint: str = field(init=False)
    _fixed: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    _reading: chat_completions.Reading = field(init=False, repr=False, compare=False)
    _connections: Connections = field(
        default_factory=Connections, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        check_model_name(self.model)
        check_address(self.address)
        check_headers(self.headers)
        check_timeout(self.timeout_s)
        fixed: dict[str, Any] = {"model": self.model}
        for name in ("temperature", "top_p", "seed", "reasoning_effort", "service_tier"):
            value = getattr(self, name)
            if value is not None and value != "":
                fixed[name] = value
        streaming = {"stream": True, "stream_options": {"include_usage": True}}
        clash = sorted(self.extra_body.keys() & {*fixed, *streaming, *chat_completions.OURS})
        if clash:
            raise ValueError(f"extra_body must not repeat {', '.join(clash)}")
        reading = chat_completions.Reading(
            model=self.model, accepted=self.accept_models, opened_reasoning=self.opened_reasoning
        )
        shaping = (
            self.address, shown_headers(self.headers), fixed, dict(self.extra_body),
            self._limit_field, self.structured, self.opened_reasoning,
        )  # fmt: skip
        object.__setattr__(self, "fingerprint", fingerprint(self.name, shaping))
        # How the reply travels does not shape it, and is no part of the fingerprint.
        sent = {**fixed, **self.extra_body, **(streaming if self.stream else {})}
        object.__setattr__(self, "_fixed", sent)
        object.__setattr__(self, "_reading", reading)

    @property
    def name(self) -> str:
        """The model under its provider's name, as a profile writes it."""
        return f"openai/{self.model}"

    @property
    def address(self) -> str:
        """Where requests go."""
        return self.base_url or OPENAI_URL

    @property
    def endpoint(self) -> str:
        """Host and model: providers limit each model apart."""
        return f"{urlsplit(self.address).netloc} {self.model}"

    @property
    def _limit_field(self) -> str:
        if self.output_limit != "auto":
            return self.output_limit
        own = urlsplit(self.address).hostname == urlsplit(OPENAI_URL).hostname
        return "max_completion_tokens" if own else "max_tokens"

    async def complete(self, request: ModelRequest) -> Completion:
        opened = self._connections.get(self._open)
        body = chat_completions.body(
            request, self._fixed, output_limit=self._limit_field, structured=self.structured
        )
        started = time.perf_counter()
        if self.stream:
            gathered = chat_completions.Gathered()
            await exchange.streamed(opened, chat_completions.PATH, body, gathered)
            found = gathered.completion()
        else:
            found = await exchange.posted(opened, chat_completions.PATH, body)
        latency_s = time.perf_counter() - started
        reply = self._reading.reply(found, request)
        return reply.completion(request, name=self.name, latency_s=latency_s)

    async def close(self) -> None:
        await self._connections.close()

    def _open(self) -> Opened:
        return open_openai(
            where=f"model {self.name}",
            base_url=self.address,
            api_key_env=self.api_key_env,
            headers=self.headers,
            organization=self.organization,
            timeout_s=self.timeout_s,
        )


# ── the SDK ──────────────────────────────────────────────────────────────────────────────────────


def open_openai(
    *,
    where: str,
    base_url: str,
    api_key_env: str,
    headers: Mapping[str, str],
    organization: str,
    timeout_s: float,
) -> Opened:
    """A client of the `openai` SDK. Raises `ConfigError` where it or a variable is missing."""
    sdk = installed("openai", where=where)
    given = {"OpenAI-Organization": organization, **headers} if organization else headers
    return open_client(
        sdk, sdk.AsyncOpenAI, where=where, base_url=base_url, api_key_env=api_key_env,
        headers=given, timeout_s=timeout_s,
        # The SDK takes these from the environment, and would tell them to any address.
        unsent=("OpenAI-Organization", "OpenAI-Project"),
    )  # fmt: skip


# ── options ──────────────────────────────────────────────────────────────────────────────────────


def check_model_name(model: str) -> None:
    """Raise `ValueError` unless it is a name on one line."""
    if not model.strip() or not model.isprintable():
        raise ValueError(f"model must be the name of a model, got {model!r}")


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as a fingerprint may hold them: digests of values, since a value may be a key."""
    return {
        name.lower(): hashlib.sha256(value.encode()).hexdigest()
        for name, value in sorted(headers.items())
    }


def fingerprint(name: str, shaping: object) -> str:
    """The name, and a digest of everything that shapes a reply.

    Raises `ValueError` for what JSON cannot say: a date, NaN.
    """
    try:
        said = json.dumps(shaping, sort_keys=True, allow_nan=False)
    except TypeError as error:
        raise ValueError(f"an option cannot be sent: {error}") from error
    digest = hashlib.sha256(said.encode()).hexdigest()
    return f"{name}-{digest[:12]}"
