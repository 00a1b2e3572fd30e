"""What a profile binds: models with everything around their calls, judges, embedders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalkit import catalogue
from evalkit.assemble.names import Names
from evalkit.calls.caller import Calls
from evalkit.calls.ledger import Ledger
from evalkit.calls.rehearsal import RehearsedEmbedder, RehearsedModel
from evalkit.calls.traffic import Traffic
from evalkit.config import Profile, Section, construct, named
from evalkit.errors import ConfigError, Problem
from evalkit.judges import JUDGES
from evalkit.judges.llm import LlmJudge
from evalkit.judges.panel import PanelJudge
from evalkit.judges.protocol import Judge
from evalkit.judges.wording import Wording, draw
from evalkit.metrics.protocol import Instruments
from evalkit.pricing import FREE, Price
from evalkit.providers import EMBEDDERS, MODELS
from evalkit.providers.extractive import extractive
from evalkit.providers.minilm import shared
from evalkit.providers.protocol import (
    Embedder,
    Model,
    RemoteEmbedder,
    RemoteModel,
    is_remote,
    is_remote_embedder,
)
from evalkit.providers.scripted import ScriptedModel
from evalkit.records import ServerRecord

OURS = ("price",)
"""Keys of a role's table that are not the provider's options."""

JUDGING = ("reversed_questions", "thinking_tokens", "closed_schema")
"""Keys of a judge's table that are the judge's own; the rest are its model's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A model ready to be called, and how a run names the price of it."""

    model: Model
    table: str


