"""One server for all who ask for the same, until the last of them is done."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from evalkit.errors import ConfigError
from evalkit.serving.build import PYTHON_VARIABLE
from evalkit.serving.options import ServerOptions
from evalkit.serving.pool import Pool
from tests.serving.conftest import gone


@pytest.fixture
def pool(standin_python, monkeypatch):
    monkeypatch.setenv(PYTHON_VARIABLE, str(standin_python))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    made = Pool()
    yield made
    made.close()


def test_equal_options_share_a_server_until_its_last_user_is_done(pool, standin_model):
    options = ServerOptions(model=str(standin_model()))
    one, other = pool.take(options), pool.take(options)
    assert one is other
    one.ready()
    nonce = one.served_name
    pool.release(one)
    assert one.is_up
    (record,) = pool.records()
    pool.release(other)
    pool.release(other)
    assert gone(nonce) == []
    assert [r.fingerprint for r in pool.records()] == [record.fingerprint]
    assert pool.take(options) is not one


def test_other_options_are_another_server(pool, standin_model):
    model = str(standin_model())
    one = pool.take(ServerOptions(model=model))
    assert pool.take(ServerOptions(model=model, max_num_seqs=4)) is not one


def test_a_server_that_never_started_leaves_no_record(pool, standin_model):
    pool.release(pool.take(ServerOptions(model=str(standin_model()))))
    assert pool.records() == ()


def test_closing_stops_all(pool, standin_model):
    servers = [pool.take(ServerOptions(model=str(standin_model(n)))) for n in ("a", "b")]
    for one in servers:
        one.ready()
    pool.close()
    assert [gone(one.served_name) for one in servers] == [[], []]
    assert len(pool.records()) == 2


TAKE = """
import sys
from evalkit.errors import ConfigError
from evalkit.serving.options import ServerOptions
from evalkit.serving.pool import POOL
try:
    POOL.take(ServerOptions(model=sys.argv[1]))
except ConfigError as error:
    print(error)
else:
    print("taken")
"""


def test_of_several_xdist_workers_one_may_start_a_server(pool, standin_model, monkeypatch):
    model = str(standin_model())

    def taken_by_another(run):
        environment = {**os.environ, "PYTEST_XDIST_WORKER": "gw1", "PYTEST_XDIST_TESTRUNUID": run}
        return subprocess.run(
            [sys.executable, "-c", TAKE, model],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "run-1")
    server = pool.take(ServerOptions(model=model))
    assert "attach to it with base_url" in taken_by_another("run-1")
    assert taken_by_another("run-2") == "taken\n"
    pool.release(server)
    assert taken_by_another("run-1") == "taken\n"


LEAVE = """
import sys
from evalkit.serving.options import ServerOptions
from evalkit.serving.pool import POOL
server = POOL.take(ServerOptions(model=sys.argv[1]))
server.ready()
print(server.served_name, flush=True)
"""


@pytest.mark.slow
def test_all_servers_go_with_the_process(pool, standin_model):
    model = str(standin_model(engine="stubborn"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LEAVE, model],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert gone(done.stdout.strip()) == []
    assert done.stderr == ""


def test_no_vllm_is_the_users_to_mend(pool, standin_model, monkeypatch):
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    with pytest.raises(ConfigError, match="no vLLM"):
        pool.take(ServerOptions(model=str(standin_model())))
