from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import ConfigError
from evalkit.prompts.filters import MAX_OUTPUT
from evalkit.prompts.template import MAX_DEPTH, MAX_VALUES, problems, render
from evalkit.records import Prompt


def prompt(body, *variables):
    return Prompt(
        name="p", version=1, purpose="", variables=variables, output_contract="", why="",
        template=body, digest="",
    )  # fmt: skip


def rendered(body, **variables):
    return render(prompt(body, *variables), variables)


# ── what the language does ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "variables", "expected"),
    [
        ("{{ x }} & <b>", {"x": "<i> & {{ y }}"}, "<i> & {{ y }} & <b>"),
        ("{{ x.a }}{{ x['a'] }}{{ y[0] }}{{ y[-1] }}", {"x": {"a": 1}, "y": [2, 3]}, "1123"),
        ("{{ x.items }}", {"x": {"items": "mine"}}, "mine"),  # a key, not the method of dict
        ("{% for a in x %}{{ loop.index + 1 }}{{ a }}{% else %}-{% endfor %}", {"x": []}, "-"),
        ("{% for a in x if a > 1 %}{{ loop.index }}:{{ a }}/{{ loop.length }} {% endfor %}",
         {"x": [1, 2, 3]}, "1:2/2 2:3/2 "),
        ("{% if x is defined and x in ['a', 'b'] %}y{% elif not x %}e{% endif %}", {"x": "b"}, "y"),
        ("{{ 'a' if x else 'b' }}{{ 3 - 1.5 }}{{ -1 }}", {"x": False}, "b1.5-1"),
        ("a{# no #}b\n", {}, "ab"),
        ("{% for a in x %}\n- {{ a }}\n{% endfor %}\nend", {"x": ["p", "q"]}, "- p\n- q\nend"),
        ("{% raw %}{{ x }}{% endraw %}", {}, "{{ x }}"),
    ],
)  # fmt: skip
def test_holes_loops_and_conditions(body, variables, expected):
    assert problems(body, where="f", declared=list(variables)) == []
    assert rendered(body, **variables) == expected


@given(st.text(alphabet="{}%#x'\"|\\\n<&é \x00\x1b", max_size=60))
def test_data_is_never_read_as_template(text):
    assert rendered("[{{ x }}]", x=text) == f"[{text}]"


# ── what it refuses ──────────────────────────────────────────────────────────────────────────────


def nested(opening, middle, closing, times):
    return opening * times + middle + closing * times