@dataclass(slots=True)
class Models:
    """The roles of one profile as objects. Remote ones share one `Calls`, made with the first."""

    names: Names
    bound: Profile
    traffic: Traffic
    under_test: Section | None = None
    """The target's generator where it is not the profile's: what must not judge itself."""
    remote: list[RemoteModel | RemoteEmbedder] = field(default_factory=list)
    judge_is_remote: bool = False
    """Whether a judge made here asks a model outside this process."""
    _stopped: list[ServerRecord] = field(default_factory=list)
    _calls: Calls | None = None

    @property
    def calls(self) -> Calls:
        """What goes around the calls of this plan."""
        if self._calls is None:
            self._calls = self.traffic.calls(self.names.project.cache)
        return self._calls

    @property
    def ledger(self) -> Ledger | None:
        """What the build may still spend; None where it has no cap."""
        return self.traffic.ledger

    @property
    def concurrency(self) -> int:
        """How many requests the endpoints take at once; 0 where all models are in this process."""
        return max((one.limits.max for one in self.remote), default=0)

    @property
    def servers(self) -> tuple[ServerRecord, ...]:
        """What the model servers of the plan have done so far, stopped ones included."""
        return (*self._stopped, *self._running())

    def _running(self) -> list[ServerRecord]:
        records = [one.record() for one in self.remote if hasattr(one, "record")]
        return [record for record in records if record is not None]

    async def close(self) -> None:
        """Let go of connections, servers and files."""
        self._stopped += self._running()
        if self._calls is not None:
            await self._calls.close()
        for one in self.remote:
            await one.close()

    # ── roles ────────────────────────────────────────────────────────────────────────────────────

    def generator(self, section: Section, *, price: Price | None) -> Priced:
        """The model under test; `price` is the target's own, before the profile's."""
        return self._priced(section, price)

    def judge(self, embedder: Embedder) -> tuple[Judge, Model | None]:
        """The judge, and its chat model where it has one. The model under test is refused."""
        written = self.bound.judge
        if isinstance(written, Mapping) and "panel" in written:
            return self._panel(self.bound.role("judge"), embedder)
        judge, model = self._one_judge(written, self.bound.role("judge"), embedder)
        return judge, model

    def embedder(self) -> Embedder:
        """What texts are measured and searched with."""
        section = self.bound.role("embedder")
        made = self.names.open(EMBEDDERS, section.without(*OURS), spec=spelled(section))
        if not is_remote_embedder(made):
            found: Embedder = made
            return found
        price = self._price_of(section, made, None)
        if self.traffic.rehearsing:
            stand_in: Embedder = shared(self.names.project.cache)
            return RehearsedEmbedder(name=made.name, price=price, batch=made.batch,
                                     stand_in=stand_in)  # fmt: skip
        self._require_key(section, made)
        self.remote.append(made)
        return self.calls.around_embedder(made, price=price)

    def instruments(self, embedder: Embedder) -> Instruments:
        """The judge beside what it measures with."""
        judge, model = self.judge(embedder)
        return Instruments(judge=judge, embedder=embedder, model=model)

    # ── parts ────────────────────────────────────────────────────────────────────────────────────

    def _one_judge(
        self, written: object, section: Section, embedder: Embedder
    ) -> tuple[Judge, Model | None]:
        if is_ready_judge(written, section):
            factory = self.names.find(JUDGES, written, section.problem)
            return factory(embedder), None
        self._refuse_self(section)
        known = len(self.remote)
        model = self._priced(section.without(*JUDGING), None).model
        self.judge_is_remote |= len(self.remote) > known or isinstance(model, RehearsedModel)
        problems: list[Problem] = []
        own = section.without(*(key for key in section.table if key not in JUDGING))
        judge = construct(LlmJudge, own, problems, model=model, draw=draw)
        if judge is None:
            raise ConfigError(problems)
        return (_rehearsed(judge) if self.traffic.rehearsing else judge), model

    def _panel(self, section: Section, embedder: Embedder) -> tuple[Judge, Model | None]:
        members = section.table["panel"]
        rule = section.table.get("rule", "majority")
        problems: list[Problem] = []
        if not isinstance(members, list) or len(members) < 2:
            problems.append(section.problem("a panel has two judges or more", "panel"))
        if rule not in ("majority", "minimum"):
            allowed = "majority, minimum"
            problems.append(section.problem("unknown rule", "rule", value=rule, allowed=allowed))
        problems += [
            section.problem(f"unknown key {key!r}", key, allowed="panel, rule")
            for key in section.without("panel", "rule").table
        ]
        if problems:
            raise ConfigError(problems)
        judges: list[tuple[Judge, Model | None]] = []
        for one in members:
            if not isinstance(one, (str, Mapping)):
                allowed = "a judge's name or table"
                problems.append(section.problem("wrong type", "panel", value=one, allowed=allowed))
                continue
            try:
                judges.append(self._one_judge(one, named(one, section, "panel"), embedder))
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)
        model = next((model for _, model in judges if model is not None), None)
        return PanelJudge(judges=tuple(judge for judge, _ in judges), rule=rule), model

    def _refuse_self(self, section: Section) -> None:
        tested = (self.under_test or self.bound.role("generator")).table
        judging = section.table
        same = all(tested.get(key) == judging.get(key) for key in ("provider", "model", "base_url"))
        if same and not self.bound.allow_self_judging:
            what = (
                "the model under test would judge its own answers; name another model, or set "
                "allow_self_judging = true in the profile"
            )
            raise ConfigError([section.problem(what, value=spelled(section))])

    def _priced(self, section: Section, price: Price | None) -> Priced:
        made = self._opened(section.without(*OURS))
        if not is_remote(made):
            if "price" in section.table:
                what = "a model of this process is not charged; a target may have a price"
                raise ConfigError([section.problem(what, "price")])
            return Priced(model=made, table=FREE.table)
        own = getattr(made, "price_table", "")
        # With a price table of its own it knows what its time costs, and prices each completion.
        found = None if own else self._price_of(section, made, price)
        table = own or (found or FREE).table
        if self.traffic.rehearsing:
            stand_in = extractive(cache=self.names.project.cache)
            rehearsed = RehearsedModel(
                name=made.name, fingerprint=made.fingerprint, price=found, stand_in=stand_in
            )
            return Priced(model=rehearsed, table=table)
        self._require_key(section, made)
        self.remote.append(made)
        return Priced(model=self.calls.around(made, price=found), table=table)

    def _opened(self, section: Section) -> Model:
        """The model of a table; `scripted` with a `function` is the project's own function."""
        function = section.table.get("function")
        if section.table.get("provider") != "scripted" or function is None:
            found: Model = self.names.open(MODELS, section, spec=spelled(section))
            return found
        if extra := sorted(section.without("provider", "function").table):
            raise ConfigError([section.problem("scripted takes a function alone", extra[0])])
        reply = self.names.attribute(function, section)
        return ScriptedModel(reply, name=f"scripted/{function}")

    def _require_key(self, section: Section, made: RemoteModel | RemoteEmbedder) -> None:
        """Raises `ConfigError` where calls would need a key that the environment does not have."""
        variable = "" if self.traffic.replay else getattr(made, "api_key_env", "")
        if variable and not os.environ.get(variable, "").strip():
            what = f"needs a key in the environment variable {variable}, which is not set"
            raise ConfigError([section.problem(what)])

    def _price_of(
        self, section: Section, made: RemoteModel | RemoteEmbedder, price: Price | None
    ) -> Price:
        """The target's price, else the profile's, else the catalogue's. Raises `ConfigError`."""
        if price is not None:
            return price
        if "price" in section.table:
            return stated_price(section)
        table = section.table
        if table.get("provider") == "vllm":
            what = "a vLLM server costs by the hour or by the token, and the role gives neither"
            allowed = "usd_per_gpu_hour = …, or price = { input = …, output = … }"
            raise ConfigError([section.problem(what, allowed=allowed)])
        provider, url = str(table.get("provider")), str(table.get("base_url", ""))
        tier = table.get("service_tier")
        return catalogue.price(
            (catalogue.provider_at(url) or f"{provider} at another address") if url else provider,
            str(table.get("model", "")),
            rates="flex" if tier == "flex" else "priority" if tier == "priority" else "standard",
            embeds=hasattr(made, "embed"),
            where=section.file.where(*section.keys),
        )


