"""Any two-dimensional ``.npz`` file in MedMNIST's format.

Yang et al., "MedMNIST v2", Scientific Data 10 (2023). The file holds the arrays
``train_images``, ``train_labels``, ``val_images``, ``val_labels``, ``test_images`` and
``test_labels``. Images are uint8, shape (images, height, width), with or without a last axis of 1
or 3 channels; labels are whole numbers, shape (images,) or (images, 1) for classes, or
(images, labels) of 0 and 1. Rows with one 1 each, in all parts, are classes written one-hot.
"""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.data.image_files import file_stamp, luma
from bench.data.study import NIH_FINDINGS, StudyTable, study_rows
from bench.errors import InputError
from bench.registry.datasets import register_dataset
from bench.registry.options import SourceOptions
from bench.text import first_names

# How other pixels become uint8, by kind and bytes of their type.
_RESCALED = {
    "f4": ", such as numpy.round(255 * images) where they lie in [0, 1]",
    "f8": ", such as numpy.round(255 * images) where they lie in [0, 1]",
    "u2": ", such as numpy.round(images / 257) where they fill 16 bits, or images / 16.06 for 12",
    "b1": ", such as 255 * images",
}

SPLITS = {"train": "train", "val": "validation", "test": "test"}  # MedMNIST's names → ours


# Known files' class names, and which of them is normal, from MedMNIST's ``info.py``.
_CLASSES = {
    "pneumoniamnist": ("normal", "Pneumonia"),
    "breastmnist": ("malignant", "normal or benign"),
    "octmnist": ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
}
_NORMAL = {"pneumoniamnist": 0, "breastmnist": 1, "octmnist": 3}


class MedMnistOptions(SourceOptions):
    """``data.options`` of the source ``medmnist``."""

    normal_class: int | None = None
    """The class that is a normal image; left out, the right one for the files ``pneumoniamnist``,
    ``breastmnist`` and ``octmnist``, and 0 for others. Files with several labels per image have
    none: no label is normal.
    """


@register_dataset(
    "medmnist",
    description="a 2-D .npz file in MedMNIST's format, for example chestmnist.npz",
    options_model=MedMnistOptions,
)
def open_medmnist(
    *,
    root: Path,
    image_size: int,  # noqa: ARG001 -- images are resized when they are decoded
    options: MedMnistOptions,
) -> StudyTable:
    """A MedMNIST file's images, with their splits.

    Image ids are ``train_000000``, ``train_000001``, …; patients are unknown. ``val`` becomes
    the split "validation". Classes other than the normal one and labels become findings: with
    their names where the file is a known one (14 labels are ChestMNIST's, in NIH's order), as
    ``class_1`` or ``label_0`` otherwise.
    """
    file = _find(root)
    height, width = _check_images(file)
    labels = {split: _read_labels(file, split) for split in SPLITS}
    if len({array.shape[1] for array in labels.values()}) > 1:
        raise InputError(f"{file.name}: the splits have different numbers of labels")
    stacked = np.concatenate(list(labels.values()))
    notes = [f"{file.name}: {len(stacked):,} images of {height}×{width} px"]
    if _is_one_hot(file, stacked):
        notes.append(f"each image has one of {stacked.shape[1]} labels: they are taken as classes")
        stacked = stacked.argmax(axis=1)[:, None]
    names, is_finding = _findings(file, stacked, options.normal_class)
    if stacked.shape[1] == 1 and options.normal_class is None and _kind(file) not in _NORMAL:
        notes.append("class 0 is taken as normal (data.options.normal_class)")
    numbered = [(split, row) for split, array in labels.items() for row in range(len(array))]
    rows = study_rows(
        {
            "image": [f"{split}_{row:06d}" for split, row in numbered],
            "findings": [tuple(np.compress(row, names).tolist()) for row in is_finding],
            "given_split": [SPLITS[split] for split, _ in numbered],
        }
    )
    return StudyTable(
        name="medmnist",
        rows=rows,
        finding_names=names,
        reader=_ArrayReader(file),
        notes=tuple(notes),
    )


class _ArrayReader:
    """Pixel reader of the file's arrays; each is loaded whole with its first image."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp = file_stamp(file)
        self._arrays: dict[str, NDArray[np.uint8]] = {}
        self._lock = threading.Lock()

    def read(self, image: str) -> NDArray[np.uint8]:
        """See :meth:`bench.data.study.PixelReader.read`.

        Raises:
            InputError: the file is damaged, and with it all images of the array.
        """
        split, _, row = image.rpartition("_")
        with self._lock:
            if split not in self._arrays:
                images = _load(self._file, f"{split}_images")
                gray = images.ndim == 4 and images.shape[-1] == 1
                self._arrays[split] = images[..., 0] if gray else images
        return luma(Image.fromarray(self._arrays[split][int(row)]))

    def stamp(self, image: str) -> str:  # noqa: ARG002 -- all images lie in one file
        """The whole file's; see :func:`bench.data.image_files.file_stamp`."""
        return self._stamp


