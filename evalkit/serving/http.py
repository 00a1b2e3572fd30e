"""The few requests that serving makes of a vLLM server, without a client library or a proxy."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

MAX_BYTES = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server answers. `root` is its address without `/v1`; `key` is never shown."""

    root: str
    key: str = ""

    def __repr__(self) -> str:
        return f"Address(root={self.root!r})"

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes."""
        return f"{self.root}/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A status and a body of at most `MAX_BYTES`."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body, parsed. Raises `ValueError` where it is not JSON."""
        return json.loads(self.body.decode("utf-8"))


def request(
    address: Address,
    path: str,
    *,
    timeout_s: float,
    body: object = None,
    key: str | None = None,
) -> Reply:
    """One GET, or one POST of a JSON body. `key` stands in for the address's own.

    Raises `OSError` (timeouts and refused connections included) and `http.client.HTTPException`.
    """
    parts = urlsplit(address.root)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    token = address.key if key is None else key
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(
            "GET" if data is None else "POST", f"{parts.path}{path}", body=data, headers=headers
        )
        response = connection.getresponse()
        return Reply(status=response.status, body=response.read(MAX_BYTES))
    finally:
        connection.close()
