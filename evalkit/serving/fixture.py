"""A vLLM server for tests of any kind: the fixture `evalkit_vllm`.

    @pytest.fixture(scope="session")
    def vllm_server(evalkit_vllm):
        return evalkit_vllm(model="models/my-awq", quantization="awq", max_model_len=8192)

    def test_it_answers(vllm_server):
        client = OpenAI(base_url=vllm_server.base_url, api_key=vllm_server.api_key)
        client.chat.completions.create(model=vllm_server.model, messages=[...])

Servers of equal options are one server; all are stopped when the session ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from evalkit.records import ServerRecord
from evalkit.serving.identity import fingerprint
from evalkit.serving.options import ServerOptions
from evalkit.serving.pool import POOL
from evalkit.serving.server import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server that is ready: what a client needs to reach it, and what it serves."""

    base_url: str
    api_key: str = field(repr=False)
    model: str
    fingerprint: str
    server: Server = field(repr=False)

    def record(self) -> ServerRecord:
        """What its gauges showed so far."""
        return self.server.record()


@pytest.fixture(scope="session")
def evalkit_vllm() -> Iterator[Callable[..., RunningServer]]:
    """Starts a managed vLLM server: `evalkit_vllm(model=…, quantization=…, …)`, see ServerOptions.

    Blocks until it is ready. Raises `ConfigError` and `ServerFailed`, as a suite would.
    """
    taken: list[Server] = []

    def start(**options: Any) -> RunningServer:
        server = POOL.take(ServerOptions(**options))
        taken.append(server)
        server.ready()
        address = server.address
        assert address is not None  # noqa: S101 - it is ready
        return RunningServer(
            base_url=address.base_url,
            api_key=address.key,
            model=server.served_name,
            fingerprint=fingerprint(server.identity),
            server=server,
        )

    yield start
    for server in taken:
        POOL.release(server)
