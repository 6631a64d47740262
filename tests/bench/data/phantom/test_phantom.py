"""The synthetic cohort: who is in it, what its images are functions of, how hard they are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

from bench.data.phantom import GENERATOR_VERSION, Visit, draw_cohort, render
from bench.data.study import COLUMNS, NIH_FINDINGS, ImageError, StudyTable
from bench.errors import InputError
from bench.execute.controls import ControlInputs, predict_control
from bench.registry import DATASETS


def open_phantom(*, image_size: int = 32, **options: Any) -> StudyTable:
    return DATASETS.get("phantom").open(root=None, image_size=image_size, options=options)


@pytest.fixture(scope="module")
def table() -> StudyTable:
    """The default cohort at 32 px."""
    return open_phantom()


@pytest.fixture(scope="module")
def cohort() -> list[Visit]:
    return draw_cohort(images=2_000, seed=0)


@pytest.fixture(scope="module")
def large_table() -> StudyTable:
    return open_phantom(images=5_000)


@pytest.fixture(scope="module")
def pixels(table: StudyTable) -> NDArray[np.uint8]:
    """The images of its first thousand rows."""
    return np.stack([table.reader.read(image) for image in table.rows["image"][:1000]])


def abnormal(rows: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(rows["findings"].map(len) > 0)


def visit(*shown: str, patient: int = 7, sex: str = "M") -> Visit:
    return Visit(
        patient=patient,
        follow_up=0,
        view="PA",
        sex="F" if sex == "F" else "M",
        age=50,
        shown=shown,
        reported=shown,
        split="test",
    )


# ------------------------------------------------------------------------------- the table


def test_the_default_cohort_is_a_study_table_of_two_thousand_images(table: StudyTable) -> None:
    assert table.name == "phantom"
    assert table.finding_names == NIH_FINDINGS
    assert tuple(table.rows.columns) == COLUMNS
    assert len(table.rows) == 2000
    assert table.rows["image"].is_unique
    assert table.rows["image"].str.fullmatch(r"\d{8}_\d{3}\.png").all()
    assert (table.rows["patient"] == table.rows["image"].str[:8].str.lstrip("0")).all()
    assert (table.rows["follow_up"] == table.rows["image"].str[9:12].astype(int)).all()
    assert set(table.rows["view"]) == {"PA", "AP"}
    assert set(table.rows["sex"]) == {"F", "M"}
    assert table.rows["age"].between(0, 95).all()
    assert table.problems == ()


def test_findings_are_as_skewed_and_joined_as_documented(table: StudyTable) -> None:
    number = table.rows["findings"].map(len)
    assert 0.40 < (number > 0).mean() < 0.50
    assert 0.33 < (number > 1).sum() / (number > 0).sum() < 0.47
    counts = table.rows["findings"].explode().value_counts()
    assert set(counts.index) == set(NIH_FINDINGS)
    assert counts.idxmax() == "Infiltration"
    assert counts.idxmin() == "Hernia"


def test_the_given_split_keeps_patients_whole_and_has_nihs_proportions(
    large_table: StudyTable,
) -> None:
    rows = large_table.rows
    assert (rows.groupby("patient")["given_split"].nunique() == 1).all()
    shares = rows["given_split"].value_counts(normalize=True)
    assert set(shares.index) == {"train_validation", "test"}
    assert shares["test"] == pytest.approx(0.228, abs=0.03)


def test_sicker_patients_have_more_images_are_older_and_lie_down_more(
    large_table: StudyTable,
) -> None:
    rows = large_table.rows
    ill = pd.Series(abnormal(rows), index=rows.index)
    images = rows.groupby("patient")["image"].transform("size")
    assert images.max() > 20
    assert (rows.groupby("patient").size() == 1).mean() > 0.3
    assert images[ill].mean() > images[~ill].mean()
    assert rows["age"][ill].mean() > rows["age"][~ill].mean() + 1
    assert (rows["view"][ill] == "AP").mean() > (rows["view"][~ill] == "AP").mean() + 0.05


def test_a_finding_of_one_visit_is_likelier_at_the_next(cohort: list[Visit]) -> None:
    pairs = [(a, b) for a, b in pairwise(cohort) if a.patient == b.patient]
    again = np.mean(["Effusion" in b.shown for a, b in pairs if "Effusion" in a.shown])
    fresh = np.mean(["Effusion" in b.shown for a, b in pairs if "Effusion" not in a.shown])
    assert again > 3 * fresh


def test_a_few_labels_do_not_say_what_the_image_shows(cohort: list[Visit]) -> None:
    wrong = np.mean([visit.shown != visit.reported for visit in cohort])
    assert 0.03 < wrong < 0.05
    reported = [bool(visit.reported) for visit in cohort]
    shown = [bool(visit.shown) for visit in cohort]
    assert 0.96 < roc_auc_score(reported, shown) < 0.985


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": 0}, "images: Input should be greater than or equal to 1, not 0"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0, not -1"),
        ({"image": 5}, "unknown key 'image': did you mean images?"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        open_phantom(**options)
    assert str(error.value) == f"data.options of source 'phantom': {message}"


# ------------------------------------------------------------------------------ determinism


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**64),
    few=st.integers(1, 60),
    more=st.integers(0, 60),
    size=st.sampled_from([28, 33, 64]),
    data=st.data(),
)
def test_a_smaller_cohort_is_the_beginning_of_a_larger_one(
    seed: int, few: int, more: int, size: int, data: st.DataObject
) -> None:
    short = open_phantom(images=few, seed=seed, image_size=size)
    long = open_phantom(images=few + more, seed=seed, image_size=size)
    pd.testing.assert_frame_equal(short.rows, long.rows.iloc[:few])
    image = data.draw(st.sampled_from(list(short.rows["image"])))
    first = short.reader.read(image)
    assert first.shape == (size, size)
    assert first.dtype == np.uint8
    assert np.array_equal(first, long.reader.read(image))


def test_pixels_depend_neither_on_the_order_of_reading_nor_on_threads(
    table: StudyTable, pixels: NDArray[np.uint8]
) -> None:
    some = list(table.rows["image"][:200])
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(open_phantom().reader.read, reversed(some)))
    assert np.array_equal(np.stack(again[::-1]), pixels[:200])


def test_another_seed_is_another_cohort_with_other_pixels(table: StudyTable) -> None:
    other = open_phantom(images=50, seed=1)
    assert not table.rows.iloc[:50].equals(other.rows)
    image = "00000001_000.png"
    assert not np.array_equal(table.reader.read(image), other.reader.read(image))


def test_the_stamp_names_generator_seed_and_size(table: StudyTable) -> None:
    stamp = table.reader.stamp("00000001_000.png")
    assert stamp == f"phantom {GENERATOR_VERSION} seed 0 size 32"
    others = [open_phantom(images=1, seed=1), open_phantom(images=1, image_size=33)]
    assert stamp not in {other.reader.stamp("00000001_000.png") for other in others}


def test_an_image_outside_the_cohort_is_missing(table: StudyTable) -> None:
    with pytest.raises(ImageError, match=r"has no image '99999999_000\.png'") as error:
        table.reader.read("99999999_000.png")
    assert error.value.kind == "missing"


# ------------------------------------------------------------------------------- appearance


@cache
def large_scene(finding: str) -> Image.Image:
    """An image of 512 px with one finding or none."""
    shown = visit(finding) if finding else visit()
    return Image.fromarray(render(shown, seed=0, size=512))


@pytest.mark.parametrize("size", [28, 64, 100])
@pytest.mark.parametrize("finding", ["", *NIH_FINDINGS])
def test_a_small_image_looks_like_the_large_one_averaged(finding: str, size: int) -> None:
    """Same scene at every size: what differs is pixel noise and the edges' softness."""
    shown = visit(finding) if finding else visit()
    large = large_scene(finding)
    averaged = np.asarray(large.resize((size, size), Image.Resampling.BOX), dtype=float)
    small = render(shown, seed=0, size=size).astype(float)
    assert np.corrcoef(averaged.ravel(), small.ravel())[0, 1] > 0.97
    assert abs(averaged.mean() - small.mean()) < 4


