"""Tasks and the check that each part holds more than one class."""

from __future__ import annotations

import numpy as np
import pytest

from bench.data.study import study_rows
from bench.data.tasks import M1, check_classes, find_task, is_abnormal
from bench.errors import InputError
from tests.bench.data.nih_labels import nih_label_rows

ROWS = study_rows(
    {
        "image": ["a", "b", "c", "d"],
        "findings": [(), ("Mass",), ("Mass", "Nodule"), ()],
    }
)


def test_m1_asks_about_every_image_whether_it_has_a_finding() -> None:
    assert M1.select(ROWS).tolist() == [True] * 4
    targets = M1.targets(ROWS)
    assert targets.dtype == np.int64
    assert [M1.classes[target] for target in targets] == [
        "normal",
        "abnormal",
        "abnormal",
        "normal",
    ]


def test_normal_and_abnormal_counts_of_the_paper() -> None:
    """Fig. 7: 60,361 of 112,120 images are normal."""
    abnormal = is_abnormal(nih_label_rows())
    assert (len(abnormal), int((~abnormal).sum())) == (112_120, 60_361)


def test_unknown_task_names_what_there_is() -> None:
    assert find_task("m1") is M1
    with pytest.raises(InputError, match=r"unknown task 'm_1': did you mean m1\?"):
        find_task("m_1")


def test_one_class_part_is_refused_with_its_size_and_class() -> None:
    parts = {"train": np.array([0, 1]), "validation": np.array([3]), "test": np.array([2])}
    with pytest.raises(InputError, match=r"^validation set has 1 images, all normal: "):
        check_classes(M1, M1.targets(ROWS), parts)
    check_classes(M1, M1.targets(ROWS), {"train": np.array([0, 1]), "test": np.array([2, 3])})