BOMBS = {
    "multiplied text": "{{ 'a' * 200000000 }}",
    "multiplied list": "{{ [1] * 200000000 }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "shifted power": "{{ 2 ** 100000000 }}",
    "nested ranges": "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}"
    "{% endfor %}",
    "center": "{{ 'a'.center(200000000) }}",
    "ljust": "{{ 'a'.ljust(200000000) }}",
    "zfill": "{{ 'a'.zfill(200000000) }}",
    "percent format": "{{ '%0200000000d' % 1 }}",
    "format": "{{ '{:>200000000}'.format(1) }}",
    "center filter": "{{ 'a'|center(200000000) }}",
    "indent filter": "{{ 'a'|indent(200000000) }}",
    "format filter": "{{ '%0200000000d'|format(1) }}",
    "round filter": "{{ 1|round(99999999, 'ceil') }}",
    "replace filter": "{{ x|replace('', x) }}",
    "doubling": "{% set a = x %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
    "nesting": "{% set a = [1] %}" + "{% set a = [a, a] %}" * 60 + "{{ a }}",
    "namespace": "{% set n = namespace(a=x) %}{{ n.a }}",
    "concatenation": "{{ x ~ x }}",
    "macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "recursive loop": "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "constant escaping": "{{ '\"'" + "|tojson" * 60 + " }}",
    "parentheses": "{{ " + nested("(", "1", ")", 15_000) + " }}",
    "deep if": nested("{% if x %}", "a", "{% endif %}", 2_500),
    "deep for": nested("{% for a in x %}", "a", "{% endfor %}", 40),
    "long sum": "{{ 1" + " + 1" * 15_000 + " }}",
    "long path": "{{ x" + ".a" * 15_000 + " }}",
    "long number": "{{ " + "9" * 60_000 + " }}",
    "unclosed": "{{" * 30_000,
    "unclosed tags": "{%" * 30_000,
    "unclosed comments": "{#" * 30_000,
}
INTRUSIONS = {
    "class": "{{ ''.__class__ }}",
    "class by key": "{{ ''['__class__'] }}",
    "subclasses": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "attr filter": "{{ x|attr('__class__') }}",
    "map attribute": "{{ [x]|map(attribute='__class__')|list }}",
    "format attribute": "{{ '{0.__class__}'.format(x) }}",
    "format_map": "{{ '{a.__class__}'.format_map({'a': x}) }}",
    "method": "{{ x.upper() }}",
    "method unbound": "{{ x.upper }}",
    "mutation": "{{ y.append(1) }}",
    "globals of a helper": "{{ cycler.__init__.__globals__ }}",
    "self": "{{ self.__init__ }}",
    "self printed": "{{ self }}",
    "loop printed": "{% for a in y %}{{ loop }}{% endfor %}",
    "loop internals": "{% for a in y %}{{ loop._iterable }}{% endfor %}",
    "loop call": "{% for a in y %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'os' as os %}",
    "from": "{% from 'os' import path %}",
    "extends": "{% extends 'base' %}",
    "block": "{% block a %}{% endblock %}",
    "filter block": "{% filter upper %}a{% endfilter %}",
    "call block": "{% call x() %}{% endcall %}",
    "set": "{% set a = 1 %}",
    "set block": "{% set a %}b{% endset %}",
    "with": "{% with a = 1 %}{{ a }}{% endwith %}",
    "autoescape": "{% autoescape true %}<{% endautoescape %}",
    "do": "{% do y %}",
    "slice": "{{ x[0:1] }}",
    "dict": "{{ {'a': x} }}",
    "list of variables": "{{ [x, x]|length }}",
    "text added": "{{ x + x }}",
    "the paid filter by name": "{{ y|paid rounds }}",
    "unknown filter": "{{ x|shout }}",
    "unknown test": "{% if x is callable %}{% endif %}",
}
DATA = {"x": "text", "y": [1, 2]}


def refusal(body):
    """The problem found on loading, or else on rendering."""
    found = problems(body, where="f")
    if found:
        return str(found[0])
    used = {name: value for name, value in DATA.items() if name in body}
    with pytest.raises(ConfigError) as caught:
        rendered(body, **used)
    return str(caught.value)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_stopped_before_it_grows(name):
    """Unchecked, the first takes 200 MB and others never end.

    Memory and CPU time, which other work on the machine does not change, are bounded well above
    what is needed and well below what a bomb takes.
    """
    tracemalloc.start()
    started = time.thread_time()
    try:
        assert refusal(BOMBS[name])
        seconds = time.thread_time() - started
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seconds < 60
    assert peak < 50_000_000


@pytest.mark.parametrize("name", INTRUSIONS)
def test_a_template_reaches_nothing_but_its_data(name):
    message = refusal(INTRUSIONS[name])
    assert message.startswith(("f:1: ", "prompts/p/v1.md"))


def test_a_loop_over_much_data_runs_out_of_steps_not_of_time():
    body = "{% for a in x %}{% for b in x %}{% for c in x %}{% if a %}{% endif %}{% endfor %}"
    body += "{% endfor %}{% endfor %}"
    with pytest.raises(ConfigError, match=r"template line 1: needs more than .* steps"):
        rendered(body, x=[1] * 10_000)


def test_comparing_long_texts_is_paid_for():
    body = "{% for a in y %}{% if 'b' in x %}{% endif %}{% endfor %}"
    with pytest.raises(ConfigError, match="steps"):
        rendered(body, x="a" * 900_000, y=[1] * 50)


def test_what_a_comparison_reads_is_all_that_it_holds():
    """Else a long text could hide in a mapping: 1 + len("k") + (1 + 900,000) steps a round."""
    body = "{% for a in y %}{% if x == z %}{% endif %}{% endfor %}"
    with pytest.raises(ConfigError, match="steps"):
        rendered(body, x={"k": ["a" * 900_000]}, y=[1] * 50, z=1)


