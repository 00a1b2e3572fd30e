"""The template language of prompts: Jinja's `{{ }}`, `for` and `if`, and nothing that computes.

A prompt is text with holes. Jinja's sandbox keeps a template from Python's internals but is no
limit on resources: `{{ 'a' * 200000000 }}` or three nested ranges pass it. So the language is
closed: only the constructs, filters and tests listed below exist. There are no calls, no assignment
and no arithmetic but + and − on numbers; `{{ p.title }}` reads a key and never an attribute. What
is left grows no faster than its input, and a budget of work, counted in characters and loop rounds
rather than seconds so that every machine draws the same line, ends the rest.

Autoescape is off: the result is plain text for a model, and `&amp;` would be another text. What is
untrusted in it is framed by the prompt itself, as a JSON string (`|tojson`) between nonces.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS as JINJA_TESTS

from evalkit.errors import ConfigError, Problem
from evalkit.prompts import filters
from evalkit.prompts.filters import BUDGET, FILTERS, MAX_OUTPUT, Budget, TooMuch
from evalkit.records import Prompt

MAX_VALUES = 100_000
"""Texts, numbers and containers in the data put in."""
MAX_DEPTH = 16
TESTS = ("defined", "even", "mapping", "none", "number", "odd", "string", "undefined")
LOOP_KEYS = frozenset(
    {"index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem"}
)

# Filters that the compiler adds and no template can name, as they hold a space.
_ROUNDS, _READ = "paid rounds", "paid reading"
_NODES = frozenset(
    {
        nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.CondExpr,
        nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Test,
        nodes.Keyword, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg,
        nodes.Add, nodes.Sub, nodes.List, nodes.Tuple,
    }
)  # fmt: skip
_LANGUAGE = "{{ name }}, {% for %}, {% if %}, {# #}, comparisons, + and − on numbers, filters"
# What parsing, compiling or rendering a hostile template may end in, apart from our own errors.
_BROKEN = (
    TemplateError, SyntaxError, RecursionError, MemoryError, ArithmeticError, AttributeError,
    LookupError, TypeError, ValueError,
)  # fmt: skip


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja without attributes, calls, globals, a loader, or operators on anything but numbers."""

    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            autoescape=False,  # see the module's docstring
            finalize=_printable,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.globals.clear()
        self.filters = {name: filters.charged(FILTERS[name]) for name in FILTERS}
        self.filters |= {_ROUNDS: filters.rounds, _READ: filters.read}
        self.tests = {name: JINJA_TESTS[name] for name in TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in LOOP_KEYS:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        keyed = (type(obj) is dict and type(argument) is str) or (
            type(obj) in (list, tuple, str) and type(argument) is int
        )
        if keyed:
            try:
                return obj[argument]
            except LookupError:
                pass
        return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        numbers = (int, float)
        if operator not in "+-" or type(left) not in numbers or type(right) not in numbers:
            raise SecurityError(f"{operator} is only for numbers, and only + and − exist")
        return super().call_binop(context, operator, left, right)


def _printable(value: Any) -> Any:
    """Text and numbers print; a list, None or a truth value in a prompt is a slip."""
    if isinstance(value, Undefined):
        return str(value)  # raises: strict
    if type(value) in (str, int, float):
        return value
    raise TypeError(f"{type(value).__name__} is not text: use a loop, a condition or |tojson")


_ENVIRONMENT = _Environment()


def problems(
    body: str, *, where: str, line: int = 1, declared: Sequence[str] | None = None
) -> list[Problem]:
    """Everything wrong with a template whose first line is line `line` of the file `where`.

    `declared`, where given, must be exactly the variables the template uses.
    """
    tree, found = _parsed(body, where=where, line=line)
    if tree is None or found:
        return found
    try:
        used = meta.find_undeclared_variables(tree)
        _compiled(body)
    except _BROKEN as error:
        return [Problem(where=f"{where}:{line}", what=f"cannot be compiled: {_said(error)}")]
    if declared is None:
        return []
    for name in sorted(used - set(declared)):
        lines = [node.lineno for node in tree.find_all(nodes.Name) if node.name == name]
        place = f"{where}:{min(lines) + line - 1}"
        allowed = ", ".join(declared) or "no variable"
        what = f"uses {name}, which `variables` does not declare."
        found.append(Problem(where=place, what=what, allowed=allowed))
    found += [
        Problem(where=where, what=f"declares {name} in `variables` but does not use it")
        for name in declared
        if name not in used
    ]
    return found


def render(prompt: Prompt, variables: Mapping[str, Any]) -> str:
    """The prompt's text with its variables filled in: exactly those declared, plain data only.

    Plain data is str, int, float, bool, None, and lists, tuples and dicts of these. Text that holds
    `{{ }}` stays as it is. Raises `ConfigError` on other data, on a variable or key that is missing
    or too many, and where a limit of this module is exceeded.
    """
    where = f"prompts/{prompt.name}/v{prompt.version}.md"
    found = [
        *(f"needs the variable {name}" for name in prompt.variables if name not in variables),
        *(f"does not know the variable {n}" for n in variables if n not in prompt.variables),
    ]
    try:
        _check_plain(variables)
    except TooMuch as error:
        found.append(str(error))
    if found:
        raise ConfigError([Problem(where=where, what=what) for what in found])
    try:
        return _generate(_compiled(prompt.template), variables)
    except _BROKEN as error:
        place = f"{where} template line {_line(error)}" if _line(error) else where
        raise ConfigError([Problem(where=place, what=_said(error))]) from error


def _generate(template: Template, variables: Mapping[str, Any]) -> str:
    token = BUDGET.set(Budget())
    try:
        chunks, length = [], 0
        for chunk in template.generate(dict(variables)):
            length += len(chunk)
            if length > MAX_OUTPUT:
                raise TooMuch(f"renders to more than {MAX_OUTPUT} characters")
            chunks.append(chunk)
        return "".join(chunks)
    finally:
        BUDGET.reset(token)


@functools.lru_cache(maxsize=256)
def _compiled(body: str) -> Template:
    """The template as code. Raises `ValueError` where `problems` would find one."""
    tree, found = _parsed(body, where="template", line=1)
    if tree is None or found:
        raise ValueError("; ".join(map(str, found)))
    _meter(tree)
    # Jinja computes constants while compiling, with the same filters: the same budget applies.
    token = BUDGET.set(Budget())
    try:
        return _ENVIRONMENT.from_string(tree)
    finally:
        BUDGET.reset(token)


def _meter(tree: nodes.Template) -> None:
    """Make loops and comparisons pay from the budget of the rendering they run in."""
    for loop in tree.find_all(nodes.For):
        weight = nodes.Const(sum(1 for _ in loop.find_all(nodes.Node)))
        loop.iter = _through(_ROUNDS, loop.iter, weight)
    for compared in tree.find_all(nodes.Compare):
        compared.expr = _through(_READ, compared.expr)
        for other in compared.ops:
            other.expr = _through(_READ, other.expr)


def _through(name: str, value: nodes.Node, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, name, [*arguments], [], None, None, lineno=value.lineno)


def _parsed(body: str, *, where: str, line: int) -> tuple[nodes.Template | None, list[Problem]]:
    """The template as a tree, and a problem for each node outside the language."""
    try:
        tree = _ENVIRONMENT.parse(body)
        checked = [(node, _refusal(node)) for node in _walk(tree)]
    except TemplateSyntaxError as error:
        place = f"{where}:{error.lineno + line - 1}"
        return None, [Problem(where=place, what=f"not a template: {error.message}")]
    except _BROKEN as error:
        return None, [Problem(where=f"{where}:{line}", what=f"not a template: {_said(error)}")]
    found = [
        # Some nodes that Jinja makes up itself (of `autoescape`, for one) have no line.
        Problem(where=f"{where}:{(node.lineno or 1) + line - 1}", what=what, allowed=_LANGUAGE)
        for node, what in checked
        if what
    ]
    return tree, found


def _walk(tree: nodes.Template) -> Iterator[nodes.Node]:
    yield tree
    yield from tree.find_all(nodes.Node)


def _refusal(node: nodes.Node) -> str:
    """Why this node is not part of the language; empty where it is."""
    kind = type(node)
    if kind not in _NODES:
        return f"{kind.__name__} is not part of the prompt language."
    if isinstance(node, nodes.For) and node.recursive:
        return "a recursive loop is not part of the prompt language."
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        return f"there is no filter {node.name}, only {', '.join(FILTERS)}."
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        return f"there is no test {node.name}, only {', '.join(TESTS)}."
    # A list that is written out may hold constants only: one of variables could nest them.
    written = isinstance(node, (nodes.List, nodes.Tuple)) and getattr(node, "ctx", "") != "store"
    if written and not all(isinstance(child, nodes.Const) for child in node.iter_child_nodes()):
        return "a list in a prompt holds constants only."
    return ""


def _check_plain(variables: Mapping[str, Any]) -> None:
    """Raises `TooMuch` naming the first value that is not plain, or is too much."""
    values = characters = 0
    # A stack, not recursion: data that holds itself ends at the depth limit.
    stack: list[tuple[str, Any, int]] = [(name, variables[name], 1) for name in variables]
    while stack:
        name, value, depth = stack.pop()
        kind = type(value)  # a subclass of str may lie about its length and its text
        values += 1
        inner: list[Any] = []
        if kind is str:
            characters += len(value)
        elif kind is dict:
            inner = [*value.keys(), *value.values()]
            if not all(type(key) is str for key in value):
                raise TooMuch(f"the variable {name} holds a dict whose keys are not all text")
        elif kind in (list, tuple):
            inner = value
        elif kind not in (int, float, bool, types.NoneType):
            raise TooMuch(f"the variable {name} holds {kind.__name__}, which is not plain data")
        if values + len(inner) > MAX_VALUES or characters > MAX_OUTPUT or depth > MAX_DEPTH:
            raise TooMuch(
                f"the variable {name} brings the data over {MAX_VALUES} values, "
                f"{MAX_OUTPUT} characters or {MAX_DEPTH} levels"
            )
        stack.extend((name, item, depth + 1) for item in inner)


def _said(error: BaseException) -> str:
    return str(error)[:200] or type(error).__name__


def _line(error: BaseException) -> int:
    """The template's line in which a rendering failed, 0 where none did. Jinja maps the lines."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
