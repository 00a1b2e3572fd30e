"""A shared SQLite file that never blocks the loop, and is begun anew when it is damaged."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import time

import pytest

from evalkit.calls import rows as rows_module
from evalkit.calls.rows import Rows
from evalkit.errors import ConfigError

TABLE = "CREATE TABLE IF NOT EXISTS t (k TEXT PRIMARY KEY, v INTEGER NOT NULL)"
PUT = "INSERT OR REPLACE INTO t VALUES (?, ?)"
GET = "SELECT v FROM t WHERE k = ?"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "rows.sqlite"


def opened(path, warnings=None, version=3):
    warn = [].append if warnings is None else warnings.append
    return Rows(path, tables=(TABLE,), version=version, warn=warn)


@contextlib.contextmanager
def another(path):
    db = sqlite3.connect(path, isolation_level=None, timeout=60)
    try:
        yield db
    finally:
        db.close()


def test_what_is_queued_is_committed_together_and_in_order(path):
    async def run():
        rows = opened(path)
        rows.write(PUT, ("a", 1))
        rows.write(PUT, ("a", 2))
        assert rows.select(GET, ("a",)) is None
        assert await rows.written("UPDATE t SET v = v + 5 WHERE k = ?", ("a",)) == 1
        assert rows.select(GET, ("a",)) == (7,)
        rows.close()

    asyncio.run(run())


def test_a_write_nobody_waits_for_comes_within_a_moment(path):
    async def run():
        rows = opened(path)
        rows.write(PUT, ("a", 1))
        await asyncio.sleep(0.2)
        assert rows.select(GET, ("a",)) == (1,)
        rows.close()

    asyncio.run(run())


def test_closing_writes_what_is_queued(path):
    async def run():
        rows = opened(path)
        rows.write(PUT, ("a", 1))
        rows.close()
        rows.close()

    asyncio.run(run())
    with another(path) as db:
        assert db.execute(GET, ("a",)).fetchone() == (1,)


def test_what_was_closed_is_opened_again_by_who_goes_on(path):
    """A suite's models are let go of while another is measured, and between run and replays."""

    async def work(key):
        found = rows.select(GET, ("a",))
        await rows.written(PUT, (key, 1))
        rows.close()
        return found

    rows = opened(path)
    assert [asyncio.run(work(key)) for key in "ab"] == [None, (1,)]
    with another(path) as db:
        assert db.execute("SELECT k FROM t ORDER BY k").fetchall() == [("a",), ("b",)]


def test_what_cannot_be_opened_again_is_told_and_left_alone(path):
    warnings = []
    rows = opened(path, warnings)
    rows.close()
    for each in path.parent.iterdir():
        each.unlink()
    path.mkdir()
    assert [rows.select(GET, ("a",)), rows.select(GET, ("a",))] == [None, None]
    assert len(warnings) == 1
    assert "is not used any more" in warnings[0]


def test_a_queue_outlives_its_loop(path):
    async def put():
        rows.write(PUT, ("a", 1))

    async def put_another():
        rows.write(PUT, ("b", 2))
        await asyncio.sleep(0.2)

    rows = opened(path)
    asyncio.run(put())
    asyncio.run(put_another())
    assert [rows.select(GET, (key,)) for key in "ab"] == [(1,), (2,)]
    rows.close()


def test_while_another_process_writes_the_loop_goes_on(path, monkeypatch):
    """It never waits as SQLite would by itself, here for minutes."""
    monkeypatch.setattr(rows_module, "OPEN_WAIT_S", 120.0)

    async def run():
        rows = opened(path)
        with another(path) as db:
            db.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(rows.written(PUT, ("a", 1)))
            for _ in range(50):
                before = time.perf_counter()
                await asyncio.sleep(0.002)
                assert time.perf_counter() - before < 60
            assert not writing.done()
            db.execute("COMMIT")
        assert await asyncio.wait_for(writing, 60) == 1
        rows.close()

    asyncio.run(run())


# ── damage ───────────────────────────────────────────────────────────────────────────────────────


def noise(path):
    path.write_bytes(os.urandom(5000))


def cut_short(path):
    path.write_bytes(path.read_bytes()[:5000])


def scrambled(path):
    """A whole header, and pages of noise."""
    data = bytearray(path.read_bytes())
    data[100:] = os.urandom(len(data) - 100)
    path.write_bytes(data)


def another_version(path):
    with another(path) as db:
        db.execute("PRAGMA user_version = 4")


def another_table(path):
    with another(path) as db:
        db.execute("DROP TABLE t")
        db.execute("CREATE TABLE t (k TEXT PRIMARY KEY)")


def no_table(path):
    with another(path) as db:
        db.execute("DROP TABLE t")


def filled(path):
    async def run():
        rows = opened(path)
        for i in range(2000):
            rows.write(PUT, (f"key {i}", i))
        rows.close()

    asyncio.run(run())


