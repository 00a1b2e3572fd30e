"""A key that a provider repeats stands in no file that a build leaves behind."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.parse

import pytest

from tests.servers.local_server import as_json
from tests.servers.openai_server import OpenAIServer
from tests.servers.served_project import said, write_served

KEY = "sk-test-5f0c91d2e7a84b63-planted"
HEADER = "gateway-8d1b7c3f4e2a9065-planted"


def told(status):
    """A refusal that repeats what it was sent, as real ones do."""
    error = {"message": f"Incorrect API key provided: {KEY}. Header {HEADER}.", "code": "x"}
    return lambda served: as_json({"error": error}, status=status)


def shapes(secret):
    yield secret
    yield base64.b64encode(secret.encode()).decode()
    yield urllib.parse.quote(secret, safe="")
    yield secret[::-1]


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 400, 429, 500])
def test_no_file_of_a_build_holds_a_key(project, status):
    """Journal, cache, budget, runs, report, JUnit: none, after refusals that quote both secrets."""
    with OpenAIServer(said, faults=[told(status)] * 40) as server:
        write_served(project, server.base_url)
        keyed = 'api_key_env = "PLANTED_KEY", headers = { "X-Gateway" = "env:PLANTED_HEADER" }'
        text = (project.root / "evalkit.toml").read_text().replace('api_key_env = ""', keyed)
        project.write("evalkit.toml", text)
        command = [
            sys.executable, "-m", "pytest", "suites", "-p", "no:cacheprovider", "-rA",
            "--evalkit-profile", "provider", "--evalkit-max-usd", "5", "--junitxml", "junit.xml",
        ]  # fmt: skip
        environ = {**os.environ, "PLANTED_KEY": KEY, "PLANTED_HEADER": HEADER}
        done = subprocess.run(
            command, cwd=project.root, env=environ, capture_output=True, text=True, check=False
        )
        sent = [seen.headers for seen in server.requests]
    assert any(headers.get("authorization") == f"Bearer {KEY}" for headers in sent)
    assert any(headers.get("x-gateway") == HEADER for headers in sent)
    said_aloud = done.stdout + done.stderr
    files = [path for path in project.root.rglob("*") if path.is_file()]
    assert {"junit.xml", "report.html"} <= {path.name for path in files}
    assert any(path.suffix == ".jsonl" and "journal" in path.parts for path in files)
    for secret in (KEY, HEADER):
        for shape in shapes(secret):
            assert shape not in said_aloud
            held = [path.name for path in files if shape.encode() in path.read_bytes()]
            assert held == []
            assert json.dumps(shape)[1:-1] not in said_aloud
