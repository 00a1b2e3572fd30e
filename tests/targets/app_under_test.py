"""Functions that `test_callable` names."""

TAKEN = []


def ingest(documents):
    TAKEN[:] = documents


def plain(question):
    return question.upper()


async def rich(question):
    return {
        "text": "Krill.",
        "passages": [{"document_id": "w", "text": "They eat krill.", "similarity": 1}],
        "usage": {"input_tokens": 7, "output_tokens": 2},
    }


def misspelt(question):
    return {"text": "Krill.", "passagse": []}


NOT_A_FUNCTION = 3
