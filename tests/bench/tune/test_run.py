"""A tuning as a whole, in this process."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from optuna.trial import TrialState

from bench.errors import InputError
from bench.runs.records import FailedTuningRecord, Spent
from bench.runs.store import Store
from bench.tune import parse_budget
from bench.tune.search import Search
from bench.tune.show import stored_studies
from tests.bench.cli.images import write_manifest
from tests.bench.tune.conftest import Tune, facts

STEPS = 6  # of a whole training


def test_trials_are_counted_the_best_is_run_again_and_both_are_recorded(tune: Tune) -> None:
    tuned = tune("trials=7", seeds=[4, 2])
    assert (tuned.failed, tuned.runs.finished, tuned.runs.failed) == ({}, 3, 0)
    trials = tune.only()
    assert [trial.number for trial in trials] == list(range(7))
    assert len({tuple(trial.params.values()) for trial in trials}) == 7
    finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    best = max(finished, key=lambda trial: trial.value or 0.0)
    for trial in finished:
        assert trial.value == max(trial.intermediate_values.values())

    record = tune.record()
    assert (record.trial, record.winner, record.validation_auc) == (
        best.number,
        best.params,
        best.value,
    )
    iterations = [2 * len(trial.intermediate_values) for trial in trials]
    seconds = [trial.user_attrs["outcome"]["train_seconds"] for trial in trials]
    assert record.spent == Spent(
        trials=7,
        finished=len(finished),
        pruned=7 - len(finished),
        failed=0,
        iterations=sum(iterations),
        train_seconds=pytest.approx(sum(seconds)),
    )
    assert (record.budget, record.seed, record.seeds) == ({"trials": 7}, 1000, (2, 4))
    assert (record.experiment, record.model, record.loss) == ("demo", "narrow", "ce")
    assert record.searched["train.decay_factor"] == "2.0, 5.0 or 10.0"
    assert record.storage == "sqlite"

    runs = {run.folder.name: run for run in Store(tune.out).runs() if run.cell.kind == "network"}
    assert set(runs) == set(record.runs)
    assert {run.cell.seed for run in runs.values()} == {4, 2}
    for run in runs.values():
        settings = {f"train.{key}": value for key, value in run.cell.settings["train"].items()}
        assert {key: settings[key] for key in best.params} == best.params


def test_a_trial_keeps_its_history_and_answers_nothing(tune: Tune) -> None:
    tune("trials=3")
    (study,) = (tune.out / "tuning" / "trials").iterdir()
    folders = sorted(study.glob("narrow-*"))
    assert len(folders) == 3
    told = [list(trial.intermediate_values.values()) for trial in tune.only()]
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == {
            "config.yaml",
            "data.json",
            "environment.json",
            "experiment.yaml",
            "history.csv",
            "run.json",
        }
        history = pd.read_csv(folder / "history.csv")
        assert history["iteration"].tolist() == list(range(2, 2 * len(history) + 1, 2))
        assert pytest.approx(history["validation_auc"].tolist()) in told


def test_the_first_trial_has_the_settings_of_the_config_or_the_nearest(tune: Tune) -> None:
    tune("trials=1", train__lr=0.5, train__decay_factor=4.0, train__patience=3)
    (trial,) = tune.only()
    assert trial.params == {
        "train.lr": 0.1,
        "train.decay_factor": 2.0,
        "train.patience": 3,
        "train.weight_decay": 1e-6,
        "train.momentum": 0.9,
    }


def test_again_does_nothing_and_a_larger_budget_goes_on(tune: Tune) -> None:
    tune("trials=3")
    first = facts(tune.only())
    again = tune("trials=3")
    assert (again.runs.finished, again.runs.already) == (0, 2)
    assert facts(tune.only()) == first
    tune("trials=5", seeds=[1])
    trials = facts(tune.only())
    assert (len(trials), trials[:3]) == (5, first)
    record = tune.record()
    assert record.budget == {"trials": 5}
    if record.trial < 3:
        assert record.seeds == (0, 1)


@pytest.mark.parametrize(
    ("given", "below", "said"),
    [
        ("trials=4", "trials=2", "4 trials in an earlier tuning, more than 2 trials"),
        ("trials=4", "iterations=10", " iterations in an earlier tuning, more than 10 iterations"),
        ("iterations=14", "iterations=10", "14 iterations in an earlier tuning, more than 10"),
        ("iterations=14", "trials=2", "3 trials in an earlier tuning, more than 2 trials"),
        (
            "iterations=14",
            "minutes=0.000001",
            " minutes in an earlier tuning, more than 1e-06 minutes",
        ),
    ],
)
def test_a_budget_below_what_was_spent_is_refused_before_anything_starts(
    tune: Tune, given: str, below: str, said: str
) -> None:
    none = {"pruner": "none"}
    tune(given, plan=none)
    record, trials = tune.record(), facts(tune.only())
    with pytest.raises(InputError, match="--budget: narrow ce has spent") as refused:
        tune(below, models=["two_widths", "narrow"], plan=none)
    assert said in str(refused.value)
    assert "give a larger --budget, or another --out or --tuning-seed" in str(refused.value)
    assert (tune.record(), facts(tune.only_of("narrow"))) == (record, trials)
    assert tune.only_of("two_widths") == []
    with stored_studies(Store(tune.out), None) as studies:
        assert [one.about["budget"] for one in studies] == [record.budget]


@pytest.mark.parametrize("again", ["iterations=13", "iterations=14", "trials=3"])
def test_what_a_cut_trial_was_over_the_budget_is_not_held_against_it(
    tune: Tune, again: str
) -> None:
    none = {"pruner": "none"}
    tune("iterations=13", plan=none)
    assert tune.record().spent.iterations == 14
    trials = facts(tune.only())
    tune(again, plan=none)
    assert facts(tune.only()) == trials
    assert tune.record().budget == parse_budget(again).as_dict()


def test_what_several_workers_were_over_the_budget_is_not_held_against_it(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune("iterations=13")
    cost = replace(tune.record().spent, iterations=16)  # two trials were cut
    monkeypatch.setattr(Search, "spent", lambda _: cost)
    tune("iterations=13")
    with pytest.raises(InputError, match="has spent 16 iterations"):
        tune("iterations=12")


def test_an_interrupted_trial_is_held_against_a_smaller_budget(tune: Tune) -> None:
    tune.interrupted("trials=3")
    with pytest.raises(InputError, match="has spent 6 iterations"):
        tune("iterations=3")
    tune("trials=1")
    assert tune.record().spent.trials == 1


def test_the_runs_of_earlier_winners_are_kept_apart_from_the_winner_s(tune: Tune) -> None:
    """Of a space of three points, the first of which is no better than chance."""

    def by_lean() -> dict[int, set[str]]:
        found: dict[int, set[str]] = {0: set(), 1: set(), -1: set()}
        for run in Store(tune.out).runs():
            if run.cell.kind == "network":
                lean = run.cell.settings["model"]["options"]["lean"]
                found[lean].add(run.folder.name)
        return found

    leaning: dict[str, Any] = {"models": ["leaning"]}
    tune("trials=1", seeds=[0, 1], **leaning)
    first = tune.record()
    assert (first.validation_auc, len(first.runs), first.superseded) == (0.5, 2, ())
    tune("trials=3", seeds=[2], **leaning)
    second = tune.record()
    assert second.validation_auc > 0.5
    assert set(second.superseded) == by_lean()[0] == set(first.runs)
    assert set(second.runs) == by_lean()[second.winner["model.options.leaning.lean"]]
    # And again, with other seeds of the same winner.
    tune("trials=4", seeds=[3], **leaning)
    third = tune.record()
    assert (third.seeds, len(third.runs), third.superseded) == ((2, 3), 2, second.superseded)


def test_the_runs_of_all_earlier_winners_are_kept_in_the_record(tune: Tune) -> None:
    """Each change of the winner adds to them, and none is both."""
    store = Store(tune.out)
    tune("trials=1")
    record = tune.record()
    store.record_tuning(
        replace(record, winner={"train.lr": 0.5}, runs=("b", "c"), superseded=("a", *record.runs))
    )
    tune("trials=1")
    again = tune.record()
    assert (again.runs, again.superseded) == (record.runs, ("a", "b", "c"))


def test_a_record_of_the_first_versions_is_read(tune: Tune) -> None:
    tune("trials=1")
    record = tune.record()
    (file,) = (tune.out / "tuning").glob("*.json")
    content = json.loads(file.read_text())
    del content["superseded"]
    file.write_text(json.dumps(content))
    assert tune.record() == record


@pytest.mark.parametrize(
    ("sampler", "pruner", "count"), [("tpe", "median", 12), ("random", "none", 4)]
)
def test_the_same_search_twice_gives_the_same_trials(
    tmp_path: Path, sampler: Any, pruner: Any, count: int
) -> None:
    """Beyond the first ten trials, which TPE draws at random."""
    found = []
    for name in ("one", "two"):
        tune = Tune(tmp_path / name)
        plan = {"sampler": sampler, "pruner": pruner}
        tune(f"trials={count}", plan=plan, train__max_iterations=8)
        found.append(facts(tune.only()))
    assert found[0] == found[1]
    assert (pruner == "median") == any(trial[1] == "PRUNED" for trial in found[0])


def test_another_seed_or_sampler_or_setting_is_another_study(tune: Tune) -> None:
    tune("trials=2")
    tune("trials=2", plan={"seed": 1})
    tune("trials=2", plan={"sampler": "random"})
    tune("trials=2", train__batch_size=10)
    studies = tune.trials()
    assert len(studies) == 4
    assert all(len(trials) == 2 for trials in studies.values())
    seconds = {tuple(trials[1].params.values()) for trials in studies.values()}
    assert len(seconds) == 2  # TPE's first trials are random ones, and know nothing of batches
    assert len(Store(tune.out).tunings()) == 4


def test_every_model_and_loss_gets_the_same_and_the_last_trial_is_cut(tune: Tune) -> None:
    tune("iterations=14", models=["narrow", "moody"], plan={"pruner": "none"})
    records = Store(tune.out).tunings()
    assert len(records) == 2
    for record in records:
        assert 14 <= record.spent.iterations < 16
    trials = next(one for name, one in tune.trials().items() if name.startswith("narrow-ce"))
    assert [trial.user_attrs["outcome"]["ended"] for trial in trials] == [
        "finished",
        "finished",
        "budget",
    ]
    assert len(trials[-1].intermediate_values) == 1


def test_minutes_are_those_in_training(tune: Tune) -> None:
    tune("minutes=0.001")
    seconds = [trial.user_attrs["outcome"]["train_seconds"] for trial in tune.only()]
    assert sum(seconds) >= 0.06
    assert sum(seconds[:-1]) < 0.06  # no other was begun in vain


def test_a_failed_trial_counts_with_its_reason_and_the_search_goes_on(tune: Tune) -> None:
    tune("trials=8", models=["moody"])
    trials = tune.only()
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert 0 < len(failed) < 8
    for trial in trials:
        odd = trial.params["model.options.moody.width"] == 3
        assert odd == (trial.state == TrialState.FAIL)
    for trial in failed:
        assert trial.user_attrs["outcome"]["reason"] == "RuntimeError: an odd width"
        assert trial.user_attrs["outcome"]["iterations"] == 2
    record = tune.record()
    assert (record.spent.failed, record.spent.trials) == (len(failed), 8)
    assert record.winner["model.options.moody.width"] == 4


def test_a_model_without_a_winner_is_named_and_the_others_go_on(
    tune: Tune, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned = tune("trials=2", models=["hopeless", "narrow"])
    assert tuned.failed == {
        "hopeless ce": "none of 2 trials was trained to its end; the last that failed: "
        "RuntimeError: an odd width"
    }
    assert "hopeless ce failed: none of 2 trials" in capsys.readouterr().err
    assert tune.record().model == "narrow"
    (failed,) = Store(tune.out).failed_tunings()
    assert failed == FailedTuningRecord(
        study=next(name for name in tune.trials() if name.startswith("hopeless-ce-")),
        experiment="demo",
        task="m1",
        model="hopeless",
        loss="ce",
        budget={"trials": 2},
        reason=tuned.failed["hopeless ce"],
        spent=Spent(trials=2, finished=0, pruned=0, failed=2, iterations=4, train_seconds=0.0),
    )
    short = tune("iterations=2", plan={"seed": 1})
    assert short.failed == {
        "narrow ce": "none of 1 trials was trained to its end: give a larger --budget"
    }


def test_a_tuning_that_failed_is_kept_until_it_has_a_winner(tune: Tune) -> None:
    tune("iterations=2")
    store = Store(tune.out)
    (failed,) = store.failed_tunings()
    assert (failed.budget, failed.spent.iterations) == ({"iterations": 2}, 2)
    assert store.tunings() == []
    tune("iterations=20")
    assert store.failed_tunings() == []
    assert tune.record().study == failed.study


def test_a_damaged_record_of_a_failed_tuning_is_named(tune: Tune) -> None:
    tune("iterations=2")
    (file,) = (tune.out / "tuning" / "failed").glob("*.json")
    file.write_text("{}")
    with pytest.raises(InputError, match=f"record {file.name} of a tuning is damaged"):
        Store(tune.out).failed_tunings()


def test_a_search_that_only_fails_ends_within_an_endless_budget(tune: Tune) -> None:
    space = {"model__options": {"moody": {"width": 3}}}
    fixed = {"fixed": ("model.options",)}
    tuned = tune("minutes=1000", models=["moody"], plan=fixed, **space)
    assert tuned.failed == {
        "moody ce": "none of 20 trials was trained to its end: 20 trials failed in a row; "
        "the last that failed: RuntimeError: an odd width"
    }


def test_a_small_space_is_searched_once_and_no_more(tune: Tune) -> None:
    tune("trials=9", models=["two_widths"])
    ended = [trial.user_attrs["outcome"]["ended"] for trial in tune.only()]
    assert sorted(ended)[:2] == ["finished", "finished"]
    assert set(ended[-20:]) == {"repeated"}
    record = tune.record()
    assert (record.spent.trials, record.spent.failed) == (2, 0)
    count = len(ended)
    tune("trials=9", models=["two_widths"])
    assert len(tune.only()) == count


def test_what_is_fixed_is_not_searched(tune: Tune) -> None:
    tune("trials=3", train__lr=0.5, plan={"fixed": ("train.lr", "train.batch_size")})
    assert all("train.lr" not in trial.params for trial in tune.only())
    run = next(run for run in Store(tune.out).runs() if run.cell.kind == "network")
    assert run.cell.settings["train"]["lr"] == 0.5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeds": [0, 1000]}, "seed 1000 is that of the trials"),
        ({"plan": {"fixed": ("train",)}}, "nothing is left to search for narrow"),
        ({"vary__train__lr": [0.1, 0.2]}, "varies train.lr, and a tuning is of one level"),
        ({"train__nesterov": True}, "searching train.momentum: train: nesterov needs"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(
    tune: Tune, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        tune(**changes)
    assert not tune.out.exists()


def test_one_level_that_is_left_of_what_is_varied_is_tuned(tune: Tune) -> None:
    tune("trials=1", vary__train__lr=[0.03])
    (trial,) = tune.only()
    assert trial.params["train.lr"] == 0.03


def test_the_labels_of_the_test_part_change_nothing(tmp_path: Path) -> None:
    """A trial that looked at them, or a choice by them, would show here."""
    parts = ("train",) * 36 + ("validation",) * 12 + ("test",) * 12
    found = []
    for name in ("honest", "poisoned"):
        folder = write_manifest(tmp_path / name, splits=parts)
        if name == "poisoned":
            file = folder / "manifest.csv"
            lines = file.read_text().splitlines()
            other = {"normal": "Effusion", "Effusion": "normal"}
            swapped = [
                ",".join(other.get(word, word) for word in line.split(","))
                if line.endswith(",test")
                else line
                for line in lines
            ]
            assert swapped != lines
            file.write_text("\n".join(swapped) + "\n")
        tune = Tune(tmp_path / f"{name} runs")
        tune(
            "trials=12",
            data__source="manifest",
            data__root=folder,
            data__split="fixed",
            data__options={},
            plan={"pruner": "hyperband"},
        )
        ((study, trials),) = tune.trials().items()
        record = tune.record()
        (run,) = (run for run in Store(tune.out).runs() if run.cell.kind == "network")
        found.append(
            (study, facts(trials), record.winner, record.validation_auc, run.cell.settings)
        )
        predictions = run.predictions_frame()
        found[-1] += (predictions["probability"].tolist(),)  # type: ignore[assignment]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "text", ["", "20", "trials", "trials=", "trials=0", "trials=-3", "trials=2.5", "minutes=nan",
             "minutes=inf", "epochs=3", "iterations=1e4"]
)  # fmt: skip
def test_a_wrong_budget_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="write trials=20, iterations=50000 or minutes=90"):
        parse_budget(text)


def test_a_budget_in_words() -> None:
    assert str(parse_budget("iterations=50000")) == "50,000 iterations"
    assert str(parse_budget("minutes=1.5")) == "1.5 minutes"
    assert parse_budget(" trials = 20 ").as_dict() == {"trials": 20}
