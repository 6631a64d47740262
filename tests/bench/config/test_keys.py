"""The keys of a config: defaults, values and meanings, and what a wrong one may mean."""

from __future__ import annotations

import pytest

from bench.config import keys_of, load_experiment, suggest
from bench.errors import InputError


def test_every_key_of_the_schema_has_a_meaning() -> None:
    keys = keys_of()
    assert [key.name for key in keys if not key.meaning] == []
    names = [key.name for key in keys]
    assert len(set(names)) == len(names)
    assert {"train.lr", "train.augment.flip", "data.sizes", "data.sizes.train"} <= set(names)
    lr = next(key for key in keys if key.name == "train.lr")
    assert (lr.required, lr.default, lr.meaning) == (
        False,
        0.01,
        "First learning rate (paper: 0.01).",
    )
    assert [key.name for key in keys if key.required][:3] == ["name", "description", "data.source"]


def test_an_experiment_gives_its_values_and_its_sources_own_keys() -> None:
    experiment = load_experiment("demo", settings=["train.lr=0.5", "data.options.seed=7"])
    values = {key.name: (key.default, key.value) for key in keys_of(experiment)}
    assert values["train.lr"] == (0.01, 0.5)
    assert values["data.options.seed"] == (0, 7)
    assert values["data.options.images"] == (2000, 2400)
    assert values["data.sizes"] == (None, None)
    assert "data.sizes.train" not in values
    sized = keys_of(load_experiment("leakage_small"))
    assert next(key.value for key in sized if key.name == "data.sizes.train") == 1440


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("lr", "train.lr"),
        ("train.epochs", "train.max_iterations"),
        ("learning_rate", "train.lr"),
        ("data.batch_size", "train.batch_size"),
        ("Image-Size", "data.image_size"),
        ("train.lr", None),
        ("nonsense", None),
    ],
)
def test_a_wrong_key_points_at_the_right_one(wrong: str, meant: str | None) -> None:
    assert suggest(wrong) == meant


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("lr=0.1", "unknown key 'lr': did you mean train.lr?"),
        (
            "train.epochs=3",
            "unknown key 'train.epochs': did you mean train.max_iterations? (in steps, not epochs)",
        ),
        ("train.momentun=0", "unknown key 'train.momentun': did you mean momentum?"),
        (
            "model.options.width=3",
            "model.options.width: name the model first, as in model.options.MODEL.width",
        ),
    ],
)
def test_a_wrong_setting_is_one_line_with_the_right_key(setting: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        load_experiment("demo", settings=[setting])
    assert str(caught.value) == f"config demo.yaml: {hint}"
