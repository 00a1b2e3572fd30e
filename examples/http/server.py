# ruff: noqa: INP001 - an application of its own, not a part of a package
"""A small RAG service: `python server.py`, then POST {"question": "…"} to http://127.0.0.1:8808/ask."""

from __future__ import annotations

import sys
from pathlib import Path

from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent.parent / "callable"))

import app as rag

PORT = 8808


async def ask(request: web.Request) -> web.Response:
    """Answer one question."""
    body = await request.json()
    reply = rag.answer(body["question"])
    return web.json_response({"data": {"answer": reply["text"], "sources": reply["passages"]}})


async def documents(request: web.Request) -> web.Response:
    """Take the corpus."""
    body = await request.json()
    rag.ingest(body["documents"])
    return web.json_response({"taken": len(body["documents"])})


def application() -> web.Application:
    """The service, for a test or for `main`."""
    made = web.Application(client_max_size=64 * 1024 * 1024)
    made.add_routes([web.post("/ask", ask), web.post("/documents", documents)])
    return made


if __name__ == "__main__":
    web.run_app(application(), host="127.0.0.1", port=PORT)
