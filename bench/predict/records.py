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
    """A run whose network predicts."""

    run: str  # name of its folder
    seed: int
    weights_sha256: str  # of its file of weights; "" where the run has no checksum of it


class DataFacts(Frozen):
    """The data that the networks were trained on (:class:`bench.data.description.DataRecord`)."""

    source: str
    root: str
    task: str
    question: str
    image_size: int
    fingerprint: str
    split: str  # name of the split
    split_hash: str  # of the images in each part
    training_images: int  # of the task, as are the others
    validation_images: int


class Unlike(Frozen):
    """The rule that calls images unlike the training images."""

    training_share: float  # share of the training images beyond its distance, at most
    validation_images: int  # images that it was tried on; none of them chose it
    false_alarms: int  # how many of these it calls unlike
    false_alarm_rate: float | None  # their share; None without such images


class ImageRecord(Frozen):
    """The prediction for an image, or the reason why there is none."""

    image: str  # its name, as the user gave it
    sha256: str = ""  # of the file; "" where it could not be read
    width: int | None = None  # of the original in pixels, as is the height
    height: int | None = None
    # Of each class, or of each finding; the mean over the seeds.
    probabilities: Values | None = None
    calibrated: Values | None = None  # at the fitted temperature; None where none fits
    deviations: Values | None = None  # standard deviation over the seeds; None of one network
    seeds: dict[int, Values] | None = None  # the probabilities of each seed
    # What is called at the thresholds: one class, or any number of findings.
    decision: tuple[str, ...] | None = None
    # At the specific thresholds; None where there are none.
    decision_specific: tuple[str, ...] | None = None
    # Whether the image is unlike the training images; None where that is not known.
    unlike: bool | None = None
    because: str = ""  # in what; "" where it is not
    error: str = ""  # why it could not be read; "" where it could


class PredictionReport(Frozen):
    """Predictions for images, and all that they rest on."""

    format: int = FORMAT_VERSION
    version: str  # of this package
    notice: str = NOTICE
    model: str
    loss: str
    runs: tuple[RunFacts, ...]  # whose mean is predicted, by seed
    data: DataFacts
    kind: str  # ``multiclass`` or ``multilabel``
    classes: tuple[str, ...]  # of the probabilities
    # Chosen on the validation part, by what they call; empty of several classes, of which the
    # most probable is called.
    thresholds: Values
    specific_thresholds: Values  # the same at ``specificity``
    specificity: float  # share of the validation part's negatives below these
    temperatures: Values  # by what they scale; of ``all`` classes that exclude one another
    unlike: Unlike | None  # None of runs without the rule
    notes: tuple[str, ...]  # on the images as a whole
    skipped: tuple[Skipped, ...]  # what was found in folders and not predicted
    images: tuple[ImageRecord, ...]

    @property
    def errors(self) -> int:
        """Number of images that could not be read."""
        return sum(bool(image.error) for image in self.images)
