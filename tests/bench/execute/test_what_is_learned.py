"""A run learns from the training images that its task asks about, and from nothing else.

A network that remembers what it is shown, and a loss that writes down what it is told, are put
through whole runs on the phantom. What they should have met is worked out from the labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.config import load_experiment
from bench.data.load import open_study
from bench.data.splits import Split, draw_share
from bench.data.study import NIH_FINDINGS
from bench.events import MatrixFinished
from bench.execute.experiment import run_experiments
from bench.progress import QuietProgress
from bench.registry import LOSSES, MODELS, register_loss, register_model
from bench.runs.run import Run
from bench.runs.store import Store
from cxnet.losses import balanced_class_weights

ASKED: dict[str, Callable[[Sequence[str]], bool]] = {
    "m2": lambda found: len(found) >= 1,
    "m3": lambda found: len(found) >= 2,
    "m4": lambda found: len(found) == 1,
}
ANSWER: dict[str, Callable[[Sequence[str]], Any]] = {
    "m2": lambda found: int(len(found) >= 2),
    "m3": lambda found: [float(finding in found) for finding in NIH_FINDINGS],
    "m4": lambda found: NIH_FINDINGS.index(found[0]),
}


class Eye(nn.Module):
    """A network of one layer that remembers the images whose loss was not asked for yet."""

    def __init__(self, in_channels: int, outputs: int) -> None:
        super().__init__()
        self.shown: list[Tensor] = []
        self.body = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        self.shown.append(x.clone())
        logits: Tensor = self.body(x)
        return logits


@dataclass(frozen=True)
class Batch:
    """Images and targets that a network and its loss met at once."""

    learned: bool
    images: Tensor
    targets: Tensor


@dataclass
class Witness:
    """Batches of one training, in order, and the weights that the loss was given."""

    eye: Eye | None = None
    class_weights: Tensor | None = None
    batches: list[Batch] = field(default_factory=list)


class Notebook(nn.Module):
    """The loss of a training, which writes down each batch."""

    def __init__(self, kind: str, witness: Witness) -> None:
        super().__init__()
        self.plain = nn.CrossEntropyLoss() if kind == "multiclass" else nn.BCEWithLogitsLoss()
        self.witness = witness

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        assert self.witness.eye is not None
        learned = torch.is_grad_enabled()
        images = torch.cat(self.witness.eye.shown)
        self.witness.eye.shown.clear()
        self.witness.batches.append(Batch(learned, images, targets.clone()))
        loss: Tensor = self.plain(logits, targets)
        return loss


@pytest.fixture(scope="module")
def witness() -> Iterator[Witness]:
    """Filled anew by each training with the model ``eye`` and the loss ``notebook``."""
    seen = Witness()

    @register_model("eye", description="remembers what it is shown")
    def eye(*, in_channels: int, outputs: int, image_size: int) -> nn.Module:  # noqa: ARG001
        seen.eye = Eye(in_channels, outputs)
        return seen.eye

    @register_loss("notebook", description="writes down what it is told")
    def notebook(*, kind: str, class_weights: Tensor | None) -> nn.Module:
        seen.class_weights = class_weights
        seen.batches = []
        return Notebook(kind, seen)

    yield seen
    MODELS.remove("eye")
    LOSSES.remove("notebook")


@dataclass(frozen=True)
class Trained:
    """A run with a network and the control ``prior``, and what it should have met.

    Attributes:
        network, prior: the two runs.
        class_weights: those that the loss was given.
        batches: all that the network met with its loss.
        shown: images that it met afterwards.
        pixels: of each image by its id.
        to_learn, to_validate: the right answer for each image, by its id.
        to_judge: the images of the validation and of the test part, asked about or not.
    """

    network: Run
    prior: Run
    class_weights: Tensor | None
    batches: list[Batch]
    shown: Tensor
    pixels: dict[str, np.ndarray[Any, Any]]
    to_learn: dict[str, Any]
    to_validate: dict[str, Any]
    to_judge: dict[str, set[str]]

    def names(self, images: Tensor) -> list[str]:
        """The ids of images that a network met."""
        names = {pixels.tobytes(): image for image, pixels in self.pixels.items()}
        assert len(names) == len(self.pixels), "two images are alike"
        scale = self.network.data.normalisation
        assert scale is not None
        grey = (images[:, 0].double() * scale.std + scale.mean) * 255
        return [names[pixels.tobytes()] for pixels in grey.round().byte().numpy()]

    def met(self, batches: Sequence[Batch]) -> dict[str, Any]:
        """The answer that was given for each image of some batches, by the image's id."""
        told: dict[str, Any] = {}
        for batch in batches:
            for name, target in zip(self.names(batch.images), batch.targets, strict=True):
                answer = told.setdefault(name, target.tolist())
                assert answer == target.tolist()
        return told

    @property
    def last_step(self) -> int:
        """The place of the last batch that was learned from."""
        return max(place for place, batch in enumerate(self.batches) if batch.learned)


