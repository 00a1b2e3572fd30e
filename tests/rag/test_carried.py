"""The passages a prompt really holds."""

from evalkit.rag.carried import carried
from evalkit.records import Passage


def passage(rank, text):
    return Passage(document_id=f"d{rank}", chunk_id=f"c{rank}", text=text, rank=rank, similarity=0)


def ids(passages, prompt):
    return [p.document_id for p in carried(passages, prompt)]


CAT, DOG = passage(1, "The cat sat."), passage(2, "The dog ran.")


def test_only_whole_texts_count():
    assert ids([CAT, DOG], "The cat sat. The dog") == ["d1"]


def test_they_come_in_prompt_order():
    assert ids([CAT, DOG], "The dog ran. The cat sat.") == ["d2", "d1"]


def test_white_space_may_differ():
    assert ids([passage(1, "The cat\nsat.")], "  The\n   cat sat.") == ["d1"]


def test_of_two_equal_passages_one_is_carried_where_one_is_shown():
    twins = [passage(1, "The cat sat."), passage(2, "The cat sat.")]
    assert ids(twins, "The cat sat.") == ["d1"]
    assert ids(twins, "The cat sat. The cat sat.") == ["d1", "d2"]


def test_a_part_of_a_longer_passage_needs_a_place_of_its_own():
    part, whole = passage(1, "The cat sat."), passage(2, "It rained. The cat sat. He left.")
    assert ids([part, whole], whole.text) == ["d2"]
    assert ids([part, whole], f"{whole.text} The cat sat.") == ["d2", "d1"]