def test_the_same_patient_is_recognisable_at_the_next_visit() -> None:
    """Hence a split by image leaks."""
    first = [render(visit(patient=p), seed=0, size=64) for p in range(1, 31)]
    second = [render(replace(visit(patient=p), follow_up=1), seed=0, size=64) for p in range(1, 31)]

    def flat(images: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
        rows = np.stack(images).reshape(len(images), -1).astype(np.float64)
        rows -= rows.mean(axis=1, keepdims=True)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    likeness = flat(first) @ flat(second).T
    rank_of_self = (likeness > np.diag(likeness)[:, None]).sum(axis=1)
    assert np.median(rank_of_self) < 10  # 14.5 by chance


def ranks(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Rank of each pixel's gray in its image, 0 to 1: windowing does not count as a difference."""
    return np.asarray(np.argsort(np.argsort(image.ravel())) / image.size)


@cache
def plain_ranks(patient: int) -> NDArray[np.float64]:
    """Ranks of the image of a patient without a finding."""
    return ranks(render(visit(patient=patient), seed=0, size=64))


@pytest.mark.parametrize("finding", NIH_FINDINGS)
def test_every_finding_can_be_seen_and_most_are_local(finding: str) -> None:
    """Some pixels differ clearly from the same image without the finding, and few do."""
    changed = []
    for patient in range(1, 21):
        with_it = render(visit(finding, patient=patient), seed=0, size=64)
        changed.append((np.abs(plain_ranks(patient) - ranks(with_it)) > 0.10).mean())
    assert np.median(changed) > 0.002
    assert finding in ("Emphysema", "Pneumothorax") or np.median(changed) < 0.10


# --------------------------------------------------------------------- what is no shortcut


def held_out_auc(table: StudyTable, control: str, pixels: NDArray[np.uint8]) -> float:
    """AUC for abnormal of a control, by the given split; the penalty is chosen on a tenth."""
    rows = table.rows[: len(pixels)].assign(pixel_row=np.arange(len(pixels)))
    test = rows["given_split"].to_numpy() == "test"
    rest = np.flatnonzero(~test)
    truth = abnormal(rows).astype(np.int64)
    inputs = ControlInputs(
        rows=rows,
        targets=truth,
        kind="multiclass",
        outputs=2,
        train=rest[: -len(rest) // 10],
        validation=rest[-len(rest) // 10 :],
        pixels=pixels,
    )
    predicted = predict_control(control, inputs)
    return float(roc_auc_score(truth[test], predicted[test, 1]))


@pytest.mark.parametrize(
    ("control", "low", "high"),
    [("brightness", 0.40, 0.60), ("metadata", 0.58, 0.70), ("frame", 0.40, 0.62),
     ("pixels", 0.50, 0.70)],
)  # fmt: skip
def test_what_sees_no_finding_tells_little(
    table: StudyTable, pixels: NDArray[np.uint8], control: str, low: float, high: float
) -> None:
    assert low < held_out_auc(table, control, pixels) < high