async def in_use(rows):
    """Ask until a write lands: the first statement may be the one that finds the damage."""
    rows.select(GET, ("key 1999",))
    await rows.written(PUT, ("a", 1))
    return rows.select(GET, ("a",))


@pytest.mark.parametrize("damage", [noise, cut_short, scrambled, another_version, another_table])
def test_a_damaged_file_is_set_aside_and_begun_anew(path, damage):
    filled(path)
    damage(path)
    warnings = []

    async def run():
        rows = opened(path, warnings)
        assert await in_use(rows) == (1,)
        rows.close()

    asyncio.run(run())
    assert len(warnings) == 1
    assert "damaged" in warnings[0]
    assert len(list(path.parent.glob("rows.sqlite.damaged-*"))) >= 1
    with another(path) as db:
        assert db.execute("SELECT count(*) FROM t").fetchone() == (1,)


@pytest.mark.parametrize("found_by", ["reading", "writing"])
def test_damage_while_it_is_open_costs_no_write(path, found_by):
    warnings = []

    async def run():
        rows = opened(path, warnings)
        no_table(path)
        if found_by == "reading":
            rows.select(GET, ("a",))
        assert await asyncio.wait_for(rows.written(PUT, ("a", 1)), 60) == 1
        assert rows.select(GET, ("a",)) == (1,)
        rows.close()

    asyncio.run(run())
    assert len(warnings) == 1


def test_two_who_find_the_same_damage_set_it_aside_once(path):
    warnings = []

    async def run():
        one, other = opened(path, warnings), opened(path, warnings)
        no_table(path)
        assert await in_use(one) == (1,)
        assert await in_use(other) == (1,)
        assert one.select(GET, ("a",)) == (1,)
        one.close()
        other.close()

    asyncio.run(run())
    assert len([w for w in warnings if "renamed" in w]) == 1


def test_an_empty_file_is_no_damage(path):
    path.parent.mkdir()
    path.touch()
    warnings = []
    opened(path, warnings).close()
    assert warnings == []


def test_a_file_that_cannot_be_opened_is_the_users_to_mend(path):
    path.mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"rows\.sqlite: the cache cannot be opened"):
        opened(path)


def test_a_full_disk_is_told_once_and_costs_no_run(path):
    warnings = []

    async def run():
        rows = opened(path, warnings)
        rows.execute_now("PRAGMA max_page_count = 1")
        for i in range(3):
            assert await rows.written(PUT, (f"{i}" * 9000, 1)) == 1
        assert rows.select(GET, ("0" * 9000,)) is None
        assert rows.execute_now("DELETE FROM t") == 0
        rows.close()

    asyncio.run(run())
    assert len(warnings) == 1
    assert "not used any more" in warnings[0]


# ── several processes, and sudden ends ───────────────────────────────────────────────────────────

WRITER = """
import asyncio, sys
from pathlib import Path
from evalkit.calls.rows import Rows

async def run(path, who, count):
    rows = Rows(path, tables=({table!r},), version=3, warn=print)
    print("open", flush=True)
    for i in range(count):
        await rows.written({put!r}, (f"{{who}} {{i}}", i))
    rows.close()

asyncio.run(run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
"""


def writer(path, who, count):
    code = WRITER.format(table=TABLE, put=PUT)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path), who, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_processes_that_write_at_once_lose_nothing(path):
    writers = [writer(path, f"w{i}", 200) for i in range(3)]
    assert [(w.communicate(timeout=60)[0], w.returncode) for w in writers] == [("open\n", 0)] * 3
    with another(path) as db:
        assert db.execute("SELECT count(*) FROM t").fetchone() == (600,)


def test_a_killed_writer_leaves_a_whole_file(path):
    killed = writer(path, "w", 1_000_000)
    assert killed.stdout.readline() == "open\n"
    deadline = time.monotonic() + 60
    with another(path) as db:
        while db.execute("SELECT count(*) FROM t").fetchone() < (10,):
            assert time.monotonic() < deadline, "it writes nothing"
            time.sleep(0.01)
    killed.kill()
    killed.communicate(timeout=60)
    warnings = []
    rows = opened(path, warnings)
    assert rows.select("PRAGMA integrity_check", ()) == (b"ok",)
    (count,) = rows.select("SELECT count(*) FROM t", ())
    (last,) = rows.select("SELECT max(v) FROM t", ())
    assert count == last + 1 > 0
    assert warnings == []
    rows.close()


def test_the_log_is_copied_back_beside_the_loop(path, monkeypatch):
    monkeypatch.setattr(rows_module, "WRITES_A_CHECKPOINT", 50)

    async def run():
        rows = opened(path)
        for i in range(2000):
            await rows.written(PUT, (f"{i}", i))
        log = path.with_name(f"{path.name}-wal").stat().st_size
        assert log < 2000 * 4096
        rows.close()

    asyncio.run(run())
    with another(path) as db:
        assert db.execute("SELECT count(*) FROM t").fetchone() == (2000,)
