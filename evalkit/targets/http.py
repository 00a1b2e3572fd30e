"""An HTTP endpoint as the system under test."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from evalkit.errors import (
    AuthFailed,
    BadRequest,
    ConfigError,
    Problem,
    ProviderError,
    ProviderTimeout,
    RateLimited,
)
from evalkit.records import Answer, Document
from evalkit.targets.planted import refuse_planted
from evalkit.targets.replies import PASSAGE_KEYS, USAGE_KEYS, answer_of

MAX_REPLY_BYTES = 8_000_000
QUESTION = "{question}"
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_PATH = re.compile(r"(?:[^.\[\]]+|\[\d+\])(?:\.[^.\[\]]+|\[\d+\])*")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget:
    """Posts JSON to `url` and reads the answer out of the JSON that comes back.

    `body` is the template of the request: the text `{question}` in it stands for the question.
    `answer_path`, `passages_path` and the values in `passage_fields` and `usage` are paths such as
    `data.choices[0].text`; those of `passage_fields` start at one passage. `ingest_url` takes
    `{"documents": [{"id", "title", "text"}]}` before the first question. A header value `env:NAME`
    is read from the environment when a request is made, and never shown. `version` belongs to the
    fingerprint: an endpoint may change behind one URL.

    Redirects are not followed. Errors: `RateLimited` (429), `AuthFailed` (401, 403), `BadRequest`
    (other 4xx and 3xx), `ProviderTimeout`, else `ProviderError`; none quotes the reply.
    """

    url: str
    answer_path: str = "answer"
    body: Mapping[str, Any] = field(default_factory=lambda: {"question": QUESTION})
    passages_path: str = ""
    passage_fields: Mapping[str, Any] = field(
        default_factory=lambda: {"document_id": "document_id", "text": "text"}
    )
    usage: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    ingest_url: str = ""
    timeout_s: float = 60.0
    version: str = ""
    root: Path = Path()

    def __post_init__(self) -> None:
        for name in ("url", "ingest_url"):
            _check_url(name, getattr(self, name), required=name == "url")
        if not 0 < self.timeout_s <= 3600:
            raise ValueError(f"timeout_s must be within (0, 3600], got {self.timeout_s}")
        if QUESTION not in json.dumps(self.body, ensure_ascii=False):
            raise ValueError(f"body must hold {QUESTION} somewhere, got {dict(self.body)!r}")
        _check_fields("passage_fields", self.passage_fields, PASSAGE_KEYS)
        _check_fields("usage", self.usage, USAGE_KEYS)
        for path in filter(None, (self.answer_path, self.passages_path)):
            _check_path(path)
        for name, value in self.headers.items():
            if not isinstance(value, str):
                # Not a TypeError: what config reports with its line is a ValueError.
                raise ValueError(f"header {name} must be text")  # noqa: TRY004 - as above

    @property
    def fingerprint(self) -> str:
        """Covers URL, paths, body and `version`; not the headers, which hold keys."""
        shaped = (
            self.url, self.answer_path, dict(self.body), self.passages_path,
            dict(self.passage_fields), self.version,
        )  # fmt: skip
        digest = hashlib.sha256(json.dumps(shaped, sort_keys=True).encode()).hexdigest()
        return f"http-{urlsplit(self.url).hostname}-{digest[:12]}"

    async def ingest(self, documents: Sequence[Document]) -> None:
        if not self.ingest_url:
            refuse_planted(documents, target=self.url, remedy="name an endpoint with ingest_url")
            return
        rows = [{"id": d.id, "title": d.title, "text": d.text} for d in documents]
        await self._post(self.ingest_url, {"documents": rows}, read=False)

    async def answer(self, question: str) -> Answer:
        started = time.perf_counter()
        reply = await self._post(self.url, _filled(self.body, question), read=True)
        latency_s = time.perf_counter() - started
        try:
            return answer_of(self._picked(reply), latency_s=latency_s)
        except (TypeError, ValueError) as error:
            raise ProviderError(f"the reply does not fit the target's paths: {error}") from error

    def _picked(self, reply: object) -> dict[str, object]:
        """The parts of the reply under the names `answer_of` knows."""
        picked: dict[str, object] = {"text": _at(reply, self.answer_path)}
        if self.passages_path:
            rows = _at(reply, self.passages_path)
            if not isinstance(rows, list):
                raise TypeError(f"{self.passages_path} is no list")
            picked["passages"] = [
                {key: _at(row, path) for key, path in self.passage_fields.items()} for row in rows
            ]
        if self.usage:
            picked["usage"] = {key: _at(reply, path) for key, path in self.usage.items()}
        return picked

    async def _post(self, url: str, body: object, *, read: bool) -> object:
        # Here and not above: who evaluates no endpoint needs no HTTP client.
        import aiohttp  # noqa: PLC0415 - as the line above says

        timeout = aiohttp.ClientTimeout(total=self.timeout_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    url, json=body, headers=self._headers(), allow_redirects=False
                ) as response,
            ):
                _raise_for(response.status)
                data = await response.content.read(MAX_REPLY_BYTES + 1) if read else b"null"
                while read and len(data) <= MAX_REPLY_BYTES and not response.content.at_eof():
                    data += await response.content.read(MAX_REPLY_BYTES + 1 - len(data))
        except TimeoutError as error:
            raise ProviderTimeout(f"no answer within {self.timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ProviderError(f"the request failed: {type(error).__name__}") from error
        if len(data) > MAX_REPLY_BYTES:
            raise ProviderError(f"the reply is larger than {MAX_REPLY_BYTES} bytes")
        try:
            return json.loads(data)
        except ValueError as error:
            raise ProviderError("the reply is not JSON") from error

    def _headers(self) -> dict[str, str]:
        given = {}
        for name, value in self.headers.items():
            if not value.startswith("env:"):
                given[name] = value
                continue
            variable = value.removeprefix("env:")
            if not os.environ.get(variable):
                what = f"header {name} needs the environment variable {variable}"
                raise ConfigError([Problem(where=f"target {self.url}", what=what)])
            given[name] = os.environ[variable]
        return given


def _raise_for(status: int) -> None:
    """The `ProviderError` of an HTTP status other than 2xx."""
    if 200 <= status < 300:
        return
    message = f"the endpoint answered with HTTP status {status}"
    if status == 429:
        raise RateLimited(message)
    if status in (401, 403):
        raise AuthFailed(message)
    if status in (408, 504):
        raise ProviderTimeout(message)
    if 300 <= status < 500:
        raise BadRequest(message)
    raise ProviderError(message)


def _filled(template: Any, question: str) -> Any:
    """The template with the question in every string that asks for it."""
    if isinstance(template, str):
        return template.replace(QUESTION, question)
    if isinstance(template, Mapping):
        return {key: _filled(value, question) for key, value in template.items()}
    if isinstance(template, (list, tuple)):
        return [_filled(value, question) for value in template]
    return template


def _at(data: Any, path: str) -> Any:
    """The value at a dotted path. Raises `ValueError` with the first step that is not there."""
    for key, number in _STEP.findall(path):
        try:
            data = data[int(number)] if number and isinstance(data, list) else data[key or number]
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"no {key or f'[{number}]'} on the path {path}") from error
    return data


def _check_url(name: str, url: str, *, required: bool) -> None:
    parts = urlsplit(url)
    if url or required:
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{name} must be an http or https address, got {url!r}")
        if parts.username or parts.password:
            raise ValueError(f"{name} must not hold a user or password; use headers with env:NAME")


def _check_fields(name: str, fields: Mapping[str, Any], known: Sequence[str]) -> None:
    for key, path in fields.items():
        if key not in known:
            raise ValueError(f"{name} has unknown key {key!r}; known: {', '.join(known)}")
        _check_path(path)


def _check_path(path: object) -> None:
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no path such as data.choices[0].text")
