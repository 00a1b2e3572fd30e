"""Errors say who must act, and all of them at once."""

from __future__ import annotations

import inspect

import pytest

from evalkit import errors
from evalkit.errors import (
    SHOWN_PROBLEMS,
    BaselineMismatch,
    ConfigError,
    DataError,
    EvalkitError,
    InputError,
    Problem,
    ProviderError,
)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem(where="a.toml:3 k", what="wrong type."), "a.toml:3 k: wrong type."),
        (
            Problem(where="a.toml:3 k", what="wrong type.", value="'x'", allowed="a number"),
            "a.toml:3 k: wrong type. Got 'x'. Allowed: a number.",
        ),
    ],
)
def test_a_problem_is_a_line_with_place_value_and_what_is_allowed(problem, text):
    """What is not known is left out, and leaves no empty label."""
    assert str(problem) == text


def test_an_input_error_carries_every_problem_and_shows_the_first():
    """Two more than are shown: the message says so, the exception has them all."""
    problems = [Problem(where=f"f:{i}", what="bad") for i in range(SHOWN_PROBLEMS + 2)]
    error = DataError(problems)
    assert error.problems == tuple(problems)
    assert str(error).splitlines()[-1] == "… and 2 more"
    assert str(error).splitlines()[:-1] == [str(problem) for problem in problems[:SHOWN_PROBLEMS]]


def test_as_many_as_fit_are_shown_without_a_remark():
    """The near miss: exactly as many as are shown."""
    error = ConfigError([Problem(where=f"f:{i}", what="bad") for i in range(SHOWN_PROBLEMS)])
    assert "more" not in str(error)


def test_an_error_without_a_problem_cannot_be_raised():
    """It would tell the user to change nothing."""
    with pytest.raises(ValueError, match="at least one problem"):
        InputError([])


def test_a_baseline_that_does_not_fit_names_reasons_and_the_command():
    """Both are attributes too, for whoever shows them apart."""
    error = BaselineMismatch(["the judge differs", "the data differ"], mend="evalkit x")
    assert str(error) == "the judge differs; the data differ. Mend it with: evalkit x"
    assert (error.reasons, error.mend) == (("the judge differs", "the data differ"), "evalkit x")


def test_every_error_stands_in_the_drawing_under_its_parent():
    """Whoever catches `EvalkitError` catches all; the drawing at the top of the module is true."""
    found = {
        name: cls
        for name, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, Exception)
    }
    assert all(issubclass(cls, EvalkitError) for cls in found.values())
    drawn = {}
    parents = []
    for line in errors.__doc__.splitlines():
        marks, _, rest = line.rpartition("── ")
        name = rest.split()[0] if rest.split() else ""
        if name in found:
            depth = len(marks + "── ") // 4 if marks else 0
            parents[depth:] = [name]
            drawn[name] = parents[depth - 1] if depth else "Exception"
    assert drawn == {name: cls.__base__.__name__ for name, cls in found.items()}


@pytest.mark.parametrize("name", ["RateLimited", "ProviderTimeout", "BadRequest", "AuthFailed"])
def test_what_a_provider_does_is_not_the_users_input(name):
    """A caller tells "fix a file" from "not your regression" by the class alone."""
    cls = getattr(errors, name)
    assert issubclass(cls, ProviderError)
    assert not issubclass(cls, InputError)
