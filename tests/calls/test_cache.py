"""A reply is paid for once, by whichever process asks first, and believed only if it is intact."""

import asyncio
import collections
import json
import os
import sqlite3
import subprocess
import sys
import time

import pytest

from evalkit.calls import rows
from evalkit.calls.cache import ReplyCache, _alive
from evalkit.codec import canonical, encode
from evalkit.errors import ConfigError
from evalkit.records import Completion
from tests.calls.stand_ins import completion

KEY = "a" * 64
OTHER = "b" * 64


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "replies.sqlite"


def sql(path, statement, *values):
    db = sqlite3.connect(path, isolation_level=None, timeout=60)
    try:
        return db.execute(statement, values).fetchall()
    finally:
        db.close()


def stored(path, *pairs, **options):
    """A cache file that holds these."""

    async def run():
        cache = ReplyCache(path, **options)
        for key, value in pairs or [(KEY, completion())]:
            cache.put(key, value)
        cache.close()

    asyncio.run(run())


def read(path, key=KEY, kind=Completion, **options):
    """What the cache gives for the key, and its warnings."""

    async def run():
        cache = ReplyCache(path, **options)
        found = cache.get(kind, key)
        assert cache.get(kind, key) == found
        cache.close()
        return found, cache.warnings

    return asyncio.run(run())


# ── kept ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["", "yes", "naïve 南 \x00 \ud800 \U0001f600", '{"a": NaN}' * 999])
def test_what_is_put_is_got_in_this_process_and_the_next(path, text):
    async def run():
        cache = ReplyCache(path)
        cache.put(KEY, completion(text, usage_known=False))
        at_once = cache.get(Completion, KEY)
        await asyncio.sleep(0.1)
        later = cache.get(Completion, KEY)
        cache.close()
        return at_once, later

    found = [*asyncio.run(run()), read(path)[0]]
    assert found == [completion(text, usage_known=False)] * 3


def test_what_nobody_put_is_a_miss_without_a_warning(path):
    assert read(path) == (None, [])


def test_the_second_reply_counts(path):
    stored(path, (KEY, completion("one")), (KEY, completion("two")))
    assert read(path)[0].text == "two"


def test_values_are_json(path):
    stored(path)
    [(value,)] = sql(path, "SELECT value FROM replies")
    assert json.loads(value)["text"] == "yes"


def test_a_cache_that_cannot_be_opened_is_the_users_to_mend(path):
    path.mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be opened"):
        ReplyCache(path)


def test_a_damaged_file_is_set_aside_with_a_warning(path):
    stored(path)
    path.write_bytes(b"not a database at all" * 300)
    found, warnings = read(path)
    assert found is None
    assert [w for w in warnings if "damaged" in w]
    stored(path)
    assert read(path)[0] == completion()


def test_pruning_deletes_what_is_old(path):
    day = 86_400.0
    stored(path, (KEY, completion()), now=lambda: 1 * day)
    stored(path, (OTHER, completion()), now=lambda: 5 * day)
    for key, until in (("lapsed", 7 * day), ("held", 9 * day)):
        sql(path, "INSERT INTO claims VALUES (?, 'x', 1, ?)", key, until)
    cache = ReplyCache(path, now=lambda: 8 * day)
    assert [cache.prune(10), cache.prune(5), cache.prune(5)] == [0, 1, 0]
    cache.close()
    assert (read(path)[0], read(path, OTHER)[0]) == (None, completion())
    assert sql(path, "SELECT key FROM claims") == [("held",)]


