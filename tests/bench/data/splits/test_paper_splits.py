"""The splits of the shipped experiments on ChestX-ray14, made from the real label file alone."""

from __future__ import annotations

import pytest

from bench.config import expand, load_experiment
from bench.data.leakage import measure_leakage
from bench.data.splits import Split, make_split
from bench.data.tasks import is_abnormal
from bench.execute.controls import CONTROLS
from tests.bench.data.nih_labels import nih_label_rows, nih_labels, nih_split

RUN_1 = {"train": 80_458, "validation": 6_056, "test": 25_596}
RUNS_2_TO_4 = {"train": 84_090, "validation": 11_212, "test": 16_818}
RUNS = ("paper_run1", "paper_run2", "paper_run3", "paper_run4")

# Whoever makes them, on whatever machine, with whatever later version: to the byte.
HASHES = {
    "paper_run1": "f1245f728e6bbdc8c75435e160bc6d8b06aca8c7b4e890f6414f108d4f95d3a6",
    "paper_run2": "fe8c2bed0ebf1ae636b517d7e6bd42d639540f5e01ec2ae644270a46561fb9c3",
    "nih_official": "b1393431529162be3fa005cdcefcf3b9ff19d3dd84274ef9f8a3cf6d7955b988",
    "nih_patient": "3fc1711145cfb4fdec019a4d1cac6e21d3b2f0860035a5dd7cd69a55d2fea207",
    "nih_image": "fe8c2bed0ebf1ae636b517d7e6bd42d639540f5e01ec2ae644270a46561fb9c3",
}


def _sizes(split: Split) -> dict[str, int]:
    return {part: len(positions) for part, positions in split.parts.items()}


@pytest.mark.parametrize("name", HASHES)
def test_the_split_is_the_same_to_the_byte(name: str) -> None:
    assert nih_split(name).hash == HASHES[name]


def test_the_split_by_patient_keeps_sizes_and_prevalence() -> None:
    """Patients of up to 184 images, and still each part is as wanted within 0.3 %."""
    rows, split = nih_labels().rows, nih_split("nih_patient")
    assert [pair.shared_patients for pair in measure_leakage(rows, split.parts)] == [0, 0, 0]
    abnormal = is_abnormal(rows)
    for part, size in RUNS_2_TO_4.items():
        assert len(split.parts[part]) == pytest.approx(size, rel=0.003)
        assert abnormal[split.parts[part]].mean() == pytest.approx(0.4616, abs=0.003)


def test_the_official_split_takes_the_lists_and_draws_validation_from_training() -> None:
    rows, split = nih_labels().rows, nih_split("nih_official")
    assert split.claims_disjoint
    assert [pair.shared_patients for pair in measure_leakage(rows, split.parts)] == [0, 0, 0]
    assert (rows["given_split"].iloc[split.test] == "test").all()
    assert len(split.test) == 25_596
    assert len(split.validation) == pytest.approx(0.07 * 86_524, rel=0.003)
    abnormal = is_abnormal(rows)
    train = abnormal[split.train].mean()
    assert abnormal[split.validation].mean() == pytest.approx(train, abs=0.003)


@pytest.mark.parametrize(
    ("name", "sizes", "left_out"),
    [("paper_run1", RUN_1, 10), ("paper_run2", RUNS_2_TO_4, 0)],
)
def test_a_training_has_exactly_the_published_sizes(
    name: str, sizes: dict[str, int], left_out: int
) -> None:
    split = nih_split(name)
    assert _sizes(split) == sizes
    assert len(split.left_out) == left_out
    together = [*split.train, *split.validation, *split.test, *split.left_out]
    assert sorted(together) == list(range(112_120))


def test_the_first_training_takes_the_official_lists_and_shares_no_patient() -> None:
    rows, split = nih_labels().rows, nih_split("paper_run1")
    assert (rows["given_split"].iloc[split.test] == "test").all()
    assert split.claims_disjoint
    parts = split.parts_and_left_out
    assert [pair.shared_patients for pair in measure_leakage(rows, parts)] == [0] * 6
    assert rows["patient"].iloc[split.left_out].nunique() == 3


def test_the_other_trainings_have_four_test_images_in_five_of_a_training_patient() -> None:
    _, train_test, _ = measure_leakage(nih_labels().rows, nih_split("paper_run2").parts)
    assert train_test.shared_patients == 6_766
    assert train_test.images_of_shared_patients == 13_847
    assert train_test.share_of_later_images == pytest.approx(0.8233, abs=5e-5)


def test_the_honest_split_of_the_other_trainings_has_the_same_sizes_and_no_leak() -> None:
    honest = load_experiment("paper_run4", settings=["data.split=patient"]).data
    rows = nih_labels().rows
    split = make_split(nih_labels().rows, honest)
    assert _sizes(split) == RUNS_2_TO_4
    assert len(split.left_out) == 0
    assert [pair.shared_patients for pair in measure_leakage(rows, split.parts)] == [0, 0, 0]
    abnormal = rows["findings"].map(bool).to_numpy()
    for positions in split.parts.values():
        assert abnormal[positions].mean() == pytest.approx(0.4616, abs=0.003)
    assert split.hash == "992834dfad5e498155ded9cd5f3ba94e93c3c5d10455bff5a3bf1dcf60049cb4"


def test_the_labels_are_those_of_an_independent_reader() -> None:
    """So that the numbers above do not rest on the harness's own reading of the file."""
    columns = ["image", "patient", "findings", "given_split"]
    assert nih_labels().rows[columns].equals(nih_label_rows()[columns])


def test_the_trainings_have_what_the_paper_states() -> None:
    runs = [load_experiment(name) for name in RUNS]
    assert [run.data.image_size for run in runs] == [224, 224, 224, 512]
    # The splits of the last three are one.
    plain = [run.data.model_dump(exclude={"image_size"}) for run in runs]
    assert plain[1] == plain[2] == plain[3]
    # v0 and v1, v0, v1, v2 of Table 5.
    assert [(run.models, run.losses) for run in runs] == [
        (("cxnet_m1",), ("ce", "sin")),
        (("cxnet_m1",), ("ce",)),
        (("cxnet_m1",), ("sin",)),
        (("cxnet_m1_v2",), ("sin",)),
    ]
    for run in runs:
        train = run.train
        assert (train.optimizer, train.lr, train.batch_size) == ("sgd", 0.01, 32)
        assert train.validate_every == 3_000
        assert train.max_iterations % train.validate_every == 0
        assert [each.train.decay_factor for each in expand(run)] == [2, 5, 10]
        assert run.controls == tuple(CONTROLS)


@pytest.mark.parametrize(
    ("name", "same", "sizes"),
    [("paper_run1", "nih_official", RUN_1), ("paper_run2", "nih_image", RUNS_2_TO_4)],
)
def test_without_the_sizes_the_fractions_give_nearly_the_same_parts(
    name: str, same: str, sizes: dict[str, int]
) -> None:
    """For a partial download: the shares are the published ones, as in the other experiments."""
    config = load_experiment(name, settings=["data.sizes=null"]).data
    assert config == load_experiment(same).data
    for part, found in _sizes(nih_split(same)).items():
        assert found == pytest.approx(sizes[part], rel=0.003)
