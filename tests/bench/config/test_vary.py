"""Experiments that vary settings, and the plain ones they consist of."""

from __future__ import annotations

import shlex

import pytest

from bench.config import (
    Experiment,
    expand,
    levels_of,
    load_experiment,
    missing_references,
    one_data_config,
)
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
        ("vary.data.image_size=[]", "vary.data.image_size: give at least one level"),
        ("vary.data.image_size=[32, 32]", "vary.data.image_size: a level is there twice"),
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


LEAK = "question={asks: a, yes_if: b, factors: [{key: data.split, reference: fixed}]}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("vary.seeds=[1, 2]",), "vary: seeds cannot be varied (list several seeds)"),
        (("vary.model=[{pretrained: true}]",), "vary: model cannot be varied (vary its settings"),
        (("vary.name=[a, b]",), "vary: name cannot be varied"),
        (
            ("vary.train.checkpoint_seconds=[1, 2]",),
            "vary: train.checkpoint_seconds cannot be varied",
        ),
        (
            (
                "vary.data.split=[image]",
                LEAK.replace("}]", "}, {key: data.split, reference: image}]"),
            ),
            "'data.split' is there twice",
        ),
        (
            ("vary.data.split=[image]", "vary.data.test_fraction=[0.1, 0.2]", LEAK),
            "runs do not record data.test_fraction",
        ),
        (
            ("vary.data.image_size=[32, 64]", "data.image_size=48"),
            "config demo.yaml varies data.image_size, so that no single value of it holds: choose "
            "among its levels, such as vary.data.image_size=[…]",
        ),
        (("vary.train.lr=[0.01]", "train={lr: 0.5}"), "config demo.yaml varies train.lr, so that"),
        (("vary.train={}",), "vary: an empty mapping names no setting"),
        (
            ("vary.task=[m1, m2]", "vary.data.split=[image, fixed]", LEAK),
            "an average over several tasks would mean nothing",
        ),
    ],
)
def test_what_cannot_be_varied_or_asked_is_refused(settings: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        varied(*settings)
    assert message in str(caught.value)


def test_a_reference_that_is_no_level_is_told_and_no_error() -> None:
    assert missing_references(varied("vary.data.split=[image]")) == []
    (line,) = missing_references(varied("vary.data.split=[image, patient]", LEAK))
    assert line.startswith("question: data.split is compared with fixed, which is none of its")
    narrowed = "question={asks: a, yes_if: b, factors: [{key: model, reference: cxnet_m1}]}"
    assert missing_references(varied(narrowed)) == []
    assert len(missing_references(varied(narrowed, "models=[resnet18]"))) == 1


def test_the_advice_to_choose_a_level_works() -> None:
    both = (
        "vary.data.image_size=[32, 64]",
        "vary.data.sizes=[null, {train: 9, validation: 1, test: 2}]",
    )
    with pytest.raises(InputError) as caught:
        one_data_config(varied(*both))
    advice = shlex.split(str(caught.value).partition("such as ")[2])
    assert advice[::2] == ["--set", "--set"]
    chosen = one_data_config(varied(*both, *advice[1::2]))
    assert (chosen.image_size, chosen.sizes) == (32, None)


def test_data_that_are_varied_are_not_one_data_set() -> None:
    assert one_data_config(varied("vary.train.lr=[0.1, 0.2]")) == varied().data
    assert one_data_config(varied("vary.data.split=[image]")).split == "image"
    with pytest.raises(InputError, match=r"config demo varies data\.split: choose one level, such"):
        one_data_config(varied("vary.data.split=[image, patient]"))
