"""The noise of a scripted model that differs where it is told to."""

from __future__ import annotations

import asyncio

import pytest

from evalkit.providers.scripted import ScriptedModel
from evalkit.records import ModelRequest
from evalkit.serving.noise import measured_noise, same_tokens
from tests.docs.pages import blocks

REQUESTS = [ModelRequest(prompt=f"p{n}") for n in range(4)]


def measured(function, requests=REQUESTS, **options):
    model = ScriptedModel(function)
    return asyncio.run(
        measured_noise(model.complete, requests, model="m", fingerprint="f", **options)
    )


def test_a_model_that_repeats_itself_has_no_noise():
    noise = measured(lambda request: request.prompt, score=lambda request, text: 1.0)
    assert [(row.at_once, row.runs, row.pairs) for row in noise.rows] == [(1, 1, 4), (16, 2, 8)]
    assert {row.identical for row in noise.rows} == {1.0}
    assert {(row.score_sd, row.score_shift) for row in noise.rows} == {(0.0, 0.0)}


def test_what_differs_is_counted_against_the_first_run():
    """One of four requests says another last word from its second reply on."""
    seen = {}

    def reply(request):
        seen[request.prompt] = seen.get(request.prompt, 0) + 1
        odd = request.prompt == "p0" and seen[request.prompt] > 1
        return "the cat ran" if odd else "the cat sat"

    noise = measured(reply, at_once=(2,), score=lambda request, text: float("ran" in text))
    (row,) = noise.rows
    assert row.identical == 0.75
    assert row.same_tokens == pytest.approx((3 + 2 / 3) / 4)
    assert row.score_shift == 0.25
    assert row.score_sd == pytest.approx((0.25 * 0.75) ** 0.5)  # of a 0/1 variable
    assert "75.0%" in str(noise)
    assert "+0.2500" in str(noise)


def test_no_more_than_asked_run_at_once():
    now, most = [0], [0]

    async def reply(request):
        now[0] += 1
        most[0] = max(most[0], now[0])
        await asyncio.sleep(0.005)
        now[0] -= 1
        return "x"

    requests = [ModelRequest(prompt=str(n)) for n in range(20)]
    measured(reply, requests=requests, at_once=(1, 5))
    assert most[0] == 5


@pytest.mark.parametrize(
    ("first", "other", "share"),
    [("", "", 1), ("a", "", 0), ("the cat sat", "the cat ran", 2 / 3), ("a b", "a b c d", 0.5),
     ("no.", "no!", 0.5)],
)  # fmt: skip
def test_tokens_are_counted_up_to_the_first_difference(first, other, share):
    assert same_tokens(first, other) == same_tokens(other, first) == pytest.approx(share)


@pytest.mark.parametrize(
    "options", [{"requests": []}, {"runs": 1, "at_once": (1,)}, {"at_once": (0, 1)}, {"runs": 0}]
)
def test_nothing_to_compare_is_refused(options):
    with pytest.raises(ValueError, match="two runs to compare"):
        measured(lambda request: "x", **options)


def test_the_example_of_the_page_runs():
    (example, *_) = blocks("docs/vllm.md", "python")
    exec(compile(example.text, "docs/vllm.md", "exec"), {"print": lambda *words: None})
