"""Controls read no test labels, and reproduce what is known of NIH and of children's images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from baselines import frozen
from bench.config import load_experiment
from bench.data.load import open_study
from bench.data.prepare import prepare_data
from bench.data.splits import Split
from bench.data.study import NIH_FINDINGS, study_rows
from bench.data.tasks import make_task
from bench.errors import InputError
from bench.evaluate.thresholds import choose_threshold
from bench.execute.controls import (
    CONTROLS,
    ControlInputs,
    ControlUnavailable,
    area_averaged,
    predict_control,
)
from bench.progress import QuietProgress
from tests.absent import packaged_weights
from tests.bench.data.nih_labels import nih_label_rows
from tests.bench.data.splits.tables import split_of
from tests.shared_data import shared

NO_PIXELS = np.zeros((0, 8, 8), np.uint8)
M1 = make_task("m1")


def probability_of_abnormal(
    name: str,
    *,
    rows: pd.DataFrame,
    targets: NDArray[np.int64],
    split: Split,
    pixels: NDArray[np.uint8] = NO_PIXELS,
) -> NDArray[np.float64]:
    inputs = ControlInputs(
        rows=rows,
        targets=targets,
        kind="multiclass",
        outputs=2,
        train=split.train,
        validation=split.validation,
        pixels=pixels,
    )
    both = predict_control(name, inputs)
    assert both.shape == (len(rows), 2)
    np.testing.assert_allclose(both.sum(axis=1), 1.0, atol=1e-12)
    return both[:, 1]


def _made(
    count: int = 200, **columns: list[object]
) -> tuple[pd.DataFrame, Split, NDArray[np.int64], NDArray[np.uint8]]:
    """A table with every column known, whose older and brighter patients are ill."""
    random = np.random.default_rng(0)
    abnormal = random.random(count) < 0.5
    data: dict[str, list[object]] = {
        "image": [f"i{number:03}" for number in range(count)],
        "patient": [f"p{number // 2}" for number in range(count)],
        "findings": [("Mass",) if ill else () for ill in abnormal],
        "sex": random.choice(["F", "M", ""], count).tolist(),
        "view": random.choice(["PA", "AP"], count).tolist(),
        "age": (40 + 20 * abnormal + random.normal(0, 10, count)).tolist(),
        "follow_up": random.integers(0, 9, count).tolist(),
    }
    rows = study_rows(data | columns)
    rows = rows.assign(pixel_row=random.permutation(count), digest=rows["image"])
    brightness = (100 + 40 * abnormal + random.normal(0, 20, count)).clip(0, 255)
    pixels = np.empty((count, 8, 8), np.uint8)
    pixels[rows["pixel_row"]] = brightness[:, None, None].astype(np.uint8)
    split = split_of(rows, "image", validation=0.2, test=0.3)
    return rows, split, M1.targets(rows), pixels


# The controls that choose a penalty on the validation part.
OF_PIXELS = ("pixels", "frame")
CHOOSING = (*OF_PIXELS, "frozen")


@pytest.fixture(autouse=True, scope="module")
def _weights_for_frozen() -> Iterator[None]:
    """They are here, and give the features of the same images once."""
    packaged_weights("tf_efficientnet_lite0")

    def features(images: torch.Tensor, name: str, **options: Any) -> NDArray[np.float32]:
        key = (images.cpu().numpy().tobytes(), name)
        if key not in known:
            known[key] = really(images, name, **options)
        return known[key]

    known: dict[tuple[bytes, str], NDArray[np.float32]] = {}
    really = frozen.pooled_features
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frozen, "pooled_features", features)
        yield


@pytest.mark.parametrize("task", ["m1", "m4", "findings14"])
@pytest.mark.parametrize("name", list(CONTROLS))
def test_labels_of_the_test_part_are_not_read(name: str, task: str) -> None:
    """Poisoned labels change no prediction, those of validation only where they choose."""
    random = np.random.default_rng(0)
    several = {"m1": (0, 2), "m4": (1, 2), "findings14": (0, 4)}[task]
    findings: list[object] = [
        tuple(random.choice(NIH_FINDINGS[:5], random.integers(*several), replace=False))
        for _ in range(200)
    ]
    rows, split, _, pixels = _made(findings=findings)
    made = make_task(task)
    targets = made.targets(rows)
    poisoned = targets.copy()
    for part in [split.test] if name in CHOOSING else [split.validation, split.test]:
        poisoned[part] = 1 - poisoned[part] if task != "m4" else 13
    honest, other = (
        predict_control(
            name,
            ControlInputs(
                rows=rows,
                targets=labels,
                kind=made.kind,
                outputs=len(made.classes),
                train=split.train,
                validation=split.validation,
                pixels=pixels,
            ),
        )
        for labels in (targets, poisoned)
    )
    assert honest.shape == (200, len(made.classes))
    assert honest.dtype == np.float64
    assert ((honest >= 0) & (honest <= 1)).all()
    if made.kind == "multiclass":
        np.testing.assert_allclose(honest.sum(axis=1), 1.0, atol=1e-12)
    # Findings that no training image has are given to no image.
    assert (honest[:, 5:] == 0).all()
    np.testing.assert_array_equal(honest, other)


@pytest.mark.parametrize("name", ["metadata", "brightness", "pixels", "frame"])
def test_regressions_find_what_tells_the_classes_apart(name: str) -> None:
    rows, split, targets, pixels = _made()
    p = probability_of_abnormal(name, rows=rows, targets=targets, split=split, pixels=pixels)
    assert roc_auc_score(targets[split.test], p[split.test]) > 0.8


def test_prior_and_same_patient_by_hand() -> None:
    rows = study_rows(
        {
            "image": list("abcdefgh"),
            "patient": ["x", "x", "y", "", "x", "y", "z", ""],
            "findings": [("Mass",), (), (), ("Mass",), (), (), (), ()],
            "given_split": ["train"] * 4 + ["validation"] + ["test"] * 3,
        }
    ).assign(digest="")
    split = split_of(rows, "fixed")

    def predict(name: str) -> list[float]:
        return probability_of_abnormal(
            name, rows=rows, targets=M1.targets(rows), split=split
        ).tolist()

    assert predict("prior") == [0.5] * 8
    assert predict("same_patient") == [0.5, 0.5, 0.0, 0.5, 0.5, 0.0, 0.5, 0.5]


def test_a_memory_map_is_read_in_pieces_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, split, targets, pixels = _made()
    predict = partial(probability_of_abnormal, "pixels", rows=rows, targets=targets, split=split)
    whole = predict(pixels=pixels)
    np.save(tmp_path / "pixels.npy", pixels)
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    monkeypatch.setattr("bench.execute.controls._CHUNK_PIXELS", 64 * 7)
    pieces = predict(pixels=mapped)
    np.testing.assert_allclose(whole, pieces, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("where", "seen_by"),
    [
        ((slice(0, 2), slice(16, 20)), {"pixels", "frame"}),  # the middle of the upper side
        ((slice(28, 32), slice(0, 4)), {"pixels", "frame"}),  # a corner
        ((slice(2, 4), slice(16, 20)), {"pixels"}),
        ((slice(4, 28), slice(4, 28)), {"pixels"}),
    ],
)
@pytest.mark.parametrize("size", [32, 64])
def test_the_frame_control_sees_the_border_alone(
    size: int, where: tuple[slice, slice], seen_by: set[str]
) -> None:
    """A sign of the disease at one place: of 32 x 32 pixels, or magnified."""
    rows, split, targets, _ = _made()
    pixels = np.random.default_rng(0).integers(0, 40, (len(rows), 32, 32), np.uint8)
    pixels[rows["pixel_row"][targets == 1], *where] += 60
    pixels = pixels.repeat(size // 32, axis=1).repeat(size // 32, axis=2)
    for name in OF_PIXELS:
        p = probability_of_abnormal(name, rows=rows, targets=targets, split=split, pixels=pixels)
        auc = roc_auc_score(targets[split.test], p[split.test])
        assert (auc > 0.95) == (name in seen_by)


def test_pixels_are_averaged_over_area_at_any_size() -> None:
    images = np.random.default_rng(0).random((3, 40, 24))
    averaged = area_averaged(images, 16)
    exact = images.repeat(16, axis=1).repeat(16, axis=2)
    exact = exact.reshape(3, 16, 40, 16, 24).mean(axis=(2, 4))
    np.testing.assert_allclose(averaged, exact, atol=1e-12)


@pytest.mark.parametrize("name", OF_PIXELS)
def test_the_penalty_is_chosen_on_the_validation_part(name: str) -> None:
    """Labels that nothing tells apart there make the strongest penalty the best."""
    rows, split, targets, pixels = _made()
    guessed = targets.copy()
    guessed[split.validation] = np.random.default_rng(1).integers(0, 2, len(split.validation))
    told, guess = (
        probability_of_abnormal(name, rows=rows, targets=labels, split=split, pixels=pixels)
        for labels in (targets, guessed)
    )
    assert guess.std() < 0.5 * told.std()


def test_controls_that_embarrass_networks_on_childrens_radiographs() -> None:
    changes = {"data.root": shared("kermany"), "data.image_size": 32}
    experiment = load_experiment("manifest", changes=changes)
    data = prepare_data(experiment, open_study(experiment.data), QuietProgress())
    auc = {}
    for name in OF_PIXELS:
        p = probability_of_abnormal(
            name, rows=data.rows, targets=data.targets, split=data.split, pixels=data.pixels
        )
        auc[name] = roc_auc_score(data.targets[data.split.test], p[data.split.test])
    assert auc["pixels"] > 0.985
    assert auc["frame"] > 0.90


def test_metadata_takes_missing_values_and_words_unseen_in_training() -> None:
    rows, split, targets, _ = _made()
    rows.loc[split.train[:20], "age"] = np.nan
    rows.loc[split.test[:5], "age"] = np.nan
    rows.loc[split.test[5:10], "follow_up"] = np.nan
    rows.loc[split.test[10:15], "view"] = "LATERAL"
    p = probability_of_abnormal("metadata", rows=rows, targets=targets, split=split)
    assert np.isfinite(p).all()
    assert roc_auc_score(targets[split.test], p[split.test]) > 0.7


@pytest.mark.parametrize("known", ["age", "sex"])
def test_metadata_works_with_one_known_column(known: str) -> None:
    rows, split, targets, _ = _made()
    unknown = {"age": np.nan, "follow_up": np.nan, "sex": "", "view": ""}
    rows = rows.assign(**{name: value for name, value in unknown.items() if name != known})
    p = probability_of_abnormal("metadata", rows=rows, targets=targets, split=split)
    assert len(set(p)) > 1


@pytest.mark.parametrize(
    ("name", "columns", "reason"),
    [
        ("same_patient", {"patient": ""}, "no patient ids"),
        (
            "metadata",
            {"age": np.nan, "follow_up": np.nan, "sex": "", "view": ""},
            "no age, sex, view or follow-up number",
        ),
    ],
)
def test_a_control_without_its_data_says_why(
    name: str, columns: dict[str, object], reason: str
) -> None:
    rows, split, targets, _ = _made()
    with pytest.raises(ControlUnavailable, match=reason):
        probability_of_abnormal(name, rows=rows.assign(**columns), targets=targets, split=split)


def test_unknown_control_names_near_matches() -> None:
    rows, split, targets, _ = _made()
    with pytest.raises(InputError, match=r"unknown control 'patient': did you mean same_patient"):
        probability_of_abnormal("patient", rows=rows, targets=targets, split=split)


# --- the real label file: what is known to go wrong with this benchmark ----------------------


def _nih_split(name: str, seed: int) -> Split:
    return split_of(nih_label_rows(), name, seed)


def test_same_patient_reaches_auc_069_on_the_real_labels_split_by_image() -> None:
    """No pixels: AUC 0.69 and accuracy 67 % (over 20 seeds 0.691 ± 0.004 and 66.7 ± 0.3 %)."""
    rows = nih_label_rows()
    targets = M1.targets(rows)
    for seed in range(3):
        split = _nih_split("image", seed)
        p = probability_of_abnormal("same_patient", rows=rows, targets=targets, split=split)
        threshold = choose_threshold(targets[split.validation], p[split.validation])
        right = (p[split.test] >= threshold) == targets[split.test]
        assert roc_auc_score(targets[split.test], p[split.test]) == pytest.approx(0.69, abs=0.01)
        assert right.mean() == pytest.approx(0.67, abs=0.01)
        prior = probability_of_abnormal("prior", rows=rows, targets=targets, split=split)
        threshold = choose_threshold(targets[split.validation], prior[split.validation])
        right = (prior[split.test] >= threshold) == targets[split.test]
        assert right.mean() == pytest.approx(0.54, abs=0.01)


@pytest.mark.parametrize(
    ("name", "without_follow_up", "with_follow_up"),
    [("image", 0.58, 0.64), ("official", 0.55, 0.62)],
)
def test_metadata_auc_on_the_real_labels(
    name: str, without_follow_up: float, with_follow_up: float
) -> None:
    rows = nih_label_rows()
    targets = M1.targets(rows)
    split = _nih_split(name, 0)
    for table, expected in [
        (rows.assign(follow_up=np.nan), without_follow_up),
        (rows, with_follow_up),
    ]:
        p = probability_of_abnormal("metadata", rows=table, targets=targets, split=split)
        assert roc_auc_score(targets[split.test], p[split.test]) == pytest.approx(
            expected, abs=0.006
        )


# --- several outputs -----------------------------------------------------------------------------


def test_prior_and_same_patient_of_several_labels_by_hand() -> None:
    rows = study_rows(
        {
            "image": list("abcdef"),
            "patient": ["x", "x", "y", "y", "z", "x"],
            "findings": [("Mass",), ("Mass", "Nodule"), (), ("Nodule",), (), ()],
        }
    )
    task = make_task("findings14", ("Mass", "Nodule"))
    inputs = ControlInputs(
        rows=rows,
        targets=task.targets(rows),
        kind="multilabel",
        outputs=2,
        train=np.arange(4),
        validation=np.arange(4, 5),
        pixels=NO_PIXELS,
    )
    assert predict_control("prior", inputs).tolist() == [[0.5, 0.5]] * 6
    x, y, z = [1.0, 0.5], [0.0, 0.5], [0.5, 0.5]
    assert predict_control("same_patient", inputs).tolist() == [x, x, y, y, z, x]


def test_frozen_needs_weights_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baselines.frozen.smallest_at_hand", lambda *_, **__: None)
    rows, split, targets, pixels = _made()
    with pytest.raises(ControlUnavailable, match="no pretrained weights on this machine: pip inst"):
        probability_of_abnormal("frozen", rows=rows, targets=targets, split=split, pixels=pixels)
