"""When a server counts as ready, and as ours.

A port that answers is not enough: somebody else may have taken it, and a vLLM whose engine hangs
still lists its models. So, in this order: the port's listener belongs to our processes and is on
the loopback, our nonce is listed to our key, a wrong key is refused, and one short constrained
completion comes back as its schema demands.
"""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Callable

from evalkit.errors import ServerFailed
from evalkit.serving.http import Address, Reply, request
from evalkit.serving.leftovers import processes
from evalkit.serving.listeners import listeners, owned_by

POLL_S = 0.25
REQUEST_TIMEOUT_S = 10.0
PATHS = ("/v1/models", "/v1/chat/completions")


class Waiting:
    """The way of one start to readiness. Each step raises `ServerFailed` for what cannot mend."""

    def __init__(self, address: Address, *, port: int, nonce: str, deadline: float) -> None:
        self._address = address
        self._port = port
        self._nonce = nonce
        self._deadline = deadline

    def run(self, still_on: Callable[[], None]) -> None:
        """Block until the server is ready; `still_on` raises where waiting has become pointless."""
        while not self._is_listed():
            still_on()
            self._check_time("its model was not listed")
            time.sleep(POLL_S)
        check_exposure(self._port, self._nonce)
        self._check_key()
        self._check_completion(still_on)

    def _check_time(self, what: str) -> None:
        if time.monotonic() >= self._deadline:
            raise ServerFailed(f"the start deadline passed: {what}")

    def _left_s(self) -> float:
        return max(0.1, self._deadline - time.monotonic())

    def _is_listed(self) -> bool:
        holders = [found for found in listeners() if found.port == self._port]
        if not holders:
            return False
        ours = owned_by(processes(self._nonce))
        if any(found.inode not in ours for found in holders):
            raise ServerFailed(f"port {self._port} is held by a process that is not ours")
        try:
            reply = self._ask("/v1/models")
            rows = reply.json()["data"] if reply.status == 200 else []
            return any(row["id"] == self._nonce for row in rows)
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return False

    def _ask(self, path: str, *, key: str | None = None, body: object = None) -> Reply:
        timeout_s = min(REQUEST_TIMEOUT_S, self._left_s())
        return request(self._address, path, timeout_s=timeout_s, key=key, body=body)

    def _check_key(self) -> None:
        for path in PATHS:
            body = None if path == "/v1/models" else self._question("no")
            try:
                status = self._ask(path, key=secrets.token_hex(8), body=body).status
            except (OSError, http.client.HTTPException) as error:
                raise ServerFailed(f"{path} broke off: {type(error).__name__}") from error
            if status != 401:
                raise ServerFailed(f"{path} answered a wrong key with {status}, not with 401")

    def _question(self, word: str) -> dict[str, object]:
        schema = {
            "type": "object",
            "properties": {"word": {"enum": [word]}},
            "required": ["word"],
            "additionalProperties": False,
        }
        return {
            "model": self._nonce,
            "messages": [{"role": "user", "content": f"Say {word}."}],
            "max_tokens": 64,
            "temperature": 0,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "word", "schema": schema, "strict": True},
            },
        }

    def _check_completion(self, still_on: Callable[[], None]) -> None:
        """A word drawn now comes back: whoever says it decodes under our schema."""
        word = secrets.token_hex(3)
        while True:
            still_on()
            self._check_time("the first completion did not come back")
            try:
                reply = request(
                    self._address,
                    "/v1/chat/completions",
                    timeout_s=self._left_s(),
                    body=self._question(word),
                )
                break
            except (OSError, http.client.HTTPException):
                time.sleep(POLL_S)
        try:
            said = json.loads(reply.json()["choices"][0]["message"]["content"])
        except (ValueError, KeyError, TypeError, IndexError):
            said = None
        if said != {"word": word}:
            raise ServerFailed(
                f"the first constrained completion failed (HTTP {reply.status}): it had to be one "
                "JSON object of one key"
            )


def check_exposure(port: int, nonce: str) -> None:
    """Raise `ServerFailed` unless only our processes hold the port, and only on the loopback."""
    ours = owned_by(processes(nonce))
    for found in listeners():
        if found.port != port:
            continue
        if found.inode not in ours:
            raise ServerFailed(f"port {port} is shared with a process that is not ours")
        if not found.is_loopback:
            where = f"{found.address}:{found.port}"
            raise ServerFailed(f"the server listens on {where}, which others can reach")
