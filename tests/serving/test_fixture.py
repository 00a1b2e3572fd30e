"""The fixture works alone, in a project that knows nothing else of evalkit."""

from __future__ import annotations

import pytest

from evalkit.serving.build import PYTHON_VARIABLE

CONFTEST = """
import pytest

pytest_plugins = ["evalkit.serving.fixture"]

@pytest.fixture(scope="session")
def vllm_server(evalkit_vllm):
    return evalkit_vllm(model={model!r})
"""
TESTS = """
import json
import urllib.request

def ask(server):
    request = urllib.request.Request(
        server.base_url + "/models", headers={"Authorization": f"Bearer {server.api_key}"}
    )
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)["data"][0]["id"]

def test_it_answers(vllm_server):
    assert ask(vllm_server) == vllm_server.model

def test_it_is_one_server_for_all(vllm_server, evalkit_vllm):
    other = evalkit_vllm(**{"model": vllm_server.server.options.model})
    assert other.base_url == vllm_server.base_url
    assert other.fingerprint.startswith("vllm-")
    assert other.record().startup_s > 0
    assert other.api_key not in repr(other)
"""


@pytest.mark.slow
def test_a_users_tests_get_a_server(pytester, standin_python, standin_model, monkeypatch):
    monkeypatch.setenv(PYTHON_VARIABLE, str(standin_python))
    pytester.makeconftest(CONFTEST.format(model=str(standin_model())))
    pytester.makepyfile(TESTS)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)