def test_every_refusal_names_its_line_and_the_language():
    body = "one\n{{ a * 2 }}\n{% set b = 1 %}\n{{ a|shout }}\n"
    found = problems(body, where="prompts/p/v1.md", line=7, declared=["a"])
    assert [problem.where.rpartition(":")[2] for problem in found] == ["8", "9", "10"]
    assert all("{% for %}" in problem.allowed for problem in found)


def test_a_syntax_error_names_its_line():
    (found,) = problems("one\n{% if %}\n", where="prompts/p/v1.md", line=7)
    assert found.where == "prompts/p/v1.md:8"


@pytest.mark.parametrize(
    ("body", "variables", "message"),
    [
        ("{{ x.titel }}", {"x": {"title": "t"}}, "has no attribute 'titel'"),
        ("a\n{{ x[3] }}", {"x": [1]}, "line 2: list object has no element 3"),
        ("{{ x }}", {"x": ["a"]}, "list is not text: use a loop, a condition or |tojson"),
        ("{{ x }}", {"x": None}, "NoneType is not text"),
        ("{{ x }}", {"x": True}, "bool is not text"),
        ("{% for a in x %}{% endfor %}", {"x": "text"}, "expected list or tuple or dict, got str"),
        ("{% for a in x.y %}{% endfor %}", {"x": {}}, "'y'"),
    ],
)
def test_a_slip_in_the_data_is_an_error_not_an_empty_text(body, variables, message):
    with pytest.raises(ConfigError) as caught:
        rendered(body, **variables)
    assert message in str(caught.value)


class Loud(str):
    __slots__ = ()

    def __str__(self):
        return "loud"


def itself():
    data = []
    data.append(data)
    return data


def deep(levels):
    data = "x"
    for _ in range(levels):
        data = [data]
    return data


def shared(levels):
    """2**levels leaves in `levels` lists."""
    data = ["x"]
    for _ in range(levels):
        data = [data, data]
    return data


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "holds object, which is not plain data"),
        (Loud("x"), "holds Loud, which"),
        ([{"a": {1}}], "holds set, which"),
        ({"a": b"x"}, "holds bytes, which"),
        ({1: "x"}, "keys are not all text"),
        (itself(), "levels"),
        (deep(MAX_DEPTH), "levels"),
        (shared(40), "levels"),
        (shared(MAX_DEPTH - 2) * 10, "values"),
        ([0] * MAX_VALUES, "values"),
        ("x" * (MAX_OUTPUT + 1), "characters"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)
def test_only_plain_data_of_some_size_is_put_in(value, reason):
    with pytest.raises(ConfigError) as caught:
        rendered("{{ x|tojson }}", x=value)
    assert reason in str(caught.value)


def test_data_at_the_limits_is_put_in():
    assert rendered("{{ x|length }}", x=[0] * (MAX_VALUES - 1)) == str(MAX_VALUES - 1)
    assert rendered("{{ x|tojson|length }}", x=deep(MAX_DEPTH - 1)) == str(3 + 2 * (MAX_DEPTH - 1))


def test_the_output_is_bounded_while_it_grows():
    assert len(rendered("{{ x }}", x="a" * MAX_OUTPUT)) == MAX_OUTPUT
    with pytest.raises(ConfigError, match="renders to more than 1000000 characters"):
        rendered("{% for a in y %}{{ x }}{% endfor %}", x="a" * 100_001, y=[1] * 10)


def test_exactly_the_declared_variables_are_given():
    with pytest.raises(ConfigError) as caught:
        render(prompt("{{ a }}{{ b }}", "a", "b"), {"b": "1", "c": "2"})
    assert [problem.what for problem in caught.value.problems] == [
        "needs the variable a",
        "does not know the variable c",
    ]


def test_a_prompt_made_by_hand_is_held_to_the_same_language():
    """`render` trusts no one to have called `load_prompt`."""
    with pytest.raises(ConfigError, match="Mul is not part of the prompt language"):
        rendered("{{ x * 2 }}", x=1)
