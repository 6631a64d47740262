"""Splits by strategy: sizes, prevalence, disjointness, reproducibility, refusals."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.data.leakage import measure_leakage
from bench.data.splits import Split
from bench.data.splits.groups import inseparable_groups
from bench.data.tasks import is_abnormal
from bench.errors import InputError
from tests.bench.data.splits.tables import Sizes, made_rows, split_of


def _sizes(split: Split) -> dict[str, int]:
    return {part: len(rows) for part, rows in split.parts.items()}


def _prevalences(rows: pd.DataFrame, split: Split) -> list[float]:
    abnormal = is_abnormal(rows)
    return [float(abnormal[numbers].mean()) for numbers in split.parts.values()]


def _assert_partition(split: Split, rows: pd.DataFrame) -> None:
    together = np.concatenate([*split.parts.values(), split.left_out])
    np.testing.assert_array_equal(np.sort(together), np.arange(len(rows)))
    for positions in (*split.parts.values(), split.left_out):
        assert positions.dtype == np.int64
        assert (np.diff(positions) > 0).all()


@st.composite
def _hostile_tables(draw: st.DrawFn) -> pd.DataFrame:
    """At least three patients, some of many images, some sharing identical images."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=3, max_size=12))
    patients = [f"p{number}" for number, size in enumerate(sizes) for _ in range(size)]
    count = len(patients)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    abnormal = (random.random(count) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))).tolist()
    copies = draw(st.dictionaries(st.integers(0, count - 1), st.integers(0, count - 1), max_size=3))
    digests = [f"d{copies.get(number, number)}" for number in range(count)]
    return made_rows(patients, abnormal=abnormal, digests=digests)


@given(_hostile_tables(), st.integers(0, 3))
def test_patient_split_never_separates_a_patient_or_identical_images(
    rows: pd.DataFrame, seed: int
) -> None:
    if len(set(inseparable_groups(rows))) < 3:
        with pytest.raises(InputError, match="too few for 3 parts"):
            split_of(rows, "patient", seed)
        return
    split = split_of(rows, "patient", seed)
    _assert_partition(split, rows)
    assert split_of(rows.iloc[::-1].reset_index(drop=True), "patient", seed).hash == split.hash
    assert min(_sizes(split).values()) > 0
    for pair in measure_leakage(rows, split.parts):
        assert (pair.shared_patients, pair.identical_images) == (0, 0)


