"""Predictions for new images as they are written, with what they rest on."""

from __future__ import annotations

from bench.config.frozen import Frozen
from bench.model import NOTICE
from bench.predict.images import Skipped

FORMAT_VERSION = 1
"""Raised when a field changes its meaning."""


Values = dict[str, float | None]
"""A number by the name of the class or finding; None where there is none."""


class RunFacts(Frozen):
    """A run whose network predicts.

    Attributes:
        run: name of its folder.
        seed: of the run.
        weights_sha256: of its file of weights; "" where the run has no checksum of it.
    """

    run: str
    seed: int
    weights_sha256: str


class DataFacts(Frozen):
    """The data that the networks were trained on; see :class:`bench.data.description.DataRecord`.

    Attributes:
        source, root, task, question, fingerprint, image_size: as there.
        split: its name.
        split_hash: of the images in each part.
        training_images, validation_images: of the task.
    """

    source: str
    root: str
    task: str
    question: str
    image_size: int
    fingerprint: str
    split: str
    split_hash: str
    training_images: int
    validation_images: int


class Unlike(Frozen):
    """The rule that calls images unlike the training images.

    Attributes:
        training_share: share of the training images beyond its distance, at most.
        validation_images: images that it was tried on; none of them chose it.
        false_alarms: how many of these it calls unlike.
        false_alarm_rate: their share; None without such images.
    """

    training_share: float
    validation_images: int
    false_alarms: int
    false_alarm_rate: float | None


class ImageRecord(Frozen):
    """The prediction for an image, or the reason why there is none.

    Attributes:
        image: its name.
        sha256: of the file; "" where it could not be read.
        width, height: of the original, in pixels.
        probabilities: of each class, or of each finding; the mean over the seeds.
        calibrated: at the fitted temperature; None where none fits.
        deviations: standard deviation over the seeds; None of one network.
        seeds: the probabilities of each seed.
        decision: what is called at the thresholds: one class, or any number of findings.
        decision_specific: at the specific thresholds; None where there are none.
        unlike: whether the image is unlike the training images; None where that is not known.
        because: in what; "" where it is not.
        error: why it could not be read; "" where it could.
    """

    image: str
    sha256: str = ""
    width: int | None = None
    height: int | None = None
    probabilities: Values | None = None
    calibrated: Values | None = None
    deviations: Values | None = None
    seeds: dict[int, Values] | None = None
    decision: tuple[str, ...] | None = None
    decision_specific: tuple[str, ...] | None = None
    unlike: bool | None = None
    because: str = ""
    error: str = ""


class PredictionReport(Frozen):
    """Predictions for images, and all that they rest on.

    Attributes:
        format: of this record.
        version: of this package.
        notice: what it is not.
        model, loss: of the row.
        runs: whose mean is predicted, by seed.
        data: that they were trained on.
        kind: ``multiclass`` or ``multilabel``.
        classes: of the probabilities.
        thresholds: chosen on the validation part, by what they call; empty of several classes, of
            which the most probable is called.
        specific_thresholds: the same at ``specificity``.
        specificity: share of the validation part's negatives below these.
        temperatures: by what they scale; of ``all`` classes that exclude one another.
        unlike: the rule; None of runs without it.
        notes: on the images as a whole.
        skipped: what was found in folders and not predicted.
        images: one record each.
    """

    format: int = FORMAT_VERSION
    version: str
    notice: str = NOTICE
    model: str
    loss: str
    runs: tuple[RunFacts, ...]
    data: DataFacts
    kind: str
    classes: tuple[str, ...]
    thresholds: Values
    specific_thresholds: Values
    specificity: float
    temperatures: Values
    unlike: Unlike | None
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    images: tuple[ImageRecord, ...]

    @property
    def errors(self) -> int:
        """Number of images that could not be read."""
        return sum(bool(image.error) for image in self.images)
