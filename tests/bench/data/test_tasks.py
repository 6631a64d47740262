"""Tasks: what each asks, of which images, and when it cannot be asked."""

from __future__ import annotations

import numpy as np
import pytest

from bench.data.study import NIH_FINDINGS, study_rows
from bench.data.tasks import TASKS, check_classes, is_abnormal, make_task
from bench.errors import InputError
from tests.bench.data.nih_labels import nih_label_rows

ROWS = study_rows(
    {
        "image": ["a", "b", "c", "d", "e"],
        "findings": [(), ("Mass",), ("Mass", "Nodule"), (), ("Hernia",)],
    }
)
THREE = ("Mass", "Nodule", "Hernia")


@pytest.mark.parametrize(
    ("name", "kind", "classes", "concerned", "targets"),
    [
        ("m1", "multiclass", ("normal", "abnormal"), "abcde", [0, 1, 1, 0, 1]),
        ("m2", "multiclass", ("one", "several"), "bce", [0, 1, 0]),
        ("m3", "multilabel", THREE, "c", [[1, 1, 0]]),
        ("m4", "multiclass", THREE, "be", [0, 2]),
        (
            "findings14",
            "multilabel",
            THREE,
            "abcde",
            [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]],
        ),
    ],
)
def test_a_task_has_its_images_classes_and_targets(
    name: str, kind: str, classes: tuple[str, ...], concerned: str, targets: list[object]
) -> None:
    task = make_task(name, THREE)
    assert (task.name, task.kind, task.classes) == (name, kind, classes)
    mask = task.select(ROWS)
    assert "".join(ROWS["image"][mask]) == concerned
    found = task.targets(ROWS)[mask]
    assert found.tolist() == targets
    assert found.dtype == (np.int64 if kind == "multiclass" else np.float32)


def test_images_of_the_tasks_in_the_paper() -> None:
    """Fig. 7: 60,361 normal, 30,963 with one finding, 20,795 with several (one short)."""
    rows = nih_label_rows()
    images = {name: int(make_task(name).select(rows).sum()) for name in TASKS}
    assert images == {
        "m1": 112_120,
        "m2": 51_759,
        "m3": 20_796,
        "m4": 30_963,
        "findings14": 112_120,
    }
    assert int((~is_abnormal(rows)).sum()) == 60_361
    hernia = NIH_FINDINGS.index("Hernia")
    assert make_task("findings14").targets(rows)[:, hernia].sum() == 227


def test_unknown_task_names_what_there_is() -> None:
    with pytest.raises(InputError, match=r"unknown task 'm_1': did you mean m1\?"):
        make_task("m_1")


@pytest.mark.parametrize("name", ["m3", "m4", "findings14"])
def test_one_finding_cannot_be_told_apart(name: str) -> None:
    with pytest.raises(InputError, match=rf"'{name}' tells findings apart, and .* only pneumonia"):
        make_task(name, ("pneumonia",))


def test_a_part_that_a_task_asks_nothing_about_is_refused() -> None:
    task = make_task("m3", THREE)
    with pytest.raises(InputError, match=r"^task m3 \(which .*\) asks about no image of the test"):
        check_classes(task, task.targets(ROWS), {"test": np.array([], np.int64)})


def test_one_class_part_is_refused_with_its_size_and_class() -> None:
    task = make_task("m1")
    parts = {"train": np.array([0, 1]), "validation": np.array([3]), "test": np.array([2])}
    with pytest.raises(InputError, match=r"^validation set has 1 images, all normal: "):
        check_classes(task, task.targets(ROWS), parts)
    check_classes(task, task.targets(ROWS), {"train": np.array([0, 1]), "test": np.array([2, 3])})


def test_labels_that_never_differ_are_refused() -> None:
    task = make_task("findings14", THREE)
    with pytest.raises(InputError, match=r"^test set of task findings14 has 2 images, all with"):
        check_classes(task, task.targets(ROWS), {"test": np.array([0, 3])})
    check_classes(task, task.targets(ROWS), {"test": np.array([0, 4])})