def is_ready_judge(written: object, section: Section) -> bool:
    """Whether what is written for a judge names one, not a chat model to make one of."""
    provider = section.table.get("provider")
    return isinstance(written, str) and (written in JUDGES or provider not in MODELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedJudge(LlmJudge):
    """A judge of rehearsed replies, which find the ids and words they must use in its schemas.

    Known by the fingerprint of the judge that it stands for: an estimate looks for that one's runs.
    """

    stands_for: str

    @property
    def fingerprint(self) -> str:
        return self.stands_for


def _rehearsed(judge: LlmJudge) -> RehearsedJudge:
    return RehearsedJudge(
        model=judge.model,
        reversed_questions=judge.reversed_questions,
        thinking_tokens=judge.thinking_tokens,
        closed_schema=True,
        draw=_drawn_in_order,
        stands_for=judge.fingerprint,
    )


def _drawn_in_order(content: Mapping[str, Any], meanings: tuple[str, ...]) -> Wording:
    """The words of a call in the order of their meanings.

    A rehearsed reply says the first word of a schema. That of the first meaning goes with entries
    that hold something; any other may leave them unusable, and a real judge would not be asked
    again.
    """
    drawn = draw(content, meanings)
    return Wording(nonce=drawn.nonce, words={one: drawn.words[one] for one in meanings})


def stated_price(section: Section) -> Price:
    """The `price = { … }` of a section. Raises `ConfigError`."""
    if not isinstance(section.table["price"], Mapping):
        what, value = "must be a table", section.table["price"]
        raise ConfigError([section.problem(what, "price", value=value, allowed="{ input = … }")])
    problems: list[Problem] = []
    found = construct(Price, section.child("price"), problems)
    if found is None:
        raise ConfigError(problems)
    return found


def spelled(section: Section) -> str:
    """A role's table as its short name, `<provider>/<model>`: its other keys may be secrets."""
    table: Mapping[str, Any] = section.table
    model = table.get("model", "")
    return f"{table.get('provider', '')}/{model}" if model else str(table.get("provider", ""))
