"""A stored run's network, ready to predict other images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.config import DataConfig, expand
from bench.data.batches import ImageSet
from bench.data.decode import decode_all, resize
from bench.data.description import DataRecord
from bench.data.image_files import quiet_decoders, read_grayscale
from bench.data.load import open_study
from bench.data.placement import MemoryMapped
from bench.data.study import ImageError
from bench.errors import InputError
from bench.evaluate.operating_points import OperatingPoints
from bench.registry import NetworkShape, find_model
from bench.runs.checksums import WEIGHTS
from bench.runs.run import Run
from bench.runs.store import Store
from bench.train import checkpoint
from bench.train.device import lay_out
from bench.train.prediction import predict

NOTICE = "research software, not a medical device"
ROUNDED = 0.02
"""Largest difference of a probability that is put down to rounding where a run computed
in bfloat16 or on a GPU (:attr:`LoadedModel.rounds`)."""
Images = str | Path | Sequence[str | Path] | NDArray[np.uint8]


class LoadedModel:
    """A trained network with its run's preprocessing, classes and threshold.

    Args:
        folder: of a finished run of a network.
        device: where it computes.

    Attributes:
        name: of the run's folder.
        run: what is stored of it.
        settings: of the run.
        data: the data that it was trained on: task, classes, image size, normalisation.
        points: thresholds and temperatures, chosen on the validation part.
        image_size: side in pixels of the squares that it sees.
        shape: its input and outputs, from which its model builds it.
        normalisation: of the pixels that it sees.
        network: in evaluation mode, on the device; from (b, channels, side, side) float32, as
            :meth:`to_input` gives it, to logits (b, classes).

    Raises:
        InputError: there is no such run, it is damaged, has not finished or is no network's, or its
            model is a plugin's that is not loaded or has other layers now.
    """

    def __init__(self, folder: Path, *, device: torch.device) -> None:
        run = Store(folder.parent).run(folder.name)
        settings = run.finished_network()
        assert run.data.image_size is not None, "a network was trained on pixels"
        assert run.data.normalisation is not None, "a network was trained on pixels"
        self.name = folder.name
        self.run: Run = run
        self.settings = settings
        self.data: DataRecord = run.data
        self.points = OperatingPoints.choose(run.predictions()["validation"], run.outputs)
        self.device = device
        self.image_size = run.data.image_size
        self.shape = NetworkShape(
            in_channels=settings.model.in_channels,
            outputs=len(run.data.classes),
            image_size=run.data.image_size,
            options=settings.model.options,
        )
        model = find_model(run.cell.model)
        self.normalisation = model.normalisation(
            settings.model.normalisation, data=run.data.normalisation
        )
        network = model.build(self.shape)
        lay_out(network, device=device, memory_format=settings.train.memory_format)
        _load_weights(network, run, device=device)
        self.network = network.eval()

    def data_config(self, root: Path | None = None) -> DataConfig:
        """The data that its run was made of, as an experiment has them.

        Args:
            root: folder or file of them; None is where the run's experiment found them.

        Raises:
            InputError: the record of the experiment is damaged.
        """
        levels = [
            level.data
            for level in expand(Store(self.run.folder.parent).experiment_of(self.run.folder))
        ]
        # A run keeps the last part of its folder: where folders were levels, it tells them apart.
        of_root = [
            data for data in levels if data.root and data.root.resolve().name == self.data.root
        ]
        own = self.settings.data
        changes: dict[str, object] = {
            "source": own.source,
            "options": own.options,
            "image_size": own.image_size,
        }
        if root is not None:
            changes["root"] = root
        return (of_root or levels)[0].model_copy(update=changes)

    def own_squares(
        self,
        images: Sequence[str],
        *,
        root: Path | None,
        progress: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.uint8]:
        """Gray squares, uint8 (n, side, side), of images of the data that it was trained on.

        Args:
            images: their ids.
            root: folder or file of the data; None is where the run's experiment found them.
            progress: called with images decoded and images in all.

        Raises:
            InputError: the data, or one of the images, are not there.
        """
        study = open_study(self.data_config(root))
        assert study.reader is not None, "labels were opened with their images"
        if absent := set(images) - set(study.rows["image"]):
            raise InputError(
                f"image {min(absent)!r} of run {self.name} is not in these data: --data gives "
                "another folder or file"
            )
        squares = np.empty((len(images), *2 * (self.image_size,)), np.uint8)
        full_scale = self.data.full_scale
        with quiet_decoders():
            decoded = decode_all(study.reader, images, self.image_size, full_scale=full_scale)
            for number, each in enumerate(decoded):
                if each.problem is not None:
                    raise InputError(f"image {each.problem.image!r}: {each.problem.detail}")
                squares[number] = each.pixels
                if progress is not None:
                    progress(number + 1, len(images))
        return squares

    @property
    def rounds(self) -> bool:
        """Whether its run computed otherwise than in float32 on a CPU: it rounds otherwise here."""
        cpu = all(attempt.device.startswith("CPU, ") for attempt in self.run.attempts)
        return not cpu or self.settings.train.precision != "float32"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the columns of the probabilities."""
        return self.data.classes

    @property
    def threshold(self) -> float | NDArray[np.float64] | None:
        """Threshold of the second of two classes, or float64 (classes,) of each finding.

        A class is called at or above it; None where the most probable of several classes is called.
        """
        thresholds = self.points.thresholds
        if self.data.kind == "multilabel":
            return thresholds
        return float(thresholds[0]) if len(thresholds) else None

    def __call__(self, images: Images) -> NDArray[np.float64]:
        """Predict some images.

        Args:
            images: paths of PNG, JPEG, TIFF or DICOM files, or one path; or gray values, uint8
                (n, height, width). They are resized to the run's image size as its own images were.

        Returns:
            Probabilities, float64 (n, classes): of classes that exclude each other, or of each
            finding by itself.

        Raises:
            InputError: a file is no image that can be read, or the array is of another shape or
                type.
        """
        return self.predict(self.decode(images))

    def decode(self, images: Images) -> NDArray[np.uint8]:
        """Gray squares of some images, uint8 (n, side, side), as its own images became them.

        Args, Raises:
            as for a call.
        """
        if isinstance(images, np.ndarray):
            if images.dtype != np.uint8 or images.ndim != 3:
                raise InputError(
                    f"images are {images.dtype} {images.shape}: give uint8 (n, height, width), or "
                    "paths"
                )
            grays: Sequence[NDArray[np.uint8]] = list(images)
        else:
            paths = [images] if isinstance(images, str | Path) else images
            with quiet_decoders():
                grays = [_read(Path(path), self.data.full_scale) for path in paths]
        squares = [resize(gray, self.image_size) for gray in grays]
        return np.stack(squares) if squares else np.empty((0, *2 * (self.image_size,)), np.uint8)

    def predict(self, squares: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Probabilities, float64 (n, classes), of gray squares, uint8 (n, side, side)."""
        if not len(squares):
            return np.empty((0, len(self.classes)))
        predicted = predict(
            self.network,
            self._image_set(squares),
            kind=self.data.kind,
            precision=self.settings.train.precision,
        )
        return predicted.probabilities.cpu().numpy()

    def to_input(self, squares: NDArray[np.uint8]) -> torch.Tensor:
        """The network's input for gray squares: float32 (n, channels, side, side), on the device.

        Args:
            squares: uint8 (n, side, side), at least one.
        """
        return next(self._image_set(squares).in_order(len(squares)))

    def _image_set(self, squares: NDArray[np.uint8]) -> ImageSet:
        return ImageSet(
            placement=MemoryMapped(squares, device=self.device),
            pixel_rows=np.arange(len(squares)),
            targets=np.empty(0, np.int64),  # unknown, and not asked for
            normalisation=self.normalisation,
            in_channels=self.settings.model.in_channels,
        )


def _load_weights(network: nn.Module, run: Run, *, device: torch.device) -> None:
    weights = checkpoint.load(run.folder / WEIGHTS, device=device)  # whole, or the run were not
    if weights is None:
        raise InputError(
            f"run {run.name} has no weights ({WEIGHTS}), as one of a bundle: take it away "
            "with `bench runs remove`, and train it with `bench run`"
        )
    try:
        network.load_state_dict(weights["network"])
    except RuntimeError:
        raise InputError(
            f"the weights of run {run.name} do not fit model {run.cell.model!r}, whose "
            "layers are others now: load the code that it was trained with"
        ) from None


def _read(path: Path, full_scale: int | None) -> NDArray[np.uint8]:
    try:
        return read_grayscale(path, full_scale=full_scale)
    except ImageError as error:
        raise InputError(f"image {str(path)!r}: {error}") from None
