"""From runs and records to answers: what is compared with what, and what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.data.tasks import make_task
from bench.evaluate.design import level_text
from bench.evaluate.question_result import LevelEffect, LevelResult
from tests.bench.evaluate.question_runs import (
    FAILED,
    NAMED,
    QuestionRuns,
    asking,
    auc_of,
    cross,
    experiment,
    scores,
    targets,
)
from tests.bench.evaluate.reference import auc

WRONG = {("one", "ce"): 8, ("one", "sin"): 2, ("two", "ce"): 6, ("two", "sin"): 5}
CROSSED = asking({"loss": "ce", "model": "one"})


def effect_of(result: LevelResult) -> LevelEffect:
    assert result.comparison is not None
    return result.comparison


@pytest.fixture
def stored(tmp_path: Path) -> QuestionRuns:
    return QuestionRuns(tmp_path)


def test_an_effect_is_the_mean_difference_over_the_contexts(stored: QuestionRuns) -> None:
    cross(stored, WRONG)
    stored.record(experiment())
    answer = stored.answer()
    (loss,) = answer.factors
    assert list(loss.levels) == ["ce", "sin"]
    assert loss.levels["ce"].comparison is None
    assert loss.levels["ce"].auc.value == pytest.approx((auc_of(8) + auc_of(6)) / 2)
    sin = effect_of(loss.levels["sin"])
    assert (sin.contexts, sin.seeds, sin.same_images) == (2, (1, 1), True)
    first, second = auc_of(2) - auc_of(8), auc_of(5) - auc_of(6)
    assert sin.effect.value == pytest.approx((first + second) / 2)
    assert sin.effect.low < sin.effect.value < sin.effect.high
    effects = {
        context.context["model"]: effect_of(context.scores["sin"]).effect.value
        for context in loss.contexts
    }
    assert effects == pytest.approx({"one": first, "two": second})
    assert answer.gaps == ()


def test_the_interaction_is_the_effect_at_one_level_less_that_elsewhere(
    stored: QuestionRuns,
) -> None:
    cross(stored, WRONG)
    cross(stored, {("three", "ce"): 4, ("three", "sin"): 7})
    stored.record(experiment(models=["one", "two", "three"], question=CROSSED))
    loss, model = stored.answer().factors
    (interaction,) = loss.interactions
    assert (interaction.level, interaction.key, interaction.reference) == ("sin", "model", "one")
    assert interaction.here.value == pytest.approx(auc_of(2) - auc_of(8))
    others = ((auc_of(5) - auc_of(6)) + (auc_of(7) - auc_of(4))) / 2
    assert interaction.effect.value == pytest.approx(auc_of(2) - auc_of(8) - others)
    assert model.interactions == ()
    assert list(model.levels) == ["one", "two", "three"]


def test_failed_and_missing_runs_are_named_and_their_contexts_left_out(
    stored: QuestionRuns,
) -> None:
    cross(stored, WRONG | {("two", "sin"): None}, seeds=(0, 1))
    stored.record(experiment(seeds=[0, 1, 2], models=["one", "two"]))
    answer = stored.answer()
    assert sorted(answer.gaps) == [
        "one ce, seed 2: has no run that can be used",
        "one sin, seed 2: has no run that can be used",
        "two ce, seed 2: has no run that can be used",
        "two sin, seed 0: failed: OutOfMemoryError: 2 GiB",
        "two sin, seed 1: failed: OutOfMemoryError: 2 GiB",
        "two sin, seed 2: has no run that can be used",
    ]
    sin = answer.factors[0].levels["sin"]
    assert (effect_of(sin).contexts, effect_of(sin).seeds) == (1, (2, 2))
    assert effect_of(sin).effect.value == pytest.approx(auc_of(2) - auc_of(8))
    assert [list(context.scores) for context in answer.factors[0].contexts] == [
        ["ce", "sin"],
        ["ce"],
    ]


def test_only_seeds_that_both_levels_have_are_compared(stored: QuestionRuns) -> None:
    for seed, wrong in ((0, 8), (1, 6)):
        stored.add("one", "ce", wrong=wrong, seed=seed)
    for seed, wrong in ((1, 3), (2, 0)):
        stored.add("one", "sin", wrong=wrong, seed=seed)
    stored.record(experiment(models=["one"], seeds=[0, 1, 2]))
    sin = stored.answer().factors[0].levels["sin"]
    assert sin.seeds == (2, 2)
    assert effect_of(sin).seeds == (1, 1)
    assert effect_of(sin).effect.value == pytest.approx(auc_of(3) - auc_of(6))


def test_narrowed_commands_come_together(stored: QuestionRuns) -> None:
    cross(stored, {("one", "ce"): 8, ("one", "sin"): 2})
    stored.record(experiment(models=["one"]))
    cross(stored, {("two", "ce"): 6})
    # The same folder by another path.
    stored.record(experiment(models=["two"], losses=["ce"], data={"source": "nih", "root": "nih"}))
    cross(stored, {("two", "sin"): 5})
    # With checkpoints more often, on which no result depends.
    often = {"checkpoint_seconds": 7}
    stored.record(experiment(models=["two"], losses=["sin"], train=often))
    answer = stored.answer()
    assert answer.gaps == ()
    assert answer.factors[0].levels["sin"].contexts == 2


def test_other_settings_data_or_arithmetic_are_another_answer(stored: QuestionRuns) -> None:
    stored.add("one", "ce", wrong=8)
    stored.record(experiment(models=["one"], losses=["ce"]))
    stored.add("one", "ce", wrong=8, train={"lr": 0.5})
    stored.record(experiment(models=["one"], losses=["ce"], train={"lr": 0.5}))
    stored.add("one", "sin", wrong=2, fingerprint="more images")
    stored.record(experiment(models=["one"], losses=["sin"]))
    # What is left open is decided by the device, and dropout is drawn in the layout's order.
    for train in ({"precision": "bfloat16"}, {"memory_format": "channels_last"}):
        stored.add("two", "sin", wrong=2, train=train)
        stored.record(experiment(models=["two"], losses=["sin"]))
    assert len(stored.answers()) == 5


def test_an_experiment_without_a_question_has_no_answer(stored: QuestionRuns) -> None:
    cross(stored, WRONG)
    stored.record(experiment(question=None))
    assert stored.answers() == []


def by_split() -> dict[str, object]:
    return {
        "models": ["one"],
        "losses": ["ce"],
        "vary": {"data": {"split": ["patient", "image"]}},
        "question": asking({"data.split": "patient"}),
    }


def test_different_test_images_are_said_and_controls_stand_beside(stored: QuestionRuns) -> None:
    stored.add("one", "ce", wrong=6)
    stored.add("one", "ce", wrong=1, split="image", first_image=10)
    stored.add("same_patient", wrong=20)
    stored.add("same_patient", wrong=3, split="image", first_image=10)
    stored.add("prior", wrong=20, split="image", first_image=10)
    stored.add("metadata", outcome=FAILED)
    stored.record(experiment(**by_split(), controls=["same_patient", "prior", "metadata"]))
    answer = stored.answer()
    (split,) = answer.factors
    comparison = effect_of(split.levels["image"])
    assert not comparison.same_images
    # Drawn independently: the doubts add up.
    apart = [split.levels[level].auc for level in ("patient", "image")]
    widths = np.hypot(*(one.high - one.low for one in apart))
    assert comparison.effect.high - comparison.effect.low == pytest.approx(widths, rel=0.25)
    controls = {one.context["model"]: one.scores for one in split.controls}
    assert controls["same_patient"]["image"].auc.value == pytest.approx(auc_of(3))
    beside = effect_of(controls["same_patient"]["image"])
    assert beside.effect.value == pytest.approx(auc_of(3) - auc_of(20))
    assert list(controls["prior"]) == ["image"]
    assert answer.best_controls == {
        "data.split=patient": ("same_patient", pytest.approx(auc_of(20))),
        "data.split=image": ("same_patient", pytest.approx(auc_of(3))),
    }
    assert answer.gaps == (
        "control prior, data.split=patient: has no run that can be used",
        "control metadata, data.split=patient: failed: OutOfMemoryError: 2 GiB",
        "control metadata, data.split=image: has no run that can be used",
    )
    assert len(answer.data) == 2


def test_controls_are_expected_once_for_each_level_of_the_data(stored: QuestionRuns) -> None:
    for kernel in (3, 5):
        for lr in (0.1, 0.2):
            for split in ("patient", "image"):
                options, train = {"kernel": kernel}, {"lr": lr}
                stored.add("one", "ce", wrong=3, split=split, options=options, train=train)
    stored.add("prior", wrong=20)
    key = "model.options.one.kernel"
    levels = {"data.split": ["patient", "image"], key: [3, 5], "train.lr": [0.1, 0.2]}
    changes = by_split() | {"vary": levels, "models": ["one"], "seeds": [0]}
    stored.record(experiment(**changes, controls=["prior", "brightness"]))
    assert stored.answer().gaps == (
        "control prior, data.split=image: has no run that can be used",
        "control brightness, data.split=patient: has no run that can be used",
        "control brightness, data.split=image: has no run that can be used",
    )


def test_without_a_control_nothing_is_said_of_what_was_learned(stored: QuestionRuns) -> None:
    stored.add("one", "ce", wrong=6)
    stored.add("one", "ce", wrong=3, split="image", first_image=10)
    stored.add("prior", wrong=3, split="image", first_image=10)
    stored.record(experiment(**by_split(), controls=["prior"]))
    answer = stored.answer()
    assert answer.without_controls == ("data.split=patient",)
    assert answer.not_above_controls == ("one ce, data.split=image",)
    levels = answer.factors[0].levels
    assert {level: one.not_above_controls for level, one in levels.items()} == {
        "patient": 0,
        "image": 1,
    }
    comparison = effect_of(levels["image"])
    # The network of the other split may have learned more than its control, which is not there.
    assert (comparison.judged, comparison.learned) == (0, 0)


def test_networks_that_are_not_above_the_best_control_are_named(stored: QuestionRuns) -> None:
    cross(stored, {("one", "ce"): 8, ("one", "sin"): 5, ("two", "ce"): 6, ("two", "sin"): 0})
    stored.add("prior", wrong=20)
    stored.add("brightness", wrong=10)
    stored.record(experiment())
    answer = stored.answer()
    # Two or three patients more that are called rightly may be luck.
    assert answer.not_above_controls == ("one ce", "one sin", "two ce")
    one, two = answer.factors[0].contexts
    for context, learned in ((one, 0), (two, 1)):
        comparison = effect_of(context.scores["sin"])
        assert (comparison.judged, comparison.learned) == (1, learned)
    mean = effect_of(answer.factors[0].levels["sin"])
    assert (mean.contexts, mean.judged, mean.learned) == (2, 2, 1)
    assert answer.without_controls == ()


@pytest.mark.parametrize(
    ("control", "learned"), [(None, None), (0, False), (2, False), (12, True), (20, True)]
)
def test_an_interaction_is_of_networks_that_learned_on_both_sides(
    stored: QuestionRuns, control: int | None, learned: bool | None
) -> None:
    cross(stored, {("one", "ce"): 8, ("one", "sin"): 0, ("two", "ce"): 1, ("two", "sin"): 5})
    if control is not None:
        stored.add("prior", wrong=control)
    stored.record(experiment(question=CROSSED))
    (interaction,) = stored.answer().factors[0].interactions
    assert interaction.learned is learned


def test_a_network_that_has_not_the_other_option_is_not_elsewhere(stored: QuestionRuns) -> None:
    for (kernel, loss), wrong in {(3, "ce"): 8, (3, "sin"): 6, (5, "ce"): 5, (5, "sin"): 1}.items():
        stored.add("one", loss, wrong=wrong, options={"kernel": kernel})
    cross(stored, {("two", "ce"): 9, ("two", "sin"): 2})
    key = "model.options.one.kernel"
    stored.record(experiment(vary={key: [3, 5]}, question=asking({"loss": "ce", key: 5})))
    (interaction,) = stored.answer().factors[0].interactions
    expected = (auc_of(1) - auc_of(5)) - (auc_of(6) - auc_of(8))
    assert interaction.effect.value == pytest.approx(expected)


def test_two_tasks_on_the_same_images_are_two_data_sets(stored: QuestionRuns) -> None:
    findings = make_task("findings14", NAMED)
    stored.add("one", "ce", wrong=3)
    stored.add("one", "ce", values=[[p] * 3 for p in scores(3)], task=findings)
    stored.record(
        experiment(
            models=["one"],
            losses=["ce"],
            vary={"task": ["m1", "findings14"]},
            question=asking({"task": "m1"}),
        )
    )
    assert sorted(data.task for data in stored.answer().data) == ["findings14", "m1"]


def test_a_network_is_no_context_of_another_networks_option(stored: QuestionRuns) -> None:
    for kernel, wrong in ((3, 6), (5, 4)):
        stored.add("one", "ce", wrong=wrong, options={"kernel": kernel})
    stored.add("two", "ce", wrong=1)
    key = "model.options.one.kernel"
    stored.record(experiment(losses=["ce"], vary={key: [3, 5.0]}, question=asking({key: 5})))
    answer = stored.answer()
    assert answer.gaps == ()
    (kernel,) = answer.factors
    assert {level: score.contexts for level, score in kernel.levels.items()} == {"3": 1, "5": 1}
    assert [context.context["model"] for context in kernel.contexts] == ["one"]
    comparison = effect_of(kernel.levels["3"])
    assert comparison.effect.value == pytest.approx(auc_of(6) - auc_of(4))


def test_two_settings_that_are_varied_are_two_factors(stored: QuestionRuns) -> None:
    wrong = {(3, "a"): 8, (3, "b"): 6, (11, "a"): 5, (11, "b"): 4, (5, "a"): 3, (5, "b"): 1}
    for (kernel, place), count in wrong.items():
        stored.add("one", "ce", wrong=count, options={"kernel": kernel, "place": place})
    keys = ["model.options.one.kernel", "model.options.one.place"]
    stored.record(
        experiment(
            models=["one"],
            losses=["ce"],
            vary={keys[0]: [3, 11, 5], keys[1]: ["a", "b"]},
            question=asking({keys[0]: 5, keys[1]: "a"}),
        )
    )
    kernel, place = stored.answer().factors
    # Numbers by size.
    assert list(kernel.levels) == ["3", "5", "11"]
    assert [list(context.scores) for context in kernel.contexts] == [["3", "5", "11"]] * 2
    for level, number in (("3", 3), ("11", 11)):
        comparison = effect_of(kernel.levels[level])
        differences = [auc_of(wrong[number, at]) - auc_of(wrong[5, at]) for at in "ab"]
        assert comparison.effect.value == pytest.approx(np.mean(differences))
    assert place.levels["b"].contexts == 3
    assert [(one.level, one.key) for one in kernel.interactions] == [
        ("3", keys[1]),
        ("11", keys[1]),
    ]


def test_levels_that_runs_do_not_record_are_a_problem_that_is_told(stored: QuestionRuns) -> None:
    stored.add("one", "ce", wrong=3)
    key = "model.weights_dir"
    stored.record(experiment(vary={key: ["a", "b"]}, question=asking({key: "a"})))
    answer = stored.answer()
    assert answer.factors == ()
    assert answer.problem == (
        "runs do not record model.weights_dir, so that its levels cannot be told apart"
    )


def test_without_a_finished_network_there_is_no_answer(stored: QuestionRuns) -> None:
    cross(stored, dict.fromkeys(WRONG))
    stored.record(experiment())
    answer = stored.answer()
    assert answer.problem == "no network of it has finished"
    assert len(answer.gaps) == 4


def test_several_findings_are_averaged_over_those_that_occur(stored: QuestionRuns) -> None:
    rng = np.random.default_rng(0)
    values = {loss: rng.random((len(targets()), len(NAMED))) for loss in ("ce", "sin")}
    task = make_task("findings14", NAMED)
    for loss, probabilities in values.items():
        stored.add("one", loss, values=probabilities.tolist(), task=task)
    stored.record(experiment(models=["one"], task="findings14"))
    sin = stored.answer().factors[0].levels["sin"]
    # Only Mass occurs among the test images.
    assert sin.auc.value == pytest.approx(auc(targets(), values["sin"][:, 0]))


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (1.0, "1"), (0.05, "0.05"), (True, "true"), ("sin", "sin"), ([1, 2], "[1, 2]")],
)
def test_equal_levels_have_the_same_text(value: object, text: str) -> None:
    assert level_text(value) == text