def _load(file: Path, name: str) -> NDArray[Any]:
    try:
        with np.load(file) as arrays:
            array: NDArray[Any] = arrays[name]
    except Exception as error:  # of numpy, zipfile or zlib, by what is damaged
        raise _unreadable(file, error) from None
    return array


def _unreadable(file: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split())
    return InputError(f"{file.name} cannot be read as a MedMNIST file: {reason}")


def _find(root: Path) -> Path:
    if not root.is_dir():
        return root
    found = sorted(root.glob("*.npz"))
    if not found:
        raise InputError(f"no .npz file in {str(root)!r}: name MedMNIST's file with --data")
    if len(found) > 1:
        names = first_names([file.name for file in found], 5)
        raise InputError(
            f"{len(found)} .npz files in {str(root)!r} ({names}): name one of them with --data"
        )
    return found[0]


def _check_images(file: Path) -> tuple[int, int]:
    """Height and width of the images, from the arrays' headers alone; others are refused."""
    size = (0, 0)
    for split in SPLITS:
        shape, dtype = _header(file, f"{split}_images")
        if len(shape) == 4 and shape[-1] not in (1, 3) and shape[1] in (1, 3):
            raise InputError(
                f"{file.name}: {split}_images is of shape {shape}, with the channels first: store "
                "numpy.moveaxis(images, 1, -1)"
            )
        if len(shape) == 5 or (len(shape) == 4 and shape[-1] not in (1, 3)):
            raise InputError(f"{file.name} holds three-dimensional images: only 2-D files are read")
        if len(shape) not in (3, 4) or dtype != np.uint8:
            raise InputError(
                f"{file.name}: {split}_images is {dtype} of shape {shape}, not uint8 of shape "
                "(images, height, width) or (images, height, width, 1 or 3): store 0 to 255 as "
                f"uint8{_RESCALED.get(dtype.kind + str(dtype.itemsize), '')}"
            )
        labels, _ = _header(file, f"{split}_labels")
        if not labels or labels[0] != shape[0]:
            raise InputError(
                f"{file.name}: {split}_images is of shape {shape}, but {split}_labels of {labels}"
            )
        size = (shape[1], shape[2])
    return size


def _header(file: Path, name: str) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Shape and type of an array in the file, without decompressing it."""
    try:
        with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as member:
            version = np.lib.format.read_magic(member)
            if version == (1, 0):
                shape, _, dtype = np.lib.format.read_array_header_1_0(member)
            else:
                shape, _, dtype = np.lib.format.read_array_header_2_0(member)
    except KeyError:
        raise InputError(f"{file.name} has no array {name!r}: it is no MedMNIST file") from None
    except Exception as error:  # of numpy, zipfile or zlib, by what is damaged
        raise _unreadable(file, error) from None
    return shape, dtype


def _read_labels(file: Path, split: str) -> NDArray[np.int64]:
    """Labels, int64, shape (images, labels)."""
    labels = _load(file, f"{split}_labels")
    whole = labels.dtype.kind in "iub" or (
        labels.dtype.kind == "f" and bool((labels == np.trunc(labels)).all())
    )
    if not whole or labels.ndim not in (1, 2):
        raise InputError(
            f"{file.name}: {split}_labels is {labels.dtype} of shape {labels.shape}, not whole "
            "numbers of shape (images, labels)"
        )
    return labels.reshape(len(labels), -1).astype(np.int64)


def _is_one_hot(file: Path, labels: NDArray[np.int64]) -> bool:
    """Whether each row has one 1 and zeros; a small part of ChestMNIST may look so, and is not."""
    several = labels.shape[1] > 1 and _kind(file) != "chestmnist"
    return several and bool(
        ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()
    )


def _kind(file: Path) -> str:
    """Name of MedMNIST's set: "pneumoniamnist_224.npz" is the same set at a larger size."""
    return file.stem.lower().split("_")[0]


def _findings(
    file: Path, labels: NDArray[np.int64], normal: int | None
) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """Finding names, and which image has which (bool, shape (images, findings))."""
    count = labels.shape[1]
    if count > 1:
        if normal is not None:
            raise InputError(
                f"{file.name} has several labels per image and no normal class: leave "
                "data.options.normal_class out"
            )
        if not np.isin(labels, (0, 1)).all():
            raise InputError(f"{file.name}: labels of several per image must be 0 or 1")
        numbered = tuple(f"label_{number}" for number in range(count))
        return NIH_FINDINGS if count == len(NIH_FINDINGS) else numbered, labels == 1
    present = np.unique(labels).tolist()
    if normal is None:
        normal = _NORMAL.get(_kind(file), 0)
    if normal not in present:
        raise InputError(
            f"{file.name} has no class {normal} (data.options.normal_class): it has "
            f"{', '.join(map(str, present)) or 'no image'}"
        )
    findings = [number for number in present if number != normal]
    known = _CLASSES.get(_kind(file), ())
    named = max(present) < len(known)
    names = tuple(known[number] if named else f"class_{number}" for number in findings)
    return names, labels == np.array(findings, dtype=np.int64)