@pytest.fixture(
    scope="module",
    params=[("m2", 0.5), ("m3", 1.0), ("m4", 1.0)],
    ids=lambda param: f"{param[0]}, share {param[1]}",
)
def trained(
    request: pytest.FixtureRequest, witness: Witness, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    task, share = request.param
    experiment = load_experiment(
        "demo",
        settings=[
            f"task={task}",
            f"data.train_share={share}",
            "data.options.images=600",
            # An epoch of all 360 training images, so that a stranger among them would be met.
            "train.batch_size=32",
            "train.max_iterations=12",
            "train.validate_every=6",
            "train.class_weighting=true",
            "train.recipe=paper",  # no augmentation
            "train.lr=0.02",
        ],
        changes={"models": ["eye"], "losses": ["notebook"], "controls": ["prior"]},
    )
    store = Store(tmp_path_factory.mktemp("runs"))
    summary = run_experiments(
        [experiment], out=store.root, device=torch.device("cpu"), progress=QuietProgress()
    )
    assert summary == MatrixFinished(finished=2)
    runs = {run.cell.kind: run for run in store.runs()}

    assert witness.eye is not None

    study = open_study(experiment.data)
    (path,) = store.splits.glob("*.csv")
    split = Split.read(path, study.rows)
    images = study.rows["image"].to_numpy()
    findings = dict(zip(images, study.rows["findings"], strict=True))

    def answers(places: np.ndarray[Any, Any]) -> dict[str, Any]:
        asked = [image for image in images[places] if ASKED[task](findings[image])]
        return {image: ANSWER[task](findings[image]) for image in asked}

    return Trained(
        network=runs["network"],
        prior=runs["control"],
        class_weights=witness.class_weights,
        batches=witness.batches,
        shown=torch.cat(witness.eye.shown),
        pixels={image: study.reader.read(image) for image in images},
        to_learn=answers(draw_share(study.rows, split, share=share)),
        to_validate=answers(split.validation),
        to_judge={part: set(images[split.parts[part]]) for part in ("validation", "test")},
    )


def test_a_network_learns_from_the_training_images_that_its_task_asks_about(
    trained: Trained,
) -> None:
    assert trained.met([batch for batch in trained.batches if batch.learned]) == trained.to_learn


def test_it_is_validated_on_the_validation_images_that_its_task_asks_about(
    trained: Trained,
) -> None:
    validations = [b for b in trained.batches[: trained.last_step] if not b.learned]
    # The second validation comes after the last step.
    validations.append(trained.batches[trained.last_step + 1])
    assert len(validations) == 2
    for batch in validations:
        assert len(batch.targets) == len(trained.to_validate)
        assert trained.met([batch]) == trained.to_validate


def test_it_is_judged_on_every_image_once_it_has_learned(trained: Trained) -> None:
    assert len(trained.batches) == trained.last_step + 2  # the last is of a validation
    judged = trained.names(trained.shown)
    assert sorted(judged) == sorted([*trained.to_judge["validation"], *trained.to_judge["test"]])
    assert not trained.to_judge["test"] & {*trained.to_learn, *trained.to_validate}


def test_its_loss_is_weighted_by_the_images_that_it_learns_from(trained: Trained) -> None:
    outputs = trained.network.outputs
    expected = balanced_class_weights(
        torch.tensor(list(trained.to_learn.values())),
        kind=outputs.kind,
        outputs=len(outputs.classes),
    )
    assert trained.class_weights is not None
    torch.testing.assert_close(trained.class_weights, expected, rtol=0, atol=0)


def test_images_are_normalised_by_those_that_are_learned_from(trained: Trained) -> None:
    grey = np.stack([trained.pixels[image] for image in trained.to_learn]) / 255.0
    scale = trained.network.data.normalisation
    assert scale is not None
    assert (scale.mean, scale.std) == pytest.approx((grey.mean(), grey.std()), rel=1e-9)


def test_the_prior_is_the_prevalence_among_the_images_that_are_learned_from(
    trained: Trained,
) -> None:
    answers = np.array(list(trained.to_learn.values()))
    outputs = trained.prior.outputs
    classes = answers if outputs.kind == "multilabel" else np.eye(len(outputs.classes))[answers]
    said = trained.prior.probabilities("test")
    assert len(said) == len(trained.to_judge["test"])
    if outputs.binary:
        # Of two classes the second's probability is kept; the other is reckoned from it.
        assert (said.to_numpy()[:, 1] == classes.mean(axis=0)[1]).all()
    else:
        assert (said.to_numpy() == classes.mean(axis=0)).all()
