"""The surest mistakes of a run."""

from __future__ import annotations

import pytest

from bench.errors import InputError
from bench.evaluate.misclassified import hardest
from bench.evaluate.scorer import Scorer
from bench.runs.run import Run
from tests.bench.report.runs import ONE_WRONG, PERFECT, Runs

# Validation chooses 0.5; images 4, 5 and 6 are normal, 7, 8 and 9 are not.
WRONG = [0.5, 0.95, 0.9, 0.3, 0.49, 0.3]


def the_run(runs: Runs) -> Run:
    (run,) = runs.store.runs()
    return run


def test_the_surest_mistakes_come_first_and_all_are_counted(runs: Runs) -> None:
    runs.add("resnet18", WRONG)

    found = hardest(the_run(runs), most=9)

    assert (found.threshold, found.errors) == (0.5, (3, 3))
    assert found.false_positives == (("5.png", 0.95), ("6.png", 0.9), ("4.png", 0.5))
    assert found.false_negatives == (("7.png", 0.3), ("9.png", 0.3), ("8.png", 0.49))
    fewer = hardest(the_run(runs), most=1)
    assert fewer.false_positives == found.false_positives[:1]
    assert fewer.false_negatives == found.false_negatives[:1]
    assert fewer.errors == (3, 3)


def test_they_are_those_of_the_confusion(runs: Runs) -> None:
    runs.add("resnet18", ONE_WRONG)
    run = the_run(runs)

    confusion = Scorer().score(run).confusion

    assert hardest(run, most=0).errors == (confusion[0, 1], confusion[1, 0])


def test_a_run_without_mistakes_has_none(runs: Runs) -> None:
    runs.add("resnet18", PERFECT)

    found = hardest(the_run(runs), most=3)

    assert (found.false_positives, found.false_negatives) == ((), ())


def test_damaged_predictions_are_an_error(runs: Runs) -> None:
    runs.add("resnet18", PERFECT)
    run = the_run(runs)
    (run.folder / "predictions.csv").write_text("nothing\n")

    with pytest.raises(InputError, match="are damaged"):
        hardest(run, most=3)
