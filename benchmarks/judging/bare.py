"""No harness: as many calls through the same SDK, in a loop that does nothing with the replies.

argv: the number of calls. The official `openai` client over aiohttp, one client, no retries;
prompts as long as evalkit's judge prompts on this workload.
"""

from __future__ import annotations

import asyncio
import sys

import openai
import workload

PROMPT = "You check claims against passages, each on its own. " * 40  # about 2.1 kB
TEXT = {"type": "string"}
ENTRY = {"id": TEXT, "reason": TEXT, "context": TEXT, "quote": TEXT, "verdict": TEXT}
SCHEMA = {
    "type": "object",
    "properties": {"verdicts": {"type": "array", "items": {"type": "object", "properties": ENTRY}}},
}


async def main(calls: int) -> None:
    client = openai.AsyncOpenAI(
        base_url=f"{workload.BASE}/v1",
        api_key="none",
        max_retries=0,
        http_client=openai.DefaultAioHttpClient(),
    )
    json_schema = {"name": "verdicts", "schema": SCHEMA}

    async def call(i: int) -> None:
        reply = await client.chat.completions.create(
            model="stub",
            temperature=0,
            messages=[{"role": "user", "content": f"{PROMPT} case {i}"}],
            response_format={"type": "json_schema", "json_schema": json_schema},
        )
        assert reply.choices[0].message.content

    async def loop(numbers: range) -> None:
        left = iter(numbers)

        async def worker() -> None:
            for i in left:
                await call(i)

        await asyncio.gather(*(worker() for _ in range(workload.CONCURRENCY)))

    async with client:
        await loop(range(workload.CONCURRENCY))
        with workload.Phase("bare loop", cases=0):
            await loop(range(calls))


asyncio.run(main(int(sys.argv[1])))
