"""Tuned rows: what stands in their settings column, and what the search cost."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.evaluate.bootstrap import Resampling
from bench.evaluate.load import load_results
from bench.evaluate.scorer import Scorer
from bench.report import FORMATS
from bench.report.facts import resting_on
from bench.report.sections import sections
from bench.runs.records import Candidate, FailedTuningRecord, Reruns, Spent, TuningRecord
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, TRAINING, Runs

SEARCHED = {"train.lr": "0.0001 to 0.1, log", "train.momentum": "0 to 0.99"}


def tune(runs: Runs, model: str, *, runs_: Sequence[str], **changes: Any) -> None:
    """Record that the settings of some runs were searched for."""
    given: dict[str, Any] = {
        "study": f"{model.replace(':', '-')}-{len(runs.store.tunings())}",
        "experiment": "demo",
        "model": model,
        "loss": "ce",
        "budget": {"trials": 20},
        "spent": Spent(
            trials=20, finished=12, pruned=7, failed=1, iterations=12345, train_seconds=456.7
        ),
        "searched": SEARCHED,
        "winner": {"train.lr": 0.02, "train.momentum": 0.5},
        "trial": 7,
        "validation_auc": 0.8123,
        "seed": 1000,
        "seeds": (0, 1),
        "runs": tuple(runs_),
        "sampler": "TPE",
        "pruner": "median",
        "storage": "sqlite",
    }
    runs.store.record_tuning(TuningRecord(**given | changes))


def add(runs: Runs, model: str, **train: Any) -> list[str]:
    """Two seeds of a network."""
    settings = {"train": {**TRAINING, **train}}
    return [runs.add(model, PERFECT, seed=seed, settings=settings) for seed in (0, 1)]


def test_a_tuned_row_says_so_instead_of_its_settings(runs: Runs) -> None:
    tune(runs, "net", runs_=add(runs, "net", lr=0.02, momentum=0.5))
    tune(runs, "other", runs_=add(runs, "other", lr=0.003))
    assert runs.row("net")["settings"] == runs.row("other")["settings"] == "tuned"
    assert "- **tuned**: settings that were searched for; see the table Tuning." in runs.markdown()
    add(runs, "given", lr=0.5)
    assert runs.row("net")["settings"] == "tuned"
    assert runs.row("given")["settings"] == "as configured"
    assert "- **as configured**: settings that were not searched for." in runs.markdown()
    # What tells it from others that were not tuned, and from all in what nobody searched for.
    add(runs, "given", lr=0.1, batch_size=8)
    found = {row.settings for row in runs.tables()[0].rows if row.model == "given"}
    assert found == {
        "as configured, train.batch_size=32, train.lr=0.5",
        "as configured, train.batch_size=8, train.lr=0.1",
    }


def test_what_was_not_searched_stays_in_the_column(runs: Runs) -> None:
    tune(runs, "net", runs_=add(runs, "net", lr=0.02, batch_size=8))
    tune(runs, "other", runs_=add(runs, "other", lr=0.003, batch_size=16))
    assert runs.row("net")["settings"] == "tuned, train.batch_size=8"


def test_a_models_own_option_is_searched_under_its_name(runs: Runs) -> None:
    own = {"model": {"pretrained": False, "options": {"dropout": 0.3, "width": 8}}}
    name = runs.add("net", PERFECT, settings=own)
    tune(runs, "net", runs_=[name], searched={"model.options.net.dropout": "0 to 0.8"})
    assert runs.row("net")["settings"] == "tuned, model.options.width=8"


def test_two_tunings_of_one_model_are_told_apart(runs: Runs) -> None:
    tune(runs, "net", runs_=add(runs, "net", lr=0.02))
    tune(runs, "net", runs_=add(runs, "net", lr=0.003))
    assert {row.settings for row in runs.tables()[0].rows} == {
        "tuned, train.lr=0.02",
        "tuned, train.lr=0.003",
    }


def test_what_was_spent_and_what_won(runs: Runs) -> None:
    candidates = (
        Candidate(trial=7, settings={}, validation_aucs=(0.81, 0.82)),
        Candidate(trial=2, settings={}, validation_aucs=(0.83, None)),
    )
    reruns = Reruns(candidates=candidates, seeds=(9,), iterations=1200, train_seconds=40.0)
    tune(runs, "net", runs_=add(runs, "net"), reruns=reruns)
    assert runs.row("net", "Tuning") == {
        "model": "net",
        "loss": "ce",
        "weights": "from scratch",
        "budget": "20 trials",
        "trials": "20",
        "pruned": "7",
        "failed": "1",
        "iterations": "12,345",
        "training time (s)": "457",
        "validation AUC": "0.812",
        "seeds": "0 1",
        "winner": "train.lr=0.02, train.momentum=0.5",
        "best trials, with reruns": "trial 7: 0.810 0.820; trial 2: 0.830 –",
    }
    text = runs.notes("Tuning")
    assert resting_on(runs.tables()[0])[-1] == (
        "tuning: every tuned row had a budget of 20 trials; spent: 20 trials, 12,345 iterations, "
        "457 s in training"
    )
    assert "the one with the best mean validation AUC won.\nReruns: 1,200 iterations, 40 s" in text
    assert "Searched: train.lr: 0.0001 to 0.1, log; train.momentum: 0 to 0.99.\n" in text
    assert "sampler TPE, pruner median, seed of the trials 1000.\n" in text
    row = runs.csv().iloc[0]
    # As text: the line of the ensemble has none.
    assert (row["tuning_budget"], int(row["tuning_trials"])) == ("20 trials", 20)
    assert float(row["tuning_train_seconds"]) == 456.7


def test_what_was_spent_by_rows_of_one_budget_is_said_where_it_differs(runs: Runs) -> None:
    for model, trials, iterations, seconds in (("net", 9, 2020, 41.0), ("other", 7, 1990, 60.2)):
        spent = Spent(
            trials=trials, finished=trials, pruned=0, failed=0, iterations=iterations,
            train_seconds=seconds,
        )  # fmt: skip
        tune(runs, model, runs_=add(runs, model), budget={"iterations": 2000}, spent=spent)
    assert resting_on(runs.tables()[0])[-2:] == [
        "tuning: every tuned row had a budget of 2,000 iterations; spent: 7 to 9 trials, "
        "1,990 to 2,020 iterations, 41 to 60 s in training",
        "tuning: what the rows spent differs by more than a tenth: trials and training time",
    ]


def test_the_search_of_a_recipe_is_of_all_that_it_sets(runs: Runs) -> None:
    searched = {"train.recipe": "paper or modern", "modern: train.augment": "none or light"}
    modern = {"optimizer": "adamw", "lr": 0.001, "augment": {"rotate": 5.0}}
    tune(runs, "net", runs_=add(runs, "net"), searched=searched)
    tune(runs, "other", runs_=add(runs, "other", **modern), searched=searched)
    assert runs.row("net")["settings"] == runs.row("other")["settings"] == "tuned"


def test_columns_of_numbers_have_numbers_to_sort_by(runs: Runs) -> None:
    tune(runs, "net", runs_=add(runs, "net"))
    tune(runs, "poor", runs_=add(runs, "poor"), budget={"trials": 100}, seeds=(0, 1, 2))
    columns = [column for each in sections(runs.tables()[0]) for column in each.columns]
    for column in columns:
        if column.kind == "number":
            [float(cell.sort_key or 0) for cell in column.cells]
    by_key = {column.key: [cell.value for cell in column.cells] for column in columns}
    assert (by_key["budget"], by_key["seeds"]) == ([20, 100], [2, 3])


def test_budgets_and_spaces_that_differ_are_said(runs: Runs) -> None:
    tune(runs, "net", runs_=add(runs, "net"))
    tune(runs, "poor", runs_=add(runs, "poor"), budget={"minutes": 1}, searched={"train.lr": "…"})
    runs.add("given", ONE_WRONG, settings={"train": TRAINING})
    runs.add("prior", CHANCE)
    assert resting_on(runs.tables()[0])[-2:] == [
        "tuning: the budgets differ, so that the tuned rows do not compare fairly (net ce: "
        "20 trials; poor ce: 1 minute)",
        "tuning: not tuned, but compared with tuned rows: given ce",
    ]
    text = runs.notes("Tuning")
    assert "Searched for net ce: train.lr: 0.0001 to 0.1, log; train.momentum: 0 to 0.99.\n" in text
    assert "Searched for poor ce: train.lr: ….\n" in text


@pytest.mark.usefixtures("nothing_drawn")
def test_a_tuning_without_a_winner_is_named_in_every_format(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.add("net", PERFECT)
    spent = Spent(trials=3, finished=0, pruned=0, failed=3, iterations=30, train_seconds=2.0)
    reason = "none of 3 trials was trained to its end"
    runs.store.record_failed_tuning(
        FailedTuningRecord(
            study="big-ce-0123",
            experiment="demo",
            task="m1",
            model="big",
            loss="ce",
            budget={"trials": 3},
            reason=reason,
            spent=spent,
        )
    )
    report = load_results(runs.store, scorer=Scorer(Resampling(count=50)))
    sentence = f"tuning big ce (experiment demo, task m1) has no winner: {reason}"
    assert sentence in FORMATS["markdown"](report)
    assert sentence in FORMATS["html"](report)
    assert f"% {sentence}" in FORMATS["latex"](report)
    (failed,) = json.loads(FORMATS["json"](report))["failed_tunings"]
    assert (failed["model"], failed["reason"], failed["spent"]["failed"]) == ("big", reason, 3)
    frame = pd.read_csv(io.StringIO(FORMATS["csv"](report)), keep_default_na=False)
    (row,) = frame[frame["model"] == "big"].to_dict("records")
    assert (row["state"], row["loss"], row["reason"]) == ("failed", "ce", reason)
