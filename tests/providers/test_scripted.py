"""A function stands in for a model."""

import asyncio

import pytest

from evalkit.errors import ProviderTimeout
from evalkit.providers.scripted import ScriptedModel, echo
from evalkit.records import Completion, Cost, ModelRequest, Usage

REQUEST = ModelRequest(prompt="one two", system="three")


def reply(model):
    return asyncio.run(model.complete(REQUEST))


def test_a_text_is_counted_and_free():
    done = reply(ScriptedModel(lambda request: request.prompt.upper(), name="shouting"))
    assert (done.text, done.model, done.cost) == ("ONE TWO", "shouting", Cost())
    assert done.usage == Usage(input_tokens=3, output_tokens=2)


def test_a_completion_passes_unchanged():
    given = Completion(text="x", model="m", usage=Usage(), cost=Cost(usd=1.0), latency_s=2.0)

    async def function(request):
        return given

    assert reply(ScriptedModel(function)) is given


def test_an_error_is_the_models_error():
    def function(request):
        raise ProviderTimeout("late")

    with pytest.raises(ProviderTimeout):
        reply(ScriptedModel(function))


def test_the_bare_name_repeats_the_last_line():
    assert asyncio.run(echo().complete(ModelRequest(prompt="a\nb\n"))).text == "b"
