"""Exporting a run: its network in a folder, checked against the run's own probabilities."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from bench.config.frozen import Frozen
from bench.errors import InputError
from bench.export.deployed import DeployedNetwork
from bench.export.formats import FORMATS, Format
from bench.export.images import KnownImages, known_images, sample_image
from bench.export.preprocessing import preprocessing
from bench.files import new_folder, write_bytes, write_text
from bench.model import ROUNDED, LoadedModel
from bench.runs.records import write_model

TOLERANCE = 1e-4
"""Largest difference of a probability that is put down to rounding."""
SAMPLE, ANSWER, SCRIPT, CARD = "sample.png", "sample.json", "predict.py", "README.md"


class DisagreementError(Exception):
    """The exported file gives other probabilities than its run; nothing was kept of it."""


class Check(Frozen):
    """Largest absolute differences of a probability, between the exported file and its run.

    Attributes:
        images: number of the run's test images that were looked at; 0 where they were not there.
        network: from the run's network in float32, on these images and the sample.
        run: from what the run stored of the test images; from its network's answer for the sample
            where they were not there.
        run_rounds: whether the run computed otherwise (in bfloat16, or on a GPU), so that ``run``
            may be larger.
        not_there: why the test images were not looked at; "" where they were.
    """

    images: int
    network: float
    run: float
    run_rounds: bool
    not_there: str = ""

    def __str__(self) -> str:
        """The differences in a sentence."""
        if not self.images:
            return (
                f"max |Δp| {self.run:.1g} on the sample image alone: the run's test images were "
                f"not looked at ({self.not_there})"
            )
        why = ", which was computed in bfloat16 or on a GPU" if self.run_rounds else ""
        return (
            f"max |Δp| {self.run:.1g} from what the run stored of {self.images} test images{why}; "
            f"{self.network:.1g} from its network"
        )

    @property
    def limit(self) -> float:
        """Largest difference from what the run stored that is put down to rounding."""
        return ROUNDED if self.run_rounds else TOLERANCE

    def demand(self) -> None:
        """Refuse what is not within ``TOLERANCE``."""
        if not self.network <= TOLERANCE:  # nor where it is NaN
            raise DisagreementError(
                f"the exported file differs from the run's network by {self.network:.2g} in a "
                f"probability, more than {TOLERANCE:g}: nothing was written; try another --to"
            )
        if not self.run <= self.limit:
            raise DisagreementError(
                f"probabilities of {self.images} test images differ by up to {self.run:.2g} from "
                f"what the run stored, more than {self.limit:g}, though the file does what the "
                "network does: nothing was written; are these the run's data (--data)?"
            )


class Answer(Frozen):
    """The expected answer for the sample image, from the run's network."""

    image: str = SAMPLE
    probabilities: dict[str, float]
    called: tuple[str, ...]
    check: Check


def export(
    model: LoadedModel,
    folder: Path,
    *,
    to: Format,
    root: Path | None,
    card: Callable[[Check], str],
) -> Check:
    """Write a network, its preprocessing, a sample and its card into a new folder.

    Args:
        folder: must not be there; it is written whole, or not at all.
        root: folder or file of the run's data; None is where its experiment found them.

    Raises:
        InputError: the folder is there already, a package is missing, or ``root`` has no such
            data.
        DisagreementError: the file does not give the run's probabilities.
    """
    if folder.exists():
        raise InputError(f"{str(folder)!r} is there already: give another folder with --out")
    known, not_there = _known(model, root)
    deployed = DeployedNetwork(
        model.network,
        normalisation=model.normalisation,
        in_channels=model.shape.in_channels,
        kind=model.data.kind,
    )
    sample = sample_image()
    squares = model.decode(sample[None])
    with new_folder(folder) as made:
        FORMATS[to].write(made, deployed, model.run.cell.model, model.shape)
        file = FORMATS[to].load(made, deployed)
        answer = model.predict(squares)
        tried = known or KnownImages(squares=squares, probabilities=answer)
        everything = np.concatenate([squares, tried.squares])
        check = Check(
            images=len(known.squares) if known else 0,
            network=_difference(file(everything), _predicted(deployed, everything)),
            run=_difference(file(tried.squares), tried.probabilities),
            run_rounds=model.rounds,
            not_there=not_there,
        )
        check.demand()
        write_model(made / "preprocessing.json", preprocessing(model, deployed))
        write_bytes(made / SAMPLE, _png(sample))
        (called,) = model.points.names(answer)
        by_class = dict(zip(model.classes, answer[0].tolist(), strict=True))
        expected = Answer(probabilities=by_class, called=called or (), check=check)
        write_model(made / ANSWER, expected)
        if to == "onnx":
            script = files("bench.export").joinpath("predict_image.py")
            write_text(made / SCRIPT, script.read_text(encoding="utf-8"))
        write_text(made / CARD, card(check))
    return check


def _known(model: LoadedModel, root: Path | None) -> tuple[KnownImages | None, str]:
    """Test images, or the reason why there are none; data that were named must be there."""
    try:
        return known_images(model, root=root), ""
    except (InputError, OSError):
        if root is not None:
            raise
        # The message may hold paths and names of images, and the folder is for others.
        return None, "its data are not where they were"


def _predicted(deployed: DeployedNetwork, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        probabilities: torch.Tensor = deployed(torch.from_numpy(squares))
    return probabilities.numpy()


def _difference(found: NDArray[np.floating], wanted: NDArray[np.floating]) -> float:
    return float(np.abs(found - wanted).max())


def _png(pixels: NDArray[np.uint8]) -> bytes:
    content = BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()
