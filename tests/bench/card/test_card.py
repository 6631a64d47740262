"""The card of a run: every figure is its results', and what nobody knows is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.special import expit

import bench
from bench.card.card import Exported, model_card
from bench.card.checklist import checklists
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.external import external_tables
from bench.evaluate.results import Results
from bench.evaluate.scorer import Scorer
from bench.runs.run import Run
from bench.runs.store import Store
from tests.bench.evaluate.external_runs import add_external, made
from tests.bench.export.real_runs import kermany_part, train


def test_figures_data_and_hashes_are_those_of_the_results(run: Run, results: Results) -> None:
    card = model_card(run, results)
    (row,) = [row for row in results.tables[0].rows if row.kind == "network"]
    auc = row.figures["auc"]
    assert f"{auc.value:.3f} ({auc.low:.3f}–{auc.high:.3f}) |" in card
    assert card.startswith("# Model card: small_for_export ce seed 0\n")
    assert "Research software and not a medical device." in card
    test = run.data.parts["test"]
    assert f"| test       |       {test.images} |" in card
    assert "train and test: 0 patients shared" in card
    assert "A single training: the intervals are for other patients" in card
    assert 'The best control is "brightness", a logistic regression on the mean' in card
    shown = "The network is not shown" if row.below_controls else "The network is shown"
    assert shown in card
    assert "largest Youden's J" in card
    for digest in (run.data.fingerprint, run.data.split.hash, run.checksums["best.pt"]):
        assert digest in card
    assert "bench reproduce runs/small_for_export-ce-s0-" in card
    assert "made with code that is not part of cxnet-bench (a plugin)" in card


def test_what_is_not_known_is_not_stated(run: Run, results: Results) -> None:
    card = model_card(run, results)
    assert "- these weights: not stated" in card
    assert "- the data: not stated" in card
    assert "Not stated: nobody has looked at sex, age or view (`bench export --subgroups`" in card
    assert "## This folder" not in card
    alone = model_card(run, replace(results, tables=()))
    assert "Not stated: the run is in no row of its folder's results." in alone
    assert "Not stated: no control has finished beside it" in alone
    assert "largest Youden's J" in alone  # of its own predictions


def test_an_exported_folder_and_subgroups(run: Run, results: Results) -> None:
    card = model_card(
        run, results, exported=Exported(to="onnx", check="all right"), subgroups="| F | 0.9 |\n"
    )
    assert "| predict.py |" in card
    assert "Checked when it was written: all right." in card
    assert "### Subgroups\n\n| F | 0.9 |\n\n## Limits" in card
    with_weights = model_card(run, results, exported=Exported(to="safetensors", check="good"))
    assert "config.json says what to build them into" in with_weights
    assert "predict.py" not in with_weights


def test_other_data_are_in_card_and_checklist(run: Run, results: Results, tmp_path: Path) -> None:
    card = model_card(run, results)
    assert "### On other data\n\nNot stated: it was not tested on any (`bench evaluate`)." in card
    assert "- Tested on the same source as it was trained on alone.\n" in card
    rng = np.random.default_rng(0)
    parts = {}
    for name, images in (("validation", 60), ("home", 120), ("test", 90)):
        targets = rng.integers(0, 2, images)
        parts[name] = made(name, targets, expit(targets + rng.normal(size=images)))
    add_external(Store(tmp_path), parts)
    (table,) = external_tables(Store(tmp_path).external.runs(), scorer=Scorer(Resampling(count=50)))
    row = replace(table.rows[0], runs=(run.folder.name,))
    tested = replace(results, external=(replace(table, rows=(row,)),))
    card, auc, drop = model_card(run, tested), row.figures["auc"], row.drop
    wanted = f"{auc.value:.3f} ({auc.low:.3f}–{auc.high:.3f}), {abs(drop.value):.3f} "
    assert f"- 1 seed on manifest (there), 90 images: AUC {wanted}" in card
    assert "Tested on the same source" not in card
    item = checklists(tested)[0].items[32]
    assert item.state == "stored"
    assert item.answer.startswith(f"net ce on manifest (there), 90 images: AUC {auc.value:.3f}")


def test_several_seeds_show_the_run_beside_their_mean(tmp_path: Path) -> None:
    trained = train(kermany_part(tmp_path / "data"), tmp_path / "runs", seeds=[0, 1], controls=[])
    run = Store(trained.parent).run(trained.name)
    results = bench.load_results(trained.parent)
    (row,) = results.tables[0].rows
    card = model_card(run, results)
    (line,) = [line for line in card.splitlines() if line.startswith("| AUC ")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1] == f"{row.runs[0].values['auc']:.3f}"
    assert cells[2].startswith(f"{row.figures['auc'].value:.3f} ± ")
    assert "mean of 2 seeds" in card
    assert "A single training" not in card
    assert "Not stated: no control has finished beside it" in card
    claim = checklists(results)[0]
    assert claim.items[26].answer.startswith(
        f"the mean prediction over the seeds, in rows of their own: {row.label}"
    )
    assert claim.items[29].state == "stored"
