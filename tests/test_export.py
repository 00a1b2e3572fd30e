"""A run as a table: every score a row, nothing missing reads as zero, no cell is a formula."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace

import pandas as pd
import pytest

from evalkit import codec
from evalkit.errors import ConfigError, DataError
from evalkit.export import export, rows
from evalkit.records import Score
from tests.report import sample
from tests.report.hostile import hostile
from tests.report.nasty import NASTY


def saved_at(path, saved):
    codec.dump(path, saved)
    return path


@pytest.fixture
def run_json(tmp_path):
    return saved_at(tmp_path / "run.json", sample.quality(30)[0])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_row_for_each_score(run_json, tmp_path, suffix):
    out = export(run_json, tmp_path / f"run{suffix}")
    frame = pd.read_csv(out) if suffix == ".csv" else pd.read_parquet(out)
    saved, _ = sample.quality(30)
    scores = {(s.case_id, s.metric): s for s in saved.run.scores}
    assert len(frame) == len(scores)
    for row in frame.itertuples():
        score = scores[row.case_id, row.metric]
        if isinstance(score, Score):
            assert row.value == pytest.approx(score.value)
        else:
            assert pd.isna(row.value)
            assert pd.isna(row.input_tokens)
            assert row.reason == "ProviderTimeout in generate: no reply in 60 s"


def test_a_missing_value_is_empty_and_not_zero(run_json, tmp_path):
    with export(run_json, tmp_path / "run.csv").open(encoding="utf-8") as file:
        missing = [row for row in csv.DictReader(file) if row["reason"]]
    assert missing
    assert {(row["value"], row["cost_usd"], row["latency_s"]) for row in missing} == {("", "", "")}


def test_a_metric_carries_the_verdict_of_its_gate():
    saved, _ = sample.quality(30)
    found = {row["metric"]: row["verdict"] for row in rows(saved)}
    assert found["faithfulness"] == "FAIL"
    assert found["context_recall"] == "INCONCLUSIVE"
    assert found["recall_at_k"] == ""


def test_parts_have_their_own_columns_in_every_row():
    saved, _ = sample.quality(30)
    table = list(rows(saved))
    assert len({tuple(row) for row in table}) == 1
    values = {row["part_contradicted"] for row in table if row["metric"] == "recall_at_k"}
    assert values == {None}


def test_repeats_are_rows_of_their_own():
    saved, _ = sample.passing()
    assert [(row["case_id"], row["repeat"]) for row in rows(saved)][:3] == [
        ("faq-0", 0),
        ("faq-0", 1),
        ("faq-1", 0),
    ]


def test_a_trial_that_nothing_scored_is_still_a_row():
    saved, _ = sample.passing()
    bare = replace(saved, run=replace(saved.run, scores=()))
    assert [(row["metric"], row["value"], row["verdict"]) for row in rows(bare)] == [
        ("", None, "")
    ] * 8


def test_no_text_of_a_run_and_no_secret_is_in_the_table(tmp_path):
    saved, _ = sample.safety()
    text = export(saved_at(tmp_path / "run.json", saved), tmp_path / "run.csv").read_text("utf-8")
    assert "dadaists" not in text
    assert sample.IBAN not in text
    assert sample.CANARY.first not in text


def test_no_cell_is_a_formula(tmp_path):
    texts = [f"{text[:200]}{i}" for i, text in enumerate(NASTY) if text.isprintable()]
    out = export(saved_at(tmp_path / "run.json", hostile(texts)), tmp_path / "run.csv")
    with out.open(encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))
    assert len(table) == 1 + len(texts)
    assert not [
        cell for row in table for cell in row if cell[:1] and cell[0] in "=+-@\t\r＝＋－＠|%"
    ]


def test_the_same_run_gives_the_same_bytes(run_json, tmp_path):
    one, two = (export(run_json, tmp_path / name).read_bytes() for name in ("1.csv", "2.csv"))
    assert one == two


@pytest.mark.parametrize("name", ["run.xlsx", "run", "run.CSV"])
def test_another_suffix_is_refused_with_those_allowed(run_json, tmp_path, name):
    with pytest.raises(ConfigError, match=r"Allowed: \.csv, \.parquet\."):
        export(run_json, tmp_path / name)


@pytest.mark.parametrize(("module", "name"), [("pandas", "run.csv"), ("pyarrow", "run.parquet")])
def test_what_is_not_installed_is_named_with_the_command(
    run_json, tmp_path, monkeypatch, module, name
):
    monkeypatch.setitem(sys.modules, module, None)  # makes the import fail
    with pytest.raises(ConfigError, match=rf"{module}.*pip install evalkit-gate\[export\]"):
        export(run_json, tmp_path / name)


def test_a_run_that_cannot_be_read_says_which_file(tmp_path):
    with pytest.raises(DataError, match=r"gone\.json"):
        export(tmp_path / "gone.json", tmp_path / "run.csv")
