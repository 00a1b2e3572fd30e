"""The pipeline is a target as it is."""

import asyncio

from evalkit.providers.scripted import ScriptedModel
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.rag.chunkers.sentences import SentenceChunker
from evalkit.rag.indexes.hnsw import HnswIndex
from evalkit.rag.pipeline import RagConfig, RagPipeline
from evalkit.rag.retrievers.hybrid import HybridSearch
from evalkit.records import Document, Prompt
from evalkit.targets.rag import RagTarget


def test_it_hands_everything_to_the_pipeline(tmp_path):
    shown = Prompt(
        name="p", version=1, purpose="", variables=("passages", "question"), output_contract="",
        why="", template="{{ passages[0].text }} {{ question }}", digest="d",
    )  # fmt: skip
    config = RagConfig(
        prompt=shown, chunker=SentenceChunker(), index=HnswIndex(), retriever=HybridSearch()
    )
    pipeline = RagPipeline(
        config,
        generator=ScriptedModel(lambda request: request.prompt),
        embedder=ScriptedEmbedder(),
        cache=tmp_path,
    )
    target = RagTarget(pipeline)

    async def run():
        await target.ingest([Document(id="w", text="They eat krill.")])
        return await target.answer("Krill?")

    answer = asyncio.run(run())
    assert answer.text == "They eat krill. Krill?"
    again = asyncio.run(target.answer_from("Why?", answer.retrieved))
    assert (again.text, again.retrieved) == ("They eat krill. Why?", answer.retrieved)
    assert target.fingerprint == pipeline.fingerprint
    assert target.answering == pipeline.answering
    assert list(tmp_path.rglob("*.index"))
