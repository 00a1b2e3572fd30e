"""A vLLM server that somebody else started and will stop."""

from __future__ import annotations

import hashlib
import http.client
import os
import threading
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import PurePath
from typing import Any

from evalkit.errors import ConfigError, Problem, ServerFailed
from evalkit.records import ServerRecord
from evalkit.serving.gauges import Gauges
from evalkit.serving.http import Address, request
from evalkit.serving.identity import Identity

TIMEOUT_S = 10.0


class AttachedServer:
    """A running server at `base_url` (with or without its `/v1`), asked once what it serves.

    `model` is the name it serves the model under, empty for the only one there is. `declared` are
    facts that a server does not tell (quantization, dtype, revision), taken on trust into the
    identity. Raises `ServerFailed` where nobody answers, `ConfigError` for a key that is refused or
    a model that is not served.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str = "",
        api_key_env: str = "",
        declared: Identity = (),
    ) -> None:
        key = os.environ.get(api_key_env, "") if api_key_env else ""
        if api_key_env and not key:
            what = f"the key needs the environment variable {api_key_env}"
            raise ConfigError([Problem(where="vllm base_url", what=what)])
        root = base_url.rstrip("/").removesuffix("/v1")
        self._address = Address(root=root, key=key)
        self._model = model
        self._declared = declared
        self._lock = threading.Lock()
        self._found: tuple[str, Identity] | None = None
        self._gauges = Gauges(lambda: self._address)
        self._sampling = False

    @property
    def address(self) -> Address | None:
        """Where it answers."""
        return self._address

    @property
    def served_name(self) -> str:
        """The model's name in requests and replies."""
        return self._asked()[0]

    @property
    def identity(self) -> Identity:
        """What it says it serves, and what was declared of it."""
        return self._asked()[1]

    def readying(self) -> Future[None]:
        """Done at once: a server that is not up is its owner's to start."""
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def used(self) -> AbstractContextManager[None]:
        """One request in flight: for as long, gauges are sampled."""
        with self._lock:
            start, self._sampling = not self._sampling, True
        if start:
            self._gauges.start()
        return self._gauges.used()

    def record(self) -> ServerRecord:
        """What it has done since we came."""
        return self._gauges.record(self.identity, startup_s=0.0, restarts=0)

    def stop(self) -> None:
        """Leave it running; only sampling ends."""
        self._gauges.end()

    def _asked(self) -> tuple[str, Identity]:
        with self._lock:
            if self._found is None:
                self._found = self._ask()
            return self._found

    def _ask(self) -> tuple[str, Identity]:
        rows = self._get("/v1/models")["data"]
        names = [row["id"] for row in rows]
        if (self._model and self._model not in names) or (not self._model and len(names) != 1):
            what = "the server does not serve this model" if self._model else "name one model"
            problem = Problem(
                where="vllm model", what=what, value=repr(self._model), allowed=", ".join(names)
            )
            raise ConfigError([problem])
        row = next(row for row in rows if row["id"] == (self._model or names[0]))
        root = str(row.get("root") or row["id"])
        found = (
            ("model", PurePath(root).name),
            # A path of the server's machine is not for a report, and tells no weights apart.
            ("weights", f"name {hashlib.sha256(root.encode()).hexdigest()[:16]}"),
            ("max_model_len", str(row.get("max_model_len"))),
            ("vllm", str(self._get("/version").get("version"))),
            *self._declared,
        )
        return row["id"], found

    def _get(self, path: str) -> dict[str, Any]:
        try:
            reply = request(self._address, path, timeout_s=TIMEOUT_S)
            if reply.status in (401, 403):
                what = "the server refuses the key; name its variable with api_key_env"
                raise ConfigError([Problem(where="vllm base_url", what=what)])
            found = reply.json() if reply.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ServerFailed(f"no vLLM answers at base_url: {type(error).__name__}") from error
        if not isinstance(found, dict):
            raise ServerFailed(f"{path} of base_url answered with HTTP status {reply.status}")
        return found
