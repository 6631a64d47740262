"""A tuning as a whole, in this process."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from optuna.trial import TrialState

from bench.doctor import examine
from bench.errors import InputError
from bench.evaluate.scorer import Scorer
from bench.execute.cell_runner import CellRunner
from bench.progress import PlainProgress
from bench.runs.cells import Cell
from bench.runs.records import FailedTuningRecord, Spent
from bench.runs.store import Store
from bench.train.errors import TrainingFailedError
from bench.tuning import Plan, default_budget, parse_budget, tune_experiment
from bench.tuning import trials as trials_module
from bench.tuning.plan import RERUN_SEEDS
from bench.tuning.space import RECIPE, settings_at
from bench.tuning.study import Search
from bench.tuning.trials import COST, FAILED, SKIPPED, ranked
from tests.bench.cli.images import write_manifest
from tests.bench.tuning.conftest import PAPER, Tune, facts, iterations


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Tune:
    """Seven trials of a network, and its winner with two seeds."""
    tune = Tune(tmp_path_factory.mktemp("tuned") / "runs")
    outcome = tune("trials=7", seeds=[4, 2], train__lr=0.5, train__decay_factor=4.0)
    assert (outcome.failed, outcome.runs.finished, outcome.runs.failed) == ({}, 3, 0)
    return tune


def test_what_was_spent_and_what_won_is_recorded(tuned: Tune) -> None:
    trials, record = tuned.trials(), tuned.record()
    assert len({tuple(trial.params.values()) for trial in trials}) == len(trials) == 7
    finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    best = trials[record.trial]
    assert record.winner == settings_at(best.params)
    for trial in finished:
        assert trial.value == max(trial.intermediate_values.values())
    for trial in trials:
        assert iterations(trial) == 2 * len(trial.intermediate_values)
    seconds = sum(trial.user_attrs[COST]["train_seconds"] for trial in trials)
    assert record.spent.train_seconds == pytest.approx(seconds)
    assert record.spent == Spent(
        trials=7,
        finished=len(finished),
        pruned=7 - len(finished),
        failed=0,
        iterations=sum(map(iterations, trials)),
        train_seconds=record.spent.train_seconds,
    )
    assert (record.budget, record.seed, record.seeds) == ({"trials": 7}, 1000, (2, 4))
    assert (record.experiment, record.model, record.loss) == ("demo", "narrow", "ce")
    assert record.searched["paper: train.decay_factor"] == "2.0, 5.0 or 10.0"
    assert record.storage == "sqlite"


def test_the_best_three_trials_are_trained_again_and_the_best_mean_wins(tuned: Tune) -> None:
    trials, record = tuned.trials(), tuned.record()
    reruns = record.reruns
    assert reruns is not None
    best = ranked(trials)[:3]
    assert {candidate.trial for candidate in reruns.candidates} == {t.number for t in best}
    assert not {*reruns.seeds} & {record.seed, *record.seeds}
    means = [candidate.mean for candidate in reruns.candidates]
    assert means == sorted(means, reverse=True)  # type: ignore[type-var]
    winner = reruns.candidates[0]
    assert (record.trial, record.winner, record.validation_auc) == (
        winner.trial, winner.settings, winner.mean,
    )  # fmt: skip
    (study,) = (tuned.out / "tuning" / "trials").iterdir()
    steps = 0
    for position, seed in enumerate(reruns.seeds, start=1):
        found = [pd.read_csv(file) for file in study.glob(f"narrow-ce-s{seed}-*/history.csv")]
        steps += sum(int(history["iteration"].max()) for history in found)
        assert sorted(history["validation_auc"].max() for history in found) == sorted(
            candidate.validation_aucs[position] or 0.0 for candidate in reruns.candidates
        )
    for candidate in reruns.candidates:
        assert candidate.validation_aucs[0] == trials[candidate.trial].value
    assert reruns.iterations == steps


@pytest.mark.usefixtures("all_candidates")
def test_a_candidate_whose_rerun_fails_is_not_taken(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = CellRunner.train

    def train(self: CellRunner, cell: Cell, folder: Path, **more: Any) -> Any:
        is_rerun = cell.seed in RERUN_SEEDS
        if is_rerun and cell.network.train.recipe == "paper":
            raise TrainingFailedError("the training loss is nan")
        return real(self, cell, folder, **more)

    monkeypatch.setattr(CellRunner, "train", train)
    tune("trials=2")
    record = tune.record()
    assert record.reruns is not None
    modern, paper = record.reruns.candidates
    assert record.winner["train.recipe"] == modern.settings["train.recipe"] == "modern"
    assert (paper.validation_aucs[1:], paper.mean) == ((None, None), None)

    # What failed is tried again, as a failed run is: it may have been the disk or the memory.
    monkeypatch.setattr(CellRunner, "train", real)
    tune("trials=2")
    record = tune.record()
    assert record.reruns is not None
    assert None not in [auc for each in record.reruns.candidates for auc in each.validation_aucs]


def test_the_winner_is_run_with_fresh_seeds_as_ordinary_runs(tuned: Tune) -> None:
    record = tuned.record()
    runs = {run.folder.name: run for run in Store(tuned.out).runs() if run.cell.kind == "network"}
    assert set(runs) == set(record.runs)
    assert {run.cell.seed for run in runs.values()} == {4, 2}
    for run in runs.values():
        settings = run.cell.dotted
        numbers = {k: v for k, v in record.winner.items() if k != "train.augment"}
        assert {key: settings[key] for key in numbers} == numbers


def test_the_first_trials_are_the_config_s_settings_and_the_other_recipe_s(tuned: Tune) -> None:
    first, second, *others = tuned.trials()
    assert (first.params[RECIPE], first.params["paper: train.decay_factor"]) == ("paper", 2.0)
    assert (second.params[RECIPE], second.params["modern: train.lr"]) == ("modern", 3e-4)
    for trial in others:
        recipe = trial.params["train.recipe"]
        assert all(name.startswith(f"{recipe}: ") for name in trial.params.keys() - {RECIPE})


def test_a_start_outside_the_space_is_said_before_the_first_trial(
    tune: Tune, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Search, "run", lambda _: "nothing is trained here")
    plan = Plan(budget=parse_budget("trials=1"))
    experiment = tune.experiment(models=["narrow", "leaning"], train__lr=0.5)
    tune_experiment(
        experiment, plan, out=tune.out, device=torch.device("cpu"), progress=PlainProgress()
    )
    said = capsys.readouterr().out
    assert said.count("first trial of paper has train.lr=0.1 instead of 0.5, which is outside") == 1


def test_a_trial_keeps_its_history_and_predicts_nothing(tuned: Tune) -> None:
    (study,) = (tuned.out / "tuning" / "trials").iterdir()
    folders = sorted(study.glob("narrow-ce-s1000-*"))
    assert len(folders) == 7
    reported = [list(trial.intermediate_values.values()) for trial in tuned.trials()]
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == {
            "config.yaml", "data.json", "environment.json", "experiment.yaml", "history.csv",
            "run.json",
        }  # fmt: skip
        history = pd.read_csv(folder / "history.csv")
        assert history["iteration"].tolist() == list(range(2, 2 * len(history) + 1, 2))
        assert pytest.approx(history["validation_auc"].tolist()) in reported


def test_a_tuning_is_whole_and_a_damaged_trial_is_found(tuned: Tune) -> None:
    store, scorer = Store(tuned.out), Scorer()
    assert examine(store, scorer=scorer)[1] == []
    history = next(tuned.out.glob("tuning/trials/*/*/history.csv"))
    content = history.read_bytes()
    history.write_bytes(content[:-3])
    (finding,) = examine(store, scorer=scorer)[1]
    assert finding.name == str(history.parent.relative_to(tuned.out))
    history.write_bytes(content)


@pytest.mark.usefixtures("all_candidates")
def test_a_damaged_rerun_is_trained_again_and_a_damaged_winner_is_left(tune: Tune) -> None:
    tune("trials=2")
    record = tune.record()
    ends = [json.loads(end.read_text()) for end in tune.out.glob("tuning/trials/*/*/run.json")]
    assert any(end["costs"] for end in ends)  # of the reruns
    for history in tune.out.glob("tuning/trials/*/*/history.csv"):
        history.write_text(history.read_text()[:-3])
    winner = tune.out / record.runs[0] / "predictions.csv"
    winner.write_text(winner.read_text()[:-3])
    damaged = winner.read_bytes()
    tuned = tune("trials=2")
    assert (tuned.failed, tuned.runs.finished, tuned.runs.unusable) == ({}, 0, 1)
    assert winner.read_bytes() == damaged
    again = tune.record()
    assert again.reruns is not None
    assert record.reruns is not None
    assert again.reruns.candidates == record.reruns.candidates


def test_again_does_nothing_and_a_larger_budget_goes_on(tune: Tune) -> None:
    tune("trials=2")
    first = facts(tune.trials())
    again = tune("trials=2")
    assert (again.runs.finished, again.runs.already) == (0, 2)
    assert facts(tune.trials()) == first
    tune("trials=3", seeds=[1])
    trials = facts(tune.trials())
    assert (len(trials), trials[:2]) == (3, first)
    assert tune.record().budget == {"trials": 3}


def test_a_budget_below_what_was_spent_is_refused_before_anything_starts(tune: Tune) -> None:
    # The last trial is cut at its next validation, beyond the budget.
    tune("iterations=9")
    record, trials = tune.record(), tune.trials()
    assert (len(trials), record.spent.iterations) == (2, 10)
    for budget, spent in (
        ("iterations=8", "10 iterations in an earlier tuning, more than 8 iterations"),
        ("trials=1", "2 trials in an earlier tuning, more than 1 trial"),
        ("minutes=0.000001", " minutes in an earlier tuning, more than 1e-06 minutes"),
    ):
        with pytest.raises(InputError, match="narrow ce has spent") as refused:
            tune(budget, models=["two_widths", "narrow"])
        assert spent in str(refused.value)
        assert "give a larger budget, or another folder" in str(refused.value)
    assert (tune.record(), facts(tune.trials("narrow"))) == (record, facts(trials))
    assert tune.trials("two_widths") == []
    for budget in ("iterations=9", "trials=2"):
        tune(budget)
        assert facts(tune.trials("narrow")) == facts(trials)


def test_the_runs_of_earlier_winners_are_kept_apart_from_the_winner_s(tune: Tune) -> None:
    """The first of the three points of the space is no better than chance."""

    def runs_of(lean: Any) -> set[str]:
        return {
            run.folder.name
            for run in Store(tune.out).runs()
            if run.cell.dotted.get("model.options.lean") == lean
        }

    tune("trials=1", seeds=[0, 1], models=["leaning"], plan=PAPER)
    first = tune.record()
    assert (first.validation_auc, len(first.runs), first.superseded) == (0.5, 2, ())
    tune("trials=3", seeds=[2], models=["leaning"], plan=PAPER)
    second = tune.record()
    assert second.validation_auc > 0.5
    assert set(second.superseded) == runs_of(0) == set(first.runs)
    assert set(second.runs) == runs_of(second.winner["model.options.leaning.lean"])
    # And again, with other seeds of the same winner.
    tune("trials=3", seeds=[3], models=["leaning"], plan=PAPER)
    third = tune.record()
    assert (third.seeds, len(third.runs), third.superseded) == ((2, 3), 2, second.superseded)


def test_another_setting_is_another_study_and_another_budget_is_not(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Search, "run", lambda _: "nothing is trained here")
    for budget in ("trials=1", "trials=2", "minutes=1"):
        tune(budget)
    assert len(Store(tune.out).failed_tunings()) == 1
    tune(train__batch_size=10)
    tune(train__lr=0.03)
    assert len(Store(tune.out).failed_tunings()) == 3


@pytest.mark.usefixtures("all_candidates")
def test_every_model_and_loss_gets_the_same(tune: Tune) -> None:
    tune("iterations=9", models=["narrow", "moody"], losses=["ce", "sin"])
    records = Store(tune.out).tunings()
    assert len(records) == 4
    for record in records:
        # The last trial is cut at its next validation, and none is begun after it.
        assert 9 <= record.spent.iterations < 9 + 2
        assert record.reruns is not None
        # As many trainings, of 6 iterations each where none ends early or fails.
        assert len(record.reruns.candidates) == min(3, record.spent.finished)


def test_the_default_budget_is_ten_trainings(tune: Tune) -> None:
    assert str(default_budget(tune.experiment())) == "60 iterations"


def test_minutes_are_those_in_training(tune: Tune) -> None:
    tune("minutes=0.0005")
    seconds = [trial.user_attrs[COST]["train_seconds"] for trial in tune.trials()]
    assert sum(seconds) >= 0.03
    assert sum(seconds[:-1]) < 0.03  # no other was begun in vain


def test_a_failed_trial_counts_with_its_reason_and_the_search_goes_on(tune: Tune) -> None:
    tune("trials=4", models=["moody"], plan=PAPER)
    trials = tune.trials()
    for trial in trials:
        odd = trial.params["paper: model.options.moody.width"] == 3
        assert odd == (trial.state == TrialState.FAIL)
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert 0 < len(failed) < 4
    for trial in failed:
        assert trial.user_attrs[FAILED] == "RuntimeError: an odd width"
        assert iterations(trial) == 2  # the interval in which it failed
    record = tune.record()
    assert (record.spent.failed, record.spent.trials) == (len(failed), 4)
    assert record.winner["model.options.moody.width"] == 4


def test_a_model_without_a_winner_is_recorded_and_the_others_go_on(
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
    assert re.fullmatch("hopeless-ce-[0-9a-f]{16}", failed.study)
    assert failed == FailedTuningRecord(
        study=failed.study,
        experiment="demo",
        task="m1",
        model="hopeless",
        loss="ce",
        budget={"trials": 2},
        reason=tuned.failed["hopeless ce"],
        spent=Spent(trials=2, finished=0, pruned=0, failed=2, iterations=4, train_seconds=0.0),
    )


def test_a_model_that_cannot_be_trained_is_not_searched_and_the_others_are(tune: Tune) -> None:
    tuned = tune("trials=1", models=["lost", "narrow"])
    reason = (
        "model 'lost' fails in training mode on 2 images of 1×32×32: RuntimeError: an odd width"
    )
    assert tuned.failed == {"lost ce": reason}
    assert tuned.runs.failed == 0
    assert tune.record().model == "narrow"
    assert tune.trials("lost") == []
    (failed,) = Store(tune.out).failed_tunings()
    assert (failed.model, failed.reason, failed.spent.trials) == ("lost", reason, 0)


def test_a_tuning_that_failed_is_kept_until_it_has_a_winner(tune: Tune) -> None:
    tuned = tune("iterations=2")
    assert tuned.failed == {
        "narrow ce": "none of 1 trials was trained to its end: give a larger budget"
    }
    store = Store(tune.out)
    (failed,) = store.failed_tunings()
    assert (failed.budget, failed.spent.iterations) == ({"iterations": 2}, 2)
    assert store.tunings() == []
    tune("iterations=14")
    assert store.failed_tunings() == []
    assert tune.record().study == failed.study


def test_a_repeated_point_is_not_trained_and_not_counted(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials_module, "VAIN_TRIALS_THAT_END", 4)
    tune("trials=9", models=["two_widths"], plan=PAPER)
    trials = tune.trials()
    evaluated = [trial for trial in trials if SKIPPED not in trial.user_attrs]
    assert {trial.params["paper: model.options.two_widths.width"] for trial in evaluated} == {2, 4}
    assert len(evaluated) == 2
    record = tune.record()
    assert (record.spent.trials, record.spent.failed, record.spent.iterations) == (2, 0, 12)
    # The space is exhausted, and stays so.
    tune("trials=9", models=["two_widths"], plan=PAPER)
    assert len(tune.trials()) == len(trials)


def test_what_is_fixed_is_not_searched_and_one_level_of_what_is_varied_is_tuned(
    tune: Tune,
) -> None:
    fixed = {"fixed": ("train.momentum", "train.batch_size", "train.recipe")}
    tune("trials=2", vary__train__lr=[0.03], train__momentum=0.25, plan=fixed)
    first, second = tune.trials()
    assert first.params["paper: train.lr"] == 0.03
    assert "paper: train.momentum" not in first.params.keys() | second.params.keys()
    run = next(run for run in Store(tune.out).runs() if run.cell.kind == "network")
    assert run.cell.dotted["train.momentum"] == 0.25


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seeds": [0, 1000]}, "seed 1000 is that of the trials"),
        ({"seeds": [10_000_001]}, "seed 10000001 is that of the trials"),
        ({"plan": {"fixed": ("train",)}}, "nothing is left to search for narrow"),
        ({"vary__train__lr": [0.1, 0.2]}, "varies train.lr, and a tuning is of one level"),
        ({"train__nesterov": True}, "searching train.momentum: train: nesterov needs"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(
    tune: Tune, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        tune(**changes)
    assert not tune.out.exists()


@pytest.mark.usefixtures("all_candidates")
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
            "trials=2",
            data__source="manifest",
            data__root=folder,
            data__split="fixed",
            data__options={},
        )
        record = tune.record()
        (run,) = (run for run in Store(tune.out).runs() if run.cell.kind == "network")
        found.append(
            (
                facts(tune.trials()),
                (record.study, record.winner, record.validation_auc),
                run.cell.dotted,
                run.predictions()["test"].probabilities.tolist(),
            )
        )
    assert found[0] == found[1]
