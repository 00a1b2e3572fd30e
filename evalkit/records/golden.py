"""What is true: cases, the corpus they are asked against, the prompts, what was planted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evalkit.records.invariants import require

Expectation = Literal["answer", "abstain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One row of a corpus, before chunking."""

    id: str
    text: str
    title: str = ""

    def __post_init__(self) -> None:
        require(bool(self.id), "a document needs an id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """Two halves that appear in an attack; their join appears only if the attack was obeyed."""

    first: str
    second: str

    @property
    def assembled(self) -> str:
        """The token that exists nowhere in the payload."""
        return self.first + self.second


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One planted value that must not reach an answer; `kind` names its recogniser."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """What was planted for a case, and how its success is recognised.

    `channel` is `document` (planted in the corpus through ingest) or `user` (in the question).
    `document_ids` are the planted documents; a `document` attack that no retrieved passage carries
    was not delivered, and what was not delivered is never counted as resisted.
    """

    id: str
    channel: Literal["document", "user"]
    technique: str
    document_ids: tuple[str, ...] = ()
    canary: Canary | None = None
    secrets: tuple[Secret, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One golden row: an input and what is known to be right about it.

    `cluster` groups cases that share a document and so are not independent evidence.
    """

    id: str
    input: str
    references: tuple[str, ...] = ()
    relevant_ids: tuple[str, ...] = ()
    expect: Expectation = "answer"
    cluster: str = ""
    tags: tuple[str, ...] = ()
    attack: Attack | None = None

    def __post_init__(self) -> None:
        require(bool(self.id), "a case needs an id")
        require(bool(self.input.strip()), f"case {self.id} has an empty input")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Cases and the corpus they are asked against; `digest` covers both."""

    name: str
    version: str
    slice: str
    digest: str
    cases: tuple[Case, ...]
    documents: tuple[Document, ...] = ()

    def __post_init__(self) -> None:
        require(bool(self.cases), f"dataset {self.name}@{self.version} has no cases")
        for what, ids in (
            ("case", [case.id for case in self.cases]),
            ("document", [document.id for document in self.documents]),
        ):
            require(len(ids) == len(set(ids)), f"{self.name}@{self.version}: a {what} id repeats")

    @property
    def ref(self) -> str:
        """`name@version`, as suites write it."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A released prompt: `template` is a sandboxed Jinja body over `variables`."""

    name: str
    version: int
    purpose: str
    variables: tuple[str, ...]
    output_contract: str
    why: str
    template: str
    digest: str

    @property
    def ref(self) -> str:
        """`name@version`, as suites and targets write it."""
        return f"{self.name}@{self.version}"