def test_pruning_a_file_that_is_held_is_no_fault(path, monkeypatch):
    monkeypatch.setattr(rows, "OPEN_WAIT_S", 0.05)
    stored(path)
    cache = ReplyCache(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert cache.prune(0) == 0
    holder.close()
    cache.close()
    assert "not pruned" in cache.warnings[0]


# ── believed only if intact ──────────────────────────────────────────────────────────────────────


def resigned(change):
    """A tampering whose author knows how digests are made, but not the secret."""

    def tamper(path):
        [(value,)] = sql(path, "SELECT value FROM replies WHERE key = ?", KEY)
        data = json.loads(value)
        text = change(data)
        value = text if isinstance(text, bytes) else canonical(data)
        other = ReplyCache(path)
        digest = other._digest(KEY, value)
        other.close()
        sql(path, "UPDATE replies SET value = ?, digest = ? WHERE key = ?", value, digest, KEY)

    return tamper


def update(column, expression):
    return lambda path: sql(path, f"UPDATE replies SET {column} = {expression} WHERE key = '{KEY}'")


def swap(path):
    sql(path, "UPDATE replies SET key = 'x' WHERE key = ?", KEY)
    sql(path, "UPDATE replies SET key = ? WHERE key = ?", KEY, OTHER)
    sql(path, "UPDATE replies SET key = ? WHERE key = 'x'", OTHER)


def field(name, value):
    return resigned(lambda data: data.__setitem__(name, value))


TAMPERINGS = {
    "another text": update("value", "replace(value, 'yes', 'not')"),
    "one character more": update("value", "value || ' '"),
    "cut short": update("value", "substr(value, 1, 40)"),
    "empty": update("value", "x''"),
    "a number for a value": update("value", "7"),
    "a text for a value": update("value", "'yes'"),
    "bytes that are no UTF-8": update("value", "x'fffe00ff'"),
    "a text that is no UTF-8": update("value", "CAST(x'fffe00ff' AS TEXT)"),
    "another digest": update("digest", "zeroblob(32)"),
    "an empty digest": update("digest", "x''"),
    "a text for a digest": update("digest", "hex(digest)"),
    "a number for a digest": update("digest", "1.5"),
    "the reply to another request": swap,
    "another reply with its digest": update(
        "(value, digest)", f"(SELECT value, digest FROM replies WHERE key = '{OTHER}')"
    ),
    "re-signed: not JSON": resigned(lambda _: b"{"),
    "re-signed: not an object": resigned(lambda _: b"[]"),
    "re-signed: nested without end": resigned(lambda _: b"[" * 100_000),
    "re-signed: a field twice": resigned(lambda _: b'{"text":"a","text":"b"}'),
    "re-signed: NaN": resigned(lambda _: b'{"latency_s":NaN}'),
    "re-signed: a field too many": field("price", 1),
    "re-signed: a field missing": resigned(lambda data: data.pop("model")),
    "re-signed: a number as text": field("text", 1),
    "re-signed: true as a number": field("latency_s", True),
    "re-signed: negative usage": resigned(
        lambda data: data["usage"].__setitem__("output_tokens", -1)
    ),
    "re-signed: a negative price": field("cost", {"usd": -1.0}),
    "re-signed: an unknown stop reason": field("stop_reason", "why"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_a_row_that_was_tampered_with_is_a_miss_with_a_warning(path, tampering):
    stored(path, (KEY, completion()), (OTHER, completion("no")))
    TAMPERINGS[tampering](path)
    found, warnings = read(path)
    assert found is None
    assert len(warnings) == 1
    assert KEY[:12] in warnings[0]
    # It is gone, and what is asked for anew is kept.
    assert read(path) == (None, [])
    stored(path)
    assert read(path) == (completion(), [])


def test_the_neighbour_of_a_tampered_row_is_still_there(path):
    stored(path, (KEY, completion()), (OTHER, completion("no")))
    TAMPERINGS["cut short"](path)
    assert read(path, OTHER) == (completion("no"), [])


FORGED = field("text", "forged")


def test_without_a_secret_who_can_write_the_file_can_forge_a_reply(path):
    """What the secret is for: the digest alone guards against damage, not against people."""
    stored(path)
    FORGED(path)
    assert read(path)[0].text == "forged"


@pytest.mark.parametrize(
    "secret", [b"x", b"a secret of any length will do, also one that is longer than 64 bytes" * 2]
)
def test_with_a_secret_nobody_else_can(path, secret):
    stored(path, secret=secret)
    assert read(path, secret=secret) == (completion(), [])
    FORGED(path)
    found, warnings = read(path, secret=secret)
    assert found is None
    assert len(warnings) == 1


def test_a_record_of_another_kind_is_no_reply(path):
    stored(path, (KEY, completion().usage))
    assert read(path)[0] is None


# ── one asks, the others wait ────────────────────────────────────────────────────────────────────


def both(path, main, **options):
    """`main(one, other)` with two caches over one file, as two processes have them."""

    async def run():
        one, other = ReplyCache(path, **options), ReplyCache(path, **options)
        try:
            return await asyncio.wait_for(main(one, other), 60)
        finally:
            one.close()
            other.close()

    return asyncio.run(run())


def test_who_comes_second_waits_for_the_reply_of_the_first(path):
    async def main(one, other):
        assert await one.found_or_claimed(Completion, KEY) is None
        waiting = asyncio.create_task(other.found_or_claimed(Completion, KEY))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        one.put(KEY, completion("first"))
        assert (await waiting).text == "first"

    both(path, main)
    assert sql(path, "SELECT * FROM claims") == []


def test_who_gives_up_lets_the_next_one_ask(path):
    async def main(one, other):
        assert await one.found_or_claimed(Completion, KEY) is None
        waiting = asyncio.create_task(other.found_or_claimed(Completion, KEY))
        await asyncio.sleep(0.1)
        one.release(KEY)
        assert await waiting is None
        other.release(KEY)

    both(path, main)
    assert sql(path, "SELECT * FROM claims") == []


def test_who_is_cancelled_while_claiming_holds_no_claim(path):
    async def main(one, other):
        claiming = asyncio.create_task(one.found_or_claimed(Completion, KEY))
        await asyncio.sleep(0)
        claiming.cancel()
        await asyncio.wait([claiming])
        assert await other.found_or_claimed(Completion, KEY) is None

    both(path, main)


def test_a_lease_ends_even_if_its_process_lives(path):
    clock = [1000.0]

    async def main(one, other):
        assert await one.found_or_claimed(Completion, KEY) is None
        waiting = asyncio.create_task(other.found_or_claimed(Completion, KEY))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        clock[0] += 31
        assert await waiting is None

    both(path, main, lease_s=30.0, now=lambda: clock[0])


def test_a_claim_from_the_far_future_does_not_hold(path):
    """A clock that was put right must not lock everybody out until then."""
    clock = [1e9]

    async def main(one, other):
        assert await one.found_or_claimed(Completion, KEY) is None
        clock[0] = 1000.0
        assert await other.found_or_claimed(Completion, KEY) is None

    both(path, main, lease_s=30.0, now=lambda: clock[0])


def test_a_reply_stored_just_before_the_claim_is_found(path):
    """Otherwise the time between looking and claiming would cost a second call."""

    async def main(one, other):
        one.put(KEY, completion("first"))
        await asyncio.sleep(0.1)
        assert (await other.found_or_claimed(Completion, KEY)).text == "first"

    both(path, main)
    assert sql(path, "SELECT * FROM claims") == []


# ── several processes ────────────────────────────────────────────────────────────────────────────

ASKER = """
import asyncio, os, sys
from pathlib import Path
from evalkit.calls import Calls
from evalkit.calls import rows
from evalkit.calls.cache import ReplyCache, _alive
from evalkit.records import ModelRequest
from tests.calls.stand_ins import ScriptedRemote

async def ask(path, count, takes_s):
    calls = Calls(cache=ReplyCache(path))
    remote = ScriptedRemote(takes_s=takes_s)
    model = calls.around(remote, price=None)
    print("ready", flush=True)
    sys.stdin.readline()
    requests = [ModelRequest(prompt=f"question {i}") for i in range(count)]
    replies = await asyncio.gather(*(model.complete(request) for request in requests))
    assert [reply.text for reply in replies] == [f"to question {i}" for i in range(count)]
    await calls.close()
    print(*(request.prompt.split()[1] for request in remote.asked), flush=True)

asyncio.run(ask(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
"""


def asker(root, path, count, takes_s):
    started = subprocess.Popen(
        [sys.executable, "-c", ASKER, str(path), str(count), str(takes_s)],
        cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert started.stdout.readline() == "ready\n"
    return started


def test_four_processes_that_want_the_same_replies_ask_for_each_once(pytestconfig, path):
    askers = [asker(pytestconfig.rootpath, path, 50, 0.05) for _ in range(4)]
    for one in askers:
        one.stdin.write("\n")
        one.stdin.flush()
    asked = collections.Counter()
    for one in askers:
        output, _ = one.communicate(timeout=60)
        assert one.returncode == 0
        asked.update(output.split())
    assert asked == {str(i): 1 for i in range(50)}


@pytest.mark.parametrize("reaped", [True, False])
def test_when_the_process_that_asks_is_killed_another_takes_over(pytestconfig, path, reaped):
    """Also while nobody has taken note of its end, as with a worker of a test run."""
    killed = asker(pytestconfig.rootpath, path, 3, 600.0)
    killed.stdin.write("\n")
    killed.stdin.flush()
    deadline = time.monotonic() + 60
    while len(sql(path, "SELECT * FROM claims")) < 3:
        assert time.monotonic() < deadline, "it claims nothing"
        time.sleep(0.02)
    killed.kill()
    if reaped:
        killed.wait(timeout=60)
    heir = asker(pytestconfig.rootpath, path, 3, 0.0)
    output, _ = heir.communicate("\n", timeout=60)
    killed.communicate(timeout=60)
    assert sorted(output.split()) == ["0", "1", "2"]
    assert sql(path, "SELECT * FROM claims") == []


@pytest.mark.parametrize("pid", [0, -1, "text", None])
def test_where_the_owner_is_no_process_its_lease_decides(pid):
    assert _alive(pid)


def test_a_living_process_keeps_its_claim(path):
    stored(path)
    sql(path, "INSERT INTO claims VALUES (?, 'x', ?, ?)", OTHER, os.getppid(), time.time() + 600)

    async def run():
        cache = ReplyCache(path)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cache.found_or_claimed(Completion, OTHER), 0.3)
        cache.close()

    asyncio.run(run())
    assert [key for key, *_ in sql(path, "SELECT key FROM claims")] == [OTHER]


def test_what_is_cached_has_no_pickle_in_it(path):
    stored(path)
    assert canonical(encode(completion())) in {
        value for (value,) in sql(path, "SELECT value FROM replies")
    }
