"""A key covers everything that may shape a reply, and nothing else."""

import dataclasses
import re
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.calls.key import request_key, text_key
from evalkit.records import ModelRequest

SCHEMA = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}, "b": {"type": "string"}}}
REQUEST = ModelRequest(
    prompt="p", system="s", max_output_tokens=9, schema=SCHEMA, prompt_ref="judge@1"
)
TEXT = st.text(st.characters(codec=None), max_size=12)


def key(request=REQUEST, *, model="m", fingerprint="f", repeat=0):
    return request_key(request, model=model, fingerprint=fingerprint, repeat=repeat)


@pytest.mark.parametrize(
    "changed",
    [
        key(dataclasses.replace(REQUEST, prompt="q")),
        key(dataclasses.replace(REQUEST, system="t")),
        key(dataclasses.replace(REQUEST, max_output_tokens=10)),
        key(dataclasses.replace(REQUEST, schema=None)),
        key(dataclasses.replace(REQUEST, schema={})),
        key(dataclasses.replace(REQUEST, schema=SCHEMA | {"type": "array"})),
        key(dataclasses.replace(REQUEST, prompt_ref="judge@2")),
        key(dataclasses.replace(REQUEST, draw=1)),
        key(dataclasses.replace(REQUEST, prompt="", system="ps")),
        key(model="n"),
        key(fingerprint="g"),
        key(model="f", fingerprint="m"),
        key(repeat=1),
        text_key("p", model="m", fingerprint="f"),
    ],
)
def test_each_part_changes_the_key(changed):
    assert re.fullmatch(r"[0-9a-f]{64}", changed)
    assert changed != key()


def test_every_field_of_a_request_is_covered():
    """A field that is added to `ModelRequest` must be added to the key."""
    names = {field.name for field in dataclasses.fields(ModelRequest)}
    assert names == {"prompt", "system", "max_output_tokens", "schema", "prompt_ref", "draw"}


requests = st.builds(
    ModelRequest,
    prompt=TEXT,
    system=TEXT,
    max_output_tokens=st.integers(1, 5),
    schema=st.none() | st.dictionaries(TEXT, st.lists(TEXT, max_size=2), max_size=2),
    prompt_ref=TEXT,
    draw=st.integers(0, 2),
)
asked = st.tuples(requests, TEXT, TEXT, st.integers(0, 2))


def key_of(all_of_it):
    request, model, fingerprint, repeat = all_of_it
    return key(request, model=model, fingerprint=fingerprint, repeat=repeat)


@given(asked, asked)
def test_two_keys_are_equal_only_if_all_parts_are(one, other):
    assert (key_of(one) == key_of(other)) is (one == other)


@given(st.dictionaries(TEXT, TEXT, min_size=2), st.randoms())
def test_the_order_of_a_schemas_keys_does_not_matter(properties, random):
    items = list(properties.items())
    random.shuffle(items)
    one, other = ({"type": "object", "properties": p} for p in (properties, dict(items)))
    assert key(ModelRequest(prompt="", schema=one)) == key(ModelRequest(prompt="", schema=other))


def test_the_kind_of_mapping_does_not_matter():
    kept = MappingProxyType({"type": "object", "properties": MappingProxyType({"a": {}})})
    plain = {"type": "object", "properties": {"a": {}}}
    assert key(ModelRequest(prompt="", schema=kept)) == key(ModelRequest(prompt="", schema=plain))


def test_the_order_of_a_list_does():
    """A judge that is shown passages in another order may judge otherwise."""
    one, other = (ModelRequest(prompt="", schema={"enum": e}) for e in (["a", "b"], ["b", "a"]))
    assert key(one) != key(other)


@given(st.tuples(TEXT, TEXT, TEXT), st.tuples(TEXT, TEXT, TEXT))
def test_a_texts_key_covers_text_and_embedder(one, other):
    keys = [text_key(t, model=m, fingerprint=f) for t, m, f in (one, other)]
    assert (keys[0] == keys[1]) is (one == other)
