"""Outputs of a network and findings of other data are matched by name."""

from __future__ import annotations

import numpy as np
import pytest

from bench.data.study import study_rows
from bench.data.tasks import make_task
from bench.errors import InputError
from bench.external.match import match
from bench.runs.predictions import Predictions
from tests.bench.records import data_record

FINDINGS = ("Mass", "Pleural_Thickening", "Hernia")
ROWS = study_rows(
    {
        "image": ["a", "b", "c", "d"],
        "findings": [(), ("MASS",), ("MASS", "pleural thickening"), ("Fracture",)],
    }
)


def predictions(targets: np.ndarray, p: list[list[float]]) -> Predictions:
    ids = np.array([str(k) for k in range(len(p))], object)
    return Predictions(images=ids, patients=ids, targets=targets, probabilities=np.array(p))


def test_normal_and_abnormal_are_the_same_for_all_data() -> None:
    found = match(data_record(), ["PNEUMONIA"])
    assert found.outputs.classes == ("normal", "abnormal")
    assert found.task.targets(ROWS).tolist() == [0, 1, 1, 1]
    assert found.task.select(ROWS).all()
    assert (found.only_home, found.only_other) == ((), ())


def test_findings_that_both_have_are_compared_by_the_networks_names() -> None:
    home = data_record(make_task("findings14", FINDINGS))
    found = match(home, ["Fracture", "MASS", "pleural thickening"])
    assert found.outputs.classes == ("Mass", "Pleural_Thickening")
    assert (found.only_home, found.only_other) == (("Hernia",), ("Fracture",))
    assert found.task.select(ROWS).all()
    assert found.task.targets(ROWS).tolist() == [[0, 0], [1, 0], [1, 1], [0, 0]]
    own = predictions(np.array([[1.0, 0.0, 1.0]]), [[0.9, 0.2, 0.7]])
    kept = found.of(own)
    assert (kept.targets.tolist(), kept.probabilities.tolist()) == ([[1.0, 0.0]], [[0.9, 0.2]])


def test_of_several_classes_those_in_common_are_left_to_choose_from() -> None:
    home = data_record(make_task("m4", FINDINGS))
    found = match(home, ["Fracture", "Hernia", "MASS"])
    assert found.outputs.classes == ("Mass", "Hernia")
    assert found.task.select(ROWS).tolist() == [False, True, False, False]
    assert found.task.targets(ROWS)[1] == 0
    own = predictions(np.array([2, 1, 0]), [[0.2, 0.5, 0.3], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2]])
    kept = found.of(own)
    assert kept.images.tolist() == ["0", "2"]
    assert kept.targets.tolist() == [1, 0]
    assert kept.probabilities == pytest.approx(np.array([[0.4, 0.6], [0.75, 0.25]]))


@pytest.mark.parametrize(
    ("task", "other", "count"),
    [("findings14", ["Fracture"], "no findings"), ("m4", ["Mass", "Fracture"], "1 finding ")],
)
def test_nothing_to_ask_about_is_refused(task: str, other: list[str], count: str) -> None:
    home = data_record(make_task(task, FINDINGS))
    with pytest.raises(InputError, match=f"task {task} has {count}"):
        match(home, other)
