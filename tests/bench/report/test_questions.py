"""The section of a question: what is claimed, what is not, and every shipped question in small."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from bench import run
from bench.config import load_experiment
from bench.evaluate.estimate import Interval
from bench.evaluate.question_result import QuestionResult
from bench.evaluate.results import Results
from bench.registry.models import ModelEntry, NetworkShape
from bench.report.figures.questions import question_picture
from bench.report.formatting import difference
from bench.report.markdown import markdown_answer
from bench.report.notes import glossary
from bench.report.questions import caveats, conclusions
from tests.bench.evaluate.question_runs import (
    FAILED,
    QuestionRuns,
    asking,
    auc_of,
    cross,
    experiment,
)


@pytest.fixture
def stored(tmp_path: Path) -> QuestionRuns:
    return QuestionRuns(tmp_path / "runs")


def one_network(stored: QuestionRuns, **wrong: int) -> QuestionResult:
    """An answer from one network with cross entropy and with the sin-loss."""
    cross(stored, {("one", loss): count for loss, count in wrong.items()})
    stored.record(experiment(models=["one"]))
    return stored.answer()


def of_sin(answer: QuestionResult) -> Interval:
    comparison = answer.factors[0].levels["sin"].comparison
    assert comparison is not None
    return comparison.effect


@pytest.mark.parametrize(
    ("ce", "sin", "seeds", "claim"),
    [
        (16, 1, [0], "sin is above ce by {} ({}): better on this test set in one run of each."),
        (1, 16, [0], "sin is below ce by {} ({}): worse on this test set in one run of each."),
        (16, 1, [0, 1], "sin is above ce by {} ({}): better on this test set."),
    ],
)
def test_a_difference_is_claimed_where_the_interval_leaves_out_zero(
    stored: QuestionRuns, ce: int, sin: int, seeds: list[int], claim: str
) -> None:
    cross(stored, {("one", "ce"): ce, ("one", "sin"): sin}, seeds=seeds)
    stored.record(experiment(models=["one"], seeds=seeds))
    answer = stored.answer()
    effect = of_sin(answer)
    interval = f"95 % interval {effect.low:+.3f} to {effect.high:+.3f}"
    size = f"{abs(auc_of(sin) - auc_of(ce)):.3f}"
    assert conclusions(answer) == [claim.format(size, interval)]


def test_where_it_includes_zero_nothing_is_claimed_but_what_is_unlikely(
    stored: QuestionRuns,
) -> None:
    answer = one_network(stored, ce=0, sin=1)
    effect = of_sin(answer)
    assert effect.low < 0 <= effect.high
    assert conclusions(answer) == [
        f"sin against ce: cannot tell. The 95 % interval {difference(effect.low)} to "
        f"{difference(effect.high)} includes no difference. A difference above "
        f"{max(-effect.low, effect.high):.3f} is unlikely."
    ]


def test_whether_an_effect_depends_on_the_network_is_said(stored: QuestionRuns) -> None:
    cross(stored, {("one", "ce"): 16, ("one", "sin"): 1, ("two", "ce"): 1, ("two", "sin"): 16})
    stored.record(experiment(question=asking({"loss": "ce", "model": "one"})))
    answer = stored.answer()
    (interaction,) = answer.factors[0].interactions
    here, effect = interaction.here, interaction.effect
    assert conclusions(answer)[1] == (
        f"The difference of sin to ce is higher with one than with the other models, by "
        f"{2 * (auc_of(1) - auc_of(16)):.3f} (95 % interval {effect.low:+.3f} to "
        f"{effect.high:+.3f}). With one alone it is {here.value:+.3f} (95 % interval "
        f"{here.low:+.3f} to {here.high:+.3f})."
    )


def test_an_interaction_of_networks_that_learned_nothing_is_not_concluded(
    stored: QuestionRuns,
) -> None:
    cross(stored, {("one", "ce"): 16, ("one", "sin"): 1, ("two", "ce"): 10, ("two", "sin"): 16})
    stored.add("prior", wrong=5)
    question = asking({"loss": "ce", "model": "one"})
    stored.record(experiment(question=question, controls=["prior"]))
    assert conclusions(stored.answer())[1] == (
        "Whether the difference of sin to ce is the same with one and with the other models: "
        "nothing can be concluded. No network with one, or none with the other models, is above "
        "the best control."
    )


@pytest.mark.parametrize(
    ("wrong", "claim"),
    [((16, 1, 16, 10), "better on this test set."), ((8, 4, 6, 8), "is unlikely.")],
)
def test_where_few_networks_learned_it_is_said(
    stored: QuestionRuns, wrong: tuple[int, ...], claim: str
) -> None:
    cells = [(model, loss) for model in ("one", "two") for loss in ("ce", "sin")]
    cross(stored, dict(zip(cells, wrong, strict=True)), seeds=(0, 1))
    stored.add("prior", wrong=12)
    stored.record(experiment(controls=["prior"], seeds=[0, 1]))
    (sentence,) = conclusions(stored.answer())
    assert sentence.endswith(
        f"{claim} Only in 1 of 2 contexts is a network above the best control."
    )


def by_split(
    stored: QuestionRuns, *, controls: dict[str, int], sin: dict[str, int]
) -> QuestionResult:
    """The effect of sin in one network, on several splits, of which some have a control."""
    for split, wrong in sin.items():
        stored.add("one", "ce", wrong=16, split=split)
        stored.add("one", "sin", wrong=wrong, split=split)
    for split, wrong in controls.items():
        stored.add("prior", wrong=wrong, split=split)
    stored.record(
        experiment(models=["one"], vary={"data": {"split": list(sin)}}, controls=["prior"])
    )
    return stored.answer()


def test_contexts_without_a_control_are_counted_for_nothing(stored: QuestionRuns) -> None:
    sin = {"patient": 1, "image": 8, "official": 1}
    answer = by_split(stored, sin=sin, controls={"patient": 12, "image": 12})
    (sentence,) = conclusions(answer)
    assert sentence.endswith(
        " Only in 1 of the 2 contexts that have a control is a network above the best control."
    )
    assert (
        "No control has finished on data.split=official: whether a network learned more than a "
        "control is not known."
    ) in caveats(answer)
    text = markdown_answer(answer)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert [line.count("†") for line in lines if line.startswith("| split ")] == [1, 2, 0]
    assert text.endswith("- control prior, data.split=official: has no run that can be used")


def test_one_control_that_is_not_everywhere_is_named_with_its_data(stored: QuestionRuns) -> None:
    answer = by_split(stored, sin={"patient": 6, "image": 1}, controls={"patient": 5})
    assert conclusions(answer) == [
        "sin against ce: nothing can be concluded. No network with either is known to be above "
        "the best control."
    ]
    text = markdown_answer(answer)
    assert f"- best control: prior, AUC {auc_of(5):.3f} (data.split=patient)\n" in text


def test_networks_below_the_controls_answer_nothing(stored: QuestionRuns) -> None:
    stored.add("brightness", wrong=0)
    answer = one_network(stored, ce=16, sin=1)
    assert answer.without_controls == ()
    assert conclusions(answer) == [
        "sin against ce: nothing can be concluded. No network with either is above the best "
        "control."
    ]
    assert (
        "2 of 2 networks are not shown to be above the best control of the same data: "
        "one ce; one sin. They may have learned nothing that this question could use."
    ) in caveats(answer)
    text = markdown_answer(answer)
    assert "- best control: brightness, AUC 1.000\n" in text
    assert "\n- all runs: model one\n" in text


def test_caveats_are_those_that_apply(stored: QuestionRuns) -> None:
    one_seed = caveats(one_network(stored, ce=16, sin=1))
    assert one_seed == [
        "No control has finished: whether a network learned more than a control is not known.",
        "One seed: the intervals say what other patients would give. They do not say what another "
        "training run would give. A difference between single runs may be luck; run more seeds "
        "(--seeds 0,1,2).",
        "sin, sin_hump: reconstructions, since the paper's equation (9) for the weight could not "
        "be found.",
    ]


def test_several_seeds_and_comparisons_have_caveats_of_their_own(stored: QuestionRuns) -> None:
    wrong: dict[tuple[str, str], int | None] = {("one", "ce"): 8, ("one", "focal"): 6}
    cross(stored, wrong | {("one", "weighted_ce"): 4}, seeds=(0, 1, 2))
    stored.add("prior", wrong=20)
    losses = ["ce", "focal", "weighted_ce"]
    stored.record(experiment(models=["one"], losses=losses, seeds=[0, 1, 2], controls=["prior"]))
    assert caveats(stored.answer()) == [
        "3 seeds: how much training runs differ is estimated from 3 runs of each network.",
        "2 comparisons, not corrected for: where nothing differs, about one interval in 20 leaves "
        "out zero by chance.",
    ]


def test_the_section_has_tables_and_names_what_is_missing(stored: QuestionRuns) -> None:
    cross(stored, {("one", "ce"): 8, ("one", "sin"): 2, ("two", "ce"): 6})
    stored.add("two", "sin", outcome=FAILED)
    stored.record(experiment())
    text = markdown_answer(stored.answer())
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[:5] == [
        "## Question: asked",
        "",
        "**Is sin better?**",
        "",
        "Would count as yes: sin is above ce.",
    ]
    assert (
        "- nih (nih), split patient, task m1 (normal or abnormal?): 40 test images of 20 patients"
    ) in lines
    assert "- made by hand" in lines
    assert not [line for line in lines if line.startswith("- all runs: ")]
    (mean,) = [line for line in lines if line.startswith("| ce |")]
    assert f"| {(auc_of(8) + auc_of(6)) / 2:.3f} (" in mean
    assert mean.endswith("| – | 2 × 1 |")
    (of_two,) = [line for line in lines if line.startswith("| two ")]
    assert of_two == f"| two | {auc_of(6):.3f} | missing | – |"
    assert text.endswith(
        "### Runs that are missing from the answer\n\n"
        "- two sin, seed 0: failed: OutOfMemoryError: 2 GiB"
    )


def test_what_is_noted_of_one_level_alone_is_said_with_it(stored: QuestionRuns) -> None:
    for share, note in ((0.5, "half of them"), (1.0, "all of them")):
        stored.add("one", "ce", wrong=3, settings={"train_share": share}, notes=["here", note])
    question = asking({"data.train_share": 1.0})
    vary = {"data.train_share": [0.5, 1.0]}
    stored.record(experiment(models=["one"], losses=["ce"], vary=vary, question=question))
    notes = ("here", "half of them (data.train_share=0.5)", "all of them (data.train_share=1)")
    assert stored.answer().notes == notes


def test_every_row_of_a_control_has_its_name(stored: QuestionRuns) -> None:
    for share in (0.5, 1.0):
        for split in ("patient", "image"):
            settings = {"train_share": share}
            stored.add("one", "ce", wrong=3, split=split, settings=settings)
            stored.add("prior", wrong=20, split=split, settings=settings)
    stored.record(
        experiment(
            models=["one"],
            losses=["ce"],
            controls=["prior"],
            vary={"data": {"train_share": [0.5, 1.0], "split": ["patient", "image"]}},
            question=asking({"data.train_share": 1.0}),
        )
    )
    rows = markdown_answer(stored.answer()).split("\n| ")
    assert [row.partition(" |")[0].strip() for row in rows[-4:]] == [
        "split patient",
        "split image",
        "control: prior, split patient",
        "control: prior, split image",
    ]


def test_what_does_not_concern_a_network_is_not_missing(stored: QuestionRuns) -> None:
    for kernel in (3, 5):
        for loss in ("ce", "sin"):
            stored.add("one", loss, wrong=kernel, options={"kernel": kernel})
    cross(stored, {("two", "ce"): 1, ("two", "sin"): 2})
    key = "model.options.one.kernel"
    stored.record(experiment(vary={key: [3, 5]}, question=asking({key: 5})))
    text = markdown_answer(stored.answer())
    assert "| ce " in text
    assert "missing" not in text
    assert "| two " not in text


def test_models_alone_are_drawn_too(stored: QuestionRuns) -> None:
    cross(stored, {("one", "ce"): 8, ("two", "ce"): 2})
    stored.record(experiment(losses=["ce"], question=asking({"model": "one"})))
    (axes,) = question_picture(stored.answer()).draw().axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["two"]


def test_a_question_without_an_answer_says_why(stored: QuestionRuns) -> None:
    cross(stored, {("one", "ce"): None, ("one", "sin"): None})
    stored.record(experiment(models=["one"]))
    answer = stored.answer()
    assert "There is no answer: no network of it has finished." in markdown_answer(answer)


def test_a_missing_reference_is_said(stored: QuestionRuns) -> None:
    cross(stored, {("one", "ce"): None, ("one", "sin"): 3})
    stored.record(experiment(models=["one"]))
    assert conclusions(stored.answer()) == [
        "loss: no run at the reference ce has finished, so that nothing can be compared."
    ]


SMALL = "data.image_size=16"
LOSSES = ("ce", "weighted_ce", "focal", "sin_detached", "sin_hump", "sin_hump_detached")
RESNET = {"timm:resnet10t": (5, True)}


def layer(_: ModelEntry, shape: NetworkShape, **__: object) -> nn.Module:
    """A network of one layer."""
    values = shape.in_channels * shape.image_size**2
    return nn.Sequential(nn.Flatten(), nn.Linear(values, shape.outputs))


@pytest.mark.parametrize(
    ("config", "settings", "expected"),
    [
        (
            "loss_vs_architecture_small",
            [SMALL],
            [dict.fromkeys(LOSSES, (2, True)), {"timm:resnet10t": (7, True)}],
        ),
        (
            "resolution_small",
            ["vary.data.image_size=[16, 32]"],
            [{"16": (2, True)}, {"cxnet_m1_v2": (2, True)}],
        ),
        (
            "more_data_small",
            [SMALL, "data.options.images=240"],
            [dict.fromkeys(["0.05", "0.1", "0.25", "0.5"], (2, True)), RESNET],
        ),
        (
            "leakage_small",
            [SMALL, "data.sizes={train: 70, validation: 20, test: 30}"],
            [{"image": (4, False)}],
        ),
        (
            "kernels_small",
            [SMALL],
            [dict.fromkeys(["3", "7", "11"], (2, True)), {"after_norm": (4, True)}],
        ),
    ],
)
def test_every_shipped_question_is_asked_answered_and_drawn(
    config: str,
    settings: list[str],
    expected: list[dict[str, tuple[int, bool]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Contexts, and whether test images are the same; any network is a layer, as none is judged."""
    monkeypatch.setattr(ModelEntry, "build", layer)
    monkeypatch.setattr(ModelEntry, "check_image_size", lambda *_: None)  # a layer takes any
    steps = [
        "train.max_iterations=2",
        "train.validate_every=2",
        "train.batch_size=4",
        "controls=[prior]",
    ]
    quick = load_experiment(config, settings=["data.options.images=120", *steps, *settings])
    (answer,) = run(quick, out=tmp_path, device="cpu").questions
    assert (answer.gaps, answer.problem) == ((), "")
    found = [
        {
            level: (result.comparison.contexts, result.comparison.same_images)
            for level, result in factor.levels.items()
            if result.comparison
        }
        for factor in answer.factors
    ]
    assert found == expected
    of_first = [result.train_images for result in answer.factors[0].levels.values()]
    if config == "more_data_small":
        assert of_first == sorted(set(map(int, filter(None, of_first))))
    else:
        assert len(set(of_first)) == 1
    text = markdown_answer(answer)
    assert text.startswith(f"## Question: {config}\n")
    assert "- The images are synthetic: this says nothing about real X-rays.\n" in text
    assert len(question_picture(answer).draw().axes) >= len(answer.factors)


@pytest.mark.parametrize(
    "name", ["loss_vs_architecture", "resolution", "more_data", "leakage", "kernels"]
)
def test_a_small_question_asks_as_the_large_one(name: str) -> None:
    large, small = load_experiment(name), load_experiment(f"{name}_small")
    assert large.data.source == "nih"
    assert small.data.source == "phantom"
    assert large.seeds == (0, 1, 2, 3, 4)
    assert large.losses == small.losses
    assert list(large.vary) == list(small.vary)
    assert large.question is not None
    assert small.question is not None
    assert large.question.asks == small.question.asks
    keys = [factor.key for factor in large.question.factors]
    assert keys == [factor.key for factor in small.question.factors]


@pytest.mark.parametrize("wrong", [0, 20])
def test_a_mark_in_a_question_is_in_the_glossary(stored: QuestionRuns, wrong: int) -> None:
    stored.add("brightness", wrong=wrong)
    answer = one_network(stored, ce=8, sin=1)
    terms = dict(glossary(Results(tables=(), questions=(answer,))))
    assert ("†" in terms) == bool(answer.not_above_controls) == (wrong == 0)
