# ruff: noqa: INP001 - an application of its own, not a part of a package
"""A small RAG service: `python server.py`, then POST {"question": "…"} to http://127.0.0.1:8808/ask.

evalkit posts the corpus to /documents once, and every question to /ask.
"""

from __future__ import annotations

import os
import re

from aiohttp import web

PORT = int(os.environ.get("PORT", "8808"))
PASSAGES = 3
STOP_WORDS = frozenset(
    "a an and are as at by can do does for from how in is it many much of on or that the to was "
    "were what when where which who".split()
)
CORPUS = web.AppKey("corpus", list[dict[str, str]])


async def ask(request: web.Request) -> web.Response:
    """Answer one question with the sentence that shares most words with it."""
    asked = _words((await request.json())["question"])
    corpus = request.app[CORPUS]
    ranked = sorted(corpus, key=lambda row: -len(asked & _words(f"{row['title']} {row['text']}")))
    found = ranked[:PASSAGES]
    sentences = [sentence for row in found for sentence in re.split(r"(?<=\.) ", row["text"])]
    best = max(sentences, key=lambda sentence: len(asked & _words(sentence)), default="")
    text = best if asked & _words(best) else "I don't know."
    sources = [{"document_id": r["id"], "title": r["title"], "text": r["text"]} for r in found]
    return web.json_response({"data": {"answer": text, "sources": sources}})


async def documents(request: web.Request) -> web.Response:
    """Take the corpus, in place of the one before."""
    body = await request.json()
    request.app[CORPUS][:] = body["documents"]
    return web.json_response({"taken": len(body["documents"])})


def _words(text: str) -> set[str]:
    """The words that carry meaning, without their endings."""
    found = re.findall(r"\w+", text.casefold())
    return {word.removesuffix("s") for word in found if word not in STOP_WORDS}


def application() -> web.Application:
    """The service, for a test or for a server."""
    made = web.Application(client_max_size=64 * 1024 * 1024)
    made[CORPUS] = []
    made.add_routes([web.post("/ask", ask), web.post("/documents", documents)])
    return made


if __name__ == "__main__":
    web.run_app(application(), host="127.0.0.1", port=PORT, print=None)
