"""Anthropic's Claude models, and gateways that speak their protocol."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from evalkit.providers import exchange, messages
from evalkit.providers.connections import (
    Connections,
    Opened,
    check_address,
    check_headers,
    check_timeout,
    installed,
    open_client,
)
from evalkit.providers.openai import check_model_name, fingerprint, shown_headers
from evalkit.providers.protocol import Limits
from evalkit.records import Completion, ModelRequest

ANTHROPIC_URL = "https://api.anthropic.com"

LAST_VERSION_WITH_TEMPERATURE = "2023-06-01"
"""From version 2026-10-21 of the API on, which newer SDKs send, no model takes `temperature`."""

_CLAUDE = re.compile(r"claude-")
_TAKES_TEMPERATURE = re.compile(r"claude-(3.*|(opus|sonnet|haiku)-4(-[0156])?([-@]\d{8})?)")
"""Claude 3 to 4.6. Opus 4.7 and everything since refuse it under any version of the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnthropicModel:
    """A Claude model, or what a gateway at `base_url` offers under the same protocol.

    `api_key_env`, `headers`, `timeout_s`, `extra_body`, `accept_models` and `stream` are as
    `OpenAIModel`'s. `thinking`, `effort` and `service_tier` are sent only where they are given;
    thinking counts against a request's output and is never part of the text.

    `temperature` is sent only where it is given, with the last version of the API that knows it;
    Claude models that refuse it are refused here. `api_version` overrides the version.

    `structured` is how a schema is asked for: as the output's format, as a forced tool call where a
    model lacks that, or in words of the system text. `cache_prompt` marks the system text for the
    prompt cache; reads and writes are counted in any case.

    `complete` makes one attempt and raises a `ProviderError`; `ConfigError` where a variable is
    not set or the package `anthropic` is missing.
    """

    model: str
    base_url: str = ""
    api_key_env: str = "ANTHROPIC_API_KEY"
    headers: Mapping[str, Any] = field(default_factory=dict)
    temperature: float | None = None
    thinking: Literal["", "adaptive", "disabled"] = ""
    effort: str = ""
    service_tier: str = ""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    api_version: str = ""
    structured: messages.Structured = "json_schema"
    cache_prompt: bool = False
    accept_models: tuple[str, ...] = ()
    stream: bool = False
    timeout_s: float = 120.0
    limits: Limits = field(default_factory=Limits)
    fingerprint: str = field(init=False)
    _fixed: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    _reading: messages.Reading = field(init=False, repr=False, compare=False)
    _connections: Connections = field(
        default_factory=Connections, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        check_model_name(self.model)
        check_address(self.address)
        check_headers(self._sent_headers)
        check_timeout(self.timeout_s)
        fixed = self._said_alike()
        clash = sorted(self.extra_body.keys() & {*fixed, *messages.OURS})
        if clash:
            raise ValueError(f"extra_body must not repeat {', '.join(clash)}")
        shaping = (
            self.address, shown_headers(self._sent_headers), fixed, dict(self.extra_body),
            self.structured,
        )  # fmt: skip
        # How the reply travels does not shape it, and is no part of the fingerprint.
        sent = {**fixed, **self.extra_body, **({"stream": True} if self.stream else {})}
        object.__setattr__(self, "_fixed", sent)
        reading = messages.Reading(model=self.model, accepted=self.accept_models)
        object.__setattr__(self, "_reading", reading)
        object.__setattr__(self, "fingerprint", fingerprint(self.name, shaping))

    def _said_alike(self) -> dict[str, Any]:
        fixed: dict[str, Any] = {"model": self.model}
        if self.temperature is not None:
            if _CLAUDE.match(self.model) and not _TAKES_TEMPERATURE.fullmatch(self.model):
                raise ValueError(f"{self.model} refuses temperature; leave it out")
            fixed["temperature"] = self.temperature
        if self.thinking:
            fixed["thinking"] = {"type": self.thinking}
        if self.effort:
            fixed["output_config"] = {"effort": self.effort}
        if self.service_tier:
            fixed["service_tier"] = self.service_tier
        return fixed

    @property
    def name(self) -> str:
        """The model under its provider's name, as a profile writes it."""
        return f"anthropic/{self.model}"

    @property
    def address(self) -> str:
        """Where requests go."""
        return self.base_url or ANTHROPIC_URL

    @property
    def endpoint(self) -> str:
        """Host and model: providers limit each model apart."""
        return f"{urlsplit(self.address).netloc} {self.model}"

    @property
    def _sent_headers(self) -> Mapping[str, Any]:
        version = self.api_version
        if not version and self.temperature is not None:
            version = LAST_VERSION_WITH_TEMPERATURE
        return {**({"anthropic-version": version} if version else {}), **self.headers}

    async def complete(self, request: ModelRequest) -> Completion:
        opened = self._connections.get(self._open)
        body = messages.body(
            request, self._fixed, structured=self.structured, cache_prompt=self.cache_prompt
        )
        started = time.perf_counter()
        if self.stream:
            gathered = messages.Gathered()
            await exchange.streamed(opened, messages.PATH, body, gathered)
            found = gathered.whole()
        else:
            found = await exchange.posted(opened, messages.PATH, body)
        latency_s = time.perf_counter() - started
        reply = self._reading.reply(found, request)
        return reply.completion(request, name=self.name, latency_s=latency_s)

    async def close(self) -> None:
        await self._connections.close()

    def _open(self) -> Opened:
        where = f"model {self.name}"
        sdk = installed("anthropic", where=where)
        return open_client(
            sdk, sdk.AsyncAnthropic, where=where, base_url=self.address,
            api_key_env=self.api_key_env, headers=self._sent_headers, timeout_s=self.timeout_s,
        )  # fmt: skip
