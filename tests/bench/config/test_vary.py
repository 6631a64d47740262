"""Experiments that vary settings, and the plain ones they consist of."""

from __future__ import annotations

import pytest

from bench.config import Experiment, expand, levels_of, load_experiment
from bench.errors import InputError


def varied(*settings: str) -> Experiment:
    return load_experiment("demo", settings=settings)


def test_nothing_varied_is_the_experiment_itself() -> None:
    experiment = varied()
    assert expand(experiment) == (experiment,)
    assert levels_of(experiment, experiment) == {}


def test_levels_are_crossed_in_their_order() -> None:
    experiment = varied(
        "vary.data.image_size=[32, 64]", "vary.model.options.cxnet_m1.dropout=[0.1, 0.2]"
    )
    plain = expand(experiment)
    assert [(one.data.image_size, one.model.options["cxnet_m1"]["dropout"]) for one in plain] == [
        (32, 0.1),
        (32, 0.2),
        (64, 0.1),
        (64, 0.2),
    ]
    assert [one.vary for one in plain] == [{}] * 4
    assert [one.data.source for one in plain] == ["phantom"] * 4
    assert levels_of(experiment, plain[1]) == {
        "data.image_size": 32,
        "model.options.cxnet_m1.dropout": 0.2,
    }


def test_an_experiment_that_varies_is_the_same_after_a_round_trip() -> None:
    experiment = varied(
        "vary.data.split=[image, patient]",
        "question={asks: leaks, yes_if: above, factors: [{key: data.split, reference: patient}]}",
    )
    assert Experiment.model_validate(experiment.model_dump(mode="json")) == experiment


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("vary.data.image_sise=[32]", "vary: unknown key 'data.image_sise': did you mean image_si"),
        ("vary.data.image_size=[32, 4]", "vary: data.image_size: Input should be greater than or"),
        ("vary.data.image_size=[]", "vary.data.image_size: give each level once"),
        ("vary.data.image_size=[32, 32]", "vary.data.image_size: give each level once"),
        ("vary.data.image_size=32", "vary.data.image_size: Input should be a list, not 32"),
        ("vary.nothing=[1]", "vary: unknown key 'nothing'"),
        ("vary.train.lr.x=[1]", "vary: train.lr: Input should be a valid number"),
        ("vary=3", "vary: Input should be a mapping of keys to values, not 3"),
    ],
)
def test_a_mistake_is_one_line(setting: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        expand(varied(setting))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_factor_is_something_that_is_varied() -> None:
    with pytest.raises(InputError, match=r"'data\.image_size' is not among the keys of vary"):
        varied("question={asks: a, yes_if: b, factors: [{key: data.image_size, reference: 32}]}")
    varied("question={asks: a, yes_if: b, factors: [{key: loss, reference: ce}]}")
