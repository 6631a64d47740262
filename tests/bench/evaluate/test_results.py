"""Results as frames: what they hold, and that they are what the tables hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.evaluate.bootstrap import Resampling
from bench.evaluate.load import load_results
from bench.evaluate.results import Results
from bench.evaluate.scorer import Scorer
from bench.runs.records import Outcome
from bench.train.history import Validation
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, Runs
from tests.bench.report.test_per_finding import LABELS_ANSWERED, add_labels


@pytest.fixture
def results(runs: Runs) -> Results:
    """The reference in two seeds, another network, a control and one that failed."""
    for seed in (0, 1):
        runs.add("cxnet_m1", ONE_WRONG, loss="sin", seed=seed)
    runs.add("net", PERFECT)
    runs.add("prior", CHANCE)
    runs.add("broken", outcome=Outcome(state="failed", reason="boom"))
    return load_results(runs.store.root, scorer=Scorer(Resampling(count=50)))


def test_rows_have_a_line_a_row_with_its_identity_and_its_state(results: Results) -> None:
    rows = results.rows
    assert rows["model"].tolist() == ["net", "cxnet_m1", "prior", "broken"]
    assert rows["state"].tolist() == ["finished"] * 3 + ["failed"]
    assert rows["seeds"].tolist() == [1, 2, 1, 0]
    assert rows["reason"].tolist() == ["", "", "", "seed 0: boom"]
    assert set(zip(rows["source"], rows["task"], rows["split"], strict=True)) == {
        ("nih", "m1", "image")
    }
    assert set(rows["image_size"]) == {64}


def test_rows_have_every_figure_with_its_interval(results: Results) -> None:
    (table,) = results.tables
    lines = results.rows.set_index("model")
    for row in table.rows:
        for name, figure in row.figures.items():
            found = lines.loc[row.model, [name, f"{name}_low", f"{name}_high"]].to_numpy(float)
            np.testing.assert_array_equal(found, [figure.value, figure.low, figure.high])
    assert lines.loc["cxnet_m1", "auc"] == 8 / 9
    assert lines.loc["cxnet_m1", "auc_sd"] == 0.0
    assert np.isnan(lines.loc["net", "auc_sd"])
    assert np.isnan(lines.loc["broken", "auc"])


def test_rows_have_the_comparison_with_the_reference(results: Results) -> None:
    lines = results.rows.set_index("model")
    assert lines.loc["cxnet_m1", "verdict"] == "reference"
    assert np.isnan(lines.loc["cxnet_m1", "difference"])
    assert lines.loc["net", "difference"] == pytest.approx(1 - 8 / 9)
    (table,) = results.tables
    comparison = table.rows[0].comparison
    assert comparison is not None
    assert lines.loc["net", "difference_low"] == comparison.difference.low
    assert lines.loc["net", "p_holm"] == comparison.p_holm >= lines.loc["net", "p"]
    assert lines.loc["net", "verdict"] == comparison.verdict
    np.testing.assert_equal(lines.loc["net", "smallest_difference"], comparison.smallest)
    assert (lines.loc["net", "compared_images"], lines.loc["net", "test_images"]) == (6, 6)


def test_runs_predictions_and_history_are_told_apart_by_the_run(
    runs: Runs, results: Results
) -> None:
    folders = {run.folder.name: run for run in runs.store.runs()}
    finished = {name for name, run in folders.items() if run.outcome.state == "finished"}
    assert set(results.runs["run"]) == set(results.predictions["run"]) == finished
    by_run = results.runs.set_index("run")
    assert {name: by_run.loc[name, "seed"] for name in finished} == {
        name: folders[name].cell.seed for name in finished
    }
    for name, frame in results.predictions.groupby("run"):
        stored = folders[str(name)].predictions_frame()
        pd.testing.assert_frame_equal(
            frame.drop(columns="run").reset_index(drop=True), stored, check_names=False
        )
    # Nothing was trained here; a run that was has a line a validation.
    assert results.history.empty
    name = min(finished)
    validation = Validation(
        iteration=10,
        lr=0.01,
        train_loss=0.7,
        validation_loss=0.6,
        validation_auc=0.5,
        decision="improved",
        best=True,
        train_seconds=1.0,
    )
    runs.store.write_history(folders[name].folder, [validation])
    again = load_results(runs.store, scorer=Scorer(Resampling(count=50)))
    assert again.history.to_dict("records") == [{"run": name, **vars(validation)}]


def test_findings_are_a_frame_of_their_own(runs: Runs, results: Results) -> None:
    assert results.findings.empty
    add_labels(runs, "net", LABELS_ANSWERED)
    both = load_results(runs.store, scorer=Scorer(Resampling(count=50)))
    findings = both.findings.set_index("finding")
    assert findings["support"].to_dict() == {"Mass": 3, "Nodule": 2, "Hernia": 0}
    assert findings.loc["Mass", "auc"] == pytest.approx(8 / 9)
    assert np.isnan(findings.loc["Hernia", "auc"])
    # Each knows its row.
    assert set(both.rows.loc[both.findings.index, "task"]) == {"findings14"}


def test_a_notebook_shows_who_is_better(results: Results) -> None:
    html = results._repr_html_()
    assert html.count("<tr") == 5
    assert "0.889" in html
    assert "verdict" in html
    assert "macro_auc" not in html
