from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from evalkit import registry
from evalkit.registry import Registry, UnknownName

GROUP = "evalkit.things"


@pytest.fixture
def things():
    return Registry("thing", GROUP, {"half": "fractions:Fraction", "exact": "decimal:Decimal"})


@pytest.fixture
def installed(monkeypatch):
    """Pretend these `name = value` entry points are installed in the group."""

    def install(*pairs):
        points = [EntryPoint(name=n, value=v, group=GROUP) for n, v in pairs]
        monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints(points))

    return install


def test_a_built_in_name_gives_its_class(things):
    from fractions import Fraction

    assert things.get("half") is Fraction


def test_names_come_in_the_order_written_then_plugins(things, installed):
    installed(("zeta", "math:pi"), ("alpha", "math:e"))
    assert things.names() == ("half", "exact", "alpha", "zeta")
    assert list(things) == list(things.names())
    assert "alpha" in things
    assert "beta" not in things


def test_a_plugin_is_loaded_by_name(things, installed):
    import math

    installed(("tau", "math:tau"))
    assert things.get("tau") == math.tau


def test_an_unknown_name_is_refused_with_near_ones_and_all(things):
    message = r"unknown thing 'haf'\. Did you mean half\? Known: half, exact\."
    with pytest.raises(UnknownName, match=message):
        things.get("haf")


@pytest.mark.parametrize("name", ["half", "both"])
def test_two_owners_of_a_name_are_refused(things, installed, name):
    """A plugin that takes a built-in name included: neither may win by chance of installation."""
    installed((name, "math:pi"), (name, "math:e"))
    with pytest.raises(ValueError, match=r"registered more than once: .*math:pi"):
        things.get(name)


def test_a_broken_implementation_says_itself_what_is_wrong():
    broken = Registry("thing", GROUP, {"gone": "no_such_module:X", "less": "math:no_such_name"})
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        broken.get("gone")
    with pytest.raises(AttributeError, match="no_such_name"):
        broken.get("less")


@pytest.mark.parametrize("module", ["evalkit.metrics", "evalkit.judges"])
def test_a_menu_costs_nothing(module):
    """Reading the menu imports none of what is on it, nor numpy."""
    code = f"import sys; import {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"numpy", "ir_measures", "onnxruntime", f"{module}.protocol"}.isdisjoint(loaded)