def test_few_patients_are_split_by_size_and_prevalence() -> None:
    """20 patients of 5 images, half of them ill: 15 train, 2 validation, 3 test at best."""
    patients = [f"p{number // 5:02}" for number in range(100)]
    rows = made_rows(patients, abnormal=[number // 5 % 2 == 0 for number in range(100)])
    for seed in range(5):
        split = split_of(rows, "patient", seed)
        assert _sizes(split) == {"train": 75, "validation": 10, "test": 15}
        _, validation, test = _prevalences(rows, split)
        assert validation == 0.5
        assert test == pytest.approx(0.5, abs=0.17)


def test_a_patient_of_many_images_can_come_into_any_part() -> None:
    """Filling parts largest patient first would leave it in train for every seed."""
    rows = made_rows(["big"] * 20 + [f"p{number}" for number in range(180)])
    parts = set()
    for seed in range(60):
        split = split_of(rows, "patient", seed)
        parts |= {part for part, at in split.parts.items() if rows["patient"].iloc[at[0]] == "big"}
    assert parts == {"train", "validation", "test"}


@pytest.mark.parametrize("name", ["official", "patient", "image", "fixed"])
def test_another_seed_is_another_split(name: str) -> None:
    rows = made_rows([f"p{number}" for number in range(60)], given=["train"] * 50 + ["test"] * 10)
    assert len({split_of(rows, name, seed).hash for seed in range(5)}) == 5


def test_groups_join_patients_and_digests_step_by_step() -> None:
    #            a shares x with b, b shares y with c; d is alone; unknown joins nothing
    rows = made_rows(["a", "b", "b", "c", "d", "", ""], digests=["x", "x", "y", "y", "z", "", ""])
    assert inseparable_groups(rows).tolist() == [0, 0, 0, 0, 1, 2, 3]


def test_a_split_by_patient_leaves_no_part_without_a_wanted_size() -> None:
    """Three patients, and fractions that round to all three images: no division by zero."""
    split = split_of(made_rows(list("abc")), "patient", validation=0.4, test=0.5)
    assert _sizes(split) == {"train": 1, "validation": 1, "test": 1}


def test_given_validation_is_taken_as_it_is() -> None:
    given = ["train"] * 4 + ["validation"] * 3 + ["test"] * 3
    rows = made_rows(["a", *[""] * 9], given=given)
    for name in ("official", "fixed"):
        split = split_of(rows, name)
        assert split.validation.tolist() == [4, 5, 6]
        assert split.test.tolist() == [7, 8, 9]
        assert not split.claims_disjoint
        assert split.how == "as given by the source"


@pytest.mark.parametrize(
    ("patients", "unit"),
    [([f"p{n // 2}" for n in range(20)], "by patient"), ([""] * 20, "by image")],
)
def test_carved_validation_says_by_what_and_keeps_identical_images_together(
    patients: list[str], unit: str
) -> None:
    digests = [f"d{number // 2}" for number in range(20)]
    rows = made_rows(patients, given=["train"] * 16 + ["test"] * 4, digests=digests)
    split = split_of(rows, "fixed")
    assert unit in split.how
    assert split.test.tolist() == [16, 17, 18, 19]
    assert _sizes(split)["validation"] == 2
    assert measure_leakage(rows, split.parts)[0].identical_images == 0


def test_identical_images_across_a_given_split_are_counted_not_refused() -> None:
    rows = made_rows(list("abcdef"), given=["train"] * 4 + ["test"] * 2, digests=list("uvwxux"))
    split = split_of(rows, "official")
    _, train_test, validation_test = measure_leakage(rows, split.parts)
    assert (train_test.identical_images or 0) + (validation_test.identical_images or 0) == 2


@pytest.mark.parametrize(
    ("rows", "name", "message"),
    [
        (made_rows([]), "image", "split 'image': there are no images to split"),
        (
            made_rows(["a", "", ""]),
            "patient",
            "needs patient ids, and 2 of 3 images have none: .* set data.split=image",
        ),
        (
            made_rows(list("abc"), given=["train", "", "test"]),
            "official",
            "1 of 3 images are in none of them, such as 'image0001': .* data.split=patient",
        ),
        (
            made_rows(list("abc"), given=["train", "dev", "test"]),
            "fixed",
            "the source gives a part 'dev', which is none of train, ",
        ),
        (
            made_rows(list("abc"), given=["train_validation", "validation", "test"]),
            "official",
            "gives both 'validation' and 'train_validation'",
        ),
        (
            made_rows(list("abc"), given=["train_validation"] * 3),
            "official",
            r"leaves the test part empty \(train 2, validation 1, test 0 images\)",
        ),
        (made_rows(list("abc"), given=["test"] * 3), "fixed", "leaves the train part empty"),
        (
            made_rows(list("abca"), given=["train"] * 3 + ["test"]),
            "official",
            "1 are in both .* and test, such as 'a': .* data.split=fixed",
        ),
        (
            made_rows(
                ["b", "", "a", "c", "", "a"], given=["train"] * 3 + ["validation", "test", "test"]
            ),
            "official",
            "1 are in both train and test, such as 'a'",
        ),
        (
            made_rows(["a"] * 9),
            "patient",
            "the 9 images to divide form 1 inseparable group .* too few for 3 parts",
        ),
        (made_rows(["a", "b"]), "patient", "the 2 images to divide form 2 inseparable groups"),
        (
            made_rows(["a", "a", "b"], given=["train", "train", "test"]),
            "official",
            "the 2 images to divide form 1 inseparable group .* too few for 2 parts",
        ),
    ],
)
def test_refusals_are_one_line_with_the_way_out(
    rows: pd.DataFrame, name: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        split_of(rows, name)
    assert "\n" not in str(caught.value)


# --- exact sizes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sizes", "how"),
    [
        ("image", (90, 40, 21), "random by image; exact sizes, images left out: 49"),
        (
            "patient",
            (100, 40, 52),
            "random by patient, prevalence of abnormal images kept, identical images together; "
            "exact sizes, images left out: 8",
        ),
    ],
)
def test_a_random_split_of_exact_sizes_leaves_the_others_out(
    name: str, sizes: Sizes, how: str
) -> None:
    rows = made_rows([f"p{number // 4:02}" for number in range(200)])
    split = split_of(rows, name, sizes=sizes)
    _assert_partition(split, rows)
    assert tuple(_sizes(split).values()) == sizes
    assert split.how == how
    placed = set(rows["patient"].iloc[np.concatenate(list(split.parts.values()))])
    whole_patients = placed.isdisjoint(rows["patient"].iloc[split.left_out])
    assert whole_patients == split.claims_disjoint == (name == "patient")


@pytest.mark.parametrize("name", ["image", "fixed"])
def test_exact_sizes_that_the_fractions_give_anyway_are_the_same_split(name: str) -> None:
    """So that a split with nothing left out has one hash, however it was asked for."""
    given = ["train"] * 75 + ["validation"] * 10 + ["test"] * 15
    rows = made_rows([f"p{number}" for number in range(100)], given=given)
    plain, exact = split_of(rows, name), split_of(rows, name, sizes=(75, 10, 15))
    assert len(exact.left_out) == 0
    assert (exact.hash, exact.how) == (plain.hash, plain.how)


@settings(max_examples=25)
@given(_hostile_tables(), st.tuples(*[st.integers(1, 30)] * 3), st.integers(0, 3))
def test_a_patient_split_has_the_exact_sizes_or_names_others_that_it_can_have(
    rows: pd.DataFrame, sizes: Sizes, seed: int
) -> None:
    assume(sum(sizes) <= len(rows) and len(set(inseparable_groups(rows))) >= 3)
    try:
        split = split_of(rows, "patient", seed, sizes)
    except InputError as refusal:
        sizes = _nearest(refusal)
        assume(0 not in sizes)  # which is no size of a part
        split = split_of(rows, "patient", seed, sizes)
    _assert_partition(split, rows)
    assert tuple(_sizes(split).values()) == sizes
    left_out = {"left_out": split.left_out} if len(split.left_out) else {}
    for pair in measure_leakage(rows, split.parts | left_out):
        assert (pair.shared_patients, pair.identical_images) == (0, 0)


def _nearest(refusal: InputError) -> Sizes:
    found = re.search(r"the nearest has train (\d+), validation (\d+), test (\d+):", str(refusal))
    assert found is not None, refusal
    return int(found[1]), int(found[2]), int(found[3])


def test_sizes_that_one_order_in_ten_reaches_are_found() -> None:
    """Patients of 2 and 3 images, none of one: a part of 5 needs one of each."""
    rows = made_rows(
        [f"p{number // 2}" for number in range(20)] + [f"q{n // 3}" for n in range(30)]
    )
    for seed in range(10):
        split = split_of(rows, "patient", seed, sizes=(39, 5, 6))
        assert _sizes(split) == {"train": 39, "validation": 5, "test": 6}
        assert len(split.left_out) == 0


@pytest.mark.parametrize("name", ["official", "fixed"])
def test_given_parts_of_exact_sizes_leave_out_training_images_alone(name: str) -> None:
    patients = [f"p{number // 2:02}" for number in range(60)]
    carved = made_rows(patients, given=["train_validation"] * 50 + ["test"] * 10)
    split = split_of(carved, name, sizes=(36, 8, 10))
    _assert_partition(split, carved)
    assert _sizes(split) == {"train": 36, "validation": 8, "test": 10}
    assert split.test.tolist() == list(range(50, 60))
    assert split.how == (
        "test as given by the source; validation and train drawn from the given training images "
        "at random by patient, prevalence of abnormal images kept, identical images together; "
        "exact sizes, images left out: 6"
    )
    given = made_rows(patients, given=["train"] * 40 + ["validation"] * 10 + ["test"] * 10)
    split = split_of(given, name, sizes=(36, 10, 10))
    assert (split.validation.tolist(), len(split.left_out)) == (list(range(40, 50)), 4)
    assert max(split.left_out) < 40
    assert split.how.startswith("validation and test as given by the source; train drawn from")


@pytest.mark.parametrize(
    ("name", "sizes", "message"),
    [
        (
            "image",
            (30, 8, 3),
            r"wants 41 images \(train 30, validation 8, test 3\), and .* are 40:",
        ),
        ("patient", (30, 8, 3), r"wants 41 images .* are 40: add the others, or set data\."),
        ("patient", (29, 5, 5), "exactly train 29, validation 5, test 5 images; the nearest has"),
        ("official", (20, 10, 9), "wants 9 test images, and the source gives 10: change the size"),
        ("official", (20, 12, 10), r"wants 32 images \(train 20, validation 12\), and .* are 30:"),
        ("official", (21, 7, 10), "exactly train 21, validation 7 images; the nearest has"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_with_both_numbers(
    name: str, sizes: Sizes, message: str
) -> None:
    rows = made_rows(
        [f"p{number // 2}" for number in range(40)], given=["train"] * 30 + ["test"] * 10
    )
    with pytest.raises(InputError, match=message) as caught:
        split_of(rows, name, sizes=sizes)
    assert "data.sizes=null" in str(caught.value)
    assert "\n" not in str(caught.value)
