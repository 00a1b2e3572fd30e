from __future__ import annotations

import json

import pytest

from evalkit.errors import ConfigError
from evalkit.prompts.filters import BUDGET, MAX_OUTPUT, MAX_WORK, Budget, TooMuch
from evalkit.prompts.template import render
from evalkit.records import Prompt


def rendered(body, **variables):
    prompt = Prompt(
        name="p", version=1, purpose="", variables=tuple(variables), output_contract="", why="",
        template=body, digest="",
    )  # fmt: skip
    return render(prompt, variables)


@pytest.mark.parametrize(
    ("body", "value", "expected"),
    [
        ("{{ x|upper }}", "straße", "STRASSE"),
        ("{{ x|lower }}", "ABC", "abc"),
        ("[{{ x|trim }}]", " a ", "[a]"),
        ("{{ x|first }}{{ x|last }}", ["a", "b", "c"], "ac"),
        ("{{ x|length }}", {"a": 1}, "1"),
        ("{{ x|join(', ') }}", ["a", 2, 0.5], "a, 2, 0.5"),
        ("{{ x.missing|default('none') }}", {}, "none"),
        ("{% for k, v in x|items %}{{ k }}={{ v }};{% endfor %}", {"a": 1, "b": 2}, "a=1;b=2;"),
        ("{{ x|tojson }}", "<b> & 'é'\n", json.dumps("<b> & 'é'\n", ensure_ascii=False)),
        ("{{ x|tojson }}", {"b": [1, None, True]}, '{"b": [1, null, true]}'),
    ],
)
def test_what_a_filter_gives(body, value, expected):
    assert rendered(body, x=value) == expected


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("{{ x|upper }}", 1),
        ("{{ x|join }}", "text"),
        ("{{ x|join }}", [["a"]]),
        ("{{ x|join(3) }}", ["a"]),
        ("{{ x|first }}", []),
        ("{{ x|items }}", []),
        ("{{ x.missing|upper }}", {}),
        ("{{ x|tojson }}", float("nan")),
    ],
)
def test_what_a_filter_refuses(body, value):
    with pytest.raises(ConfigError):
        rendered(body, x=value)


def test_a_join_is_measured_before_it_is_built():
    # 90,000 empty texts and a separator of 100,000 characters would be 9 GB.
    with pytest.raises(ConfigError, match="join gives more than"):
        rendered("{{ x|join(y) }}", x=[""] * 90_000, y="y" * 100_000)


def test_escaping_again_and_again_is_stopped():
    # Each tojson about doubles the backslashes: 40 of them would be 10^12 characters.
    with pytest.raises(ConfigError, match="a filter gives more than"):
        rendered("{{ x" + "|tojson" * 40 + " }}", x='"')


def test_a_budget_ends():
    budget = Budget()
    budget.spend(MAX_WORK)
    with pytest.raises(TooMuch, match="steps"):
        budget.spend(1)


def test_a_budget_lasts_for_one_rendering_only():
    """A rendering that fails must not leave its spending to the next one."""
    with pytest.raises(ConfigError, match="more than"):
        rendered("{% for a in x %}{{ y|upper }}{% endfor %}", x=[1] * 50, y="y" * (MAX_OUTPUT // 2))
    assert BUDGET.get(None) is None
    assert rendered("{{ x|upper }}", x="a") == "A"
