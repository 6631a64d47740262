"""DICOM files made in a test; needs pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)


def dicom_dataset(pixels: NDArray[Any], **elements: Any) -> Dataset:
    """A digital radiograph as a dataset.

    Args:
        pixels: stored values, 8 or 16 bits, signed or not, (height, width) or (height, width, 3).
        elements: others, or other values, by their keywords; None leaves one out.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    bits = 8 * pixels.itemsize
    colour = pixels.ndim == 3
    values = {
        "SOPClassUID": DigitalXRayImageStorageForPresentation,
        "SOPInstanceUID": generate_uid(),
        "Modality": "DX",
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        **({"PlanarConfiguration": 0} if colour else {}),
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "PixelRepresentation": int(np.issubdtype(pixels.dtype, np.signedinteger)),
    }
    values |= elements
    values.setdefault("HighBit", values["BitsStored"] - 1)
    for keyword, value in values.items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    return dataset


def write_dicom(path: Path, pixels: NDArray[Any], **elements: Any) -> Path:
    """Write :func:`dicom_dataset` to a file, uncompressed."""
    dicom_dataset(pixels, **elements).save_as(path, enforce_file_format=True)
    return path


def lut(values: NDArray[np.uint8] | NDArray[np.uint16], *, first: int, bits: int) -> Dataset:
    """An item of a sequence of LUTs.

    Args:
        values: the table.
        first: the value that its first entry is for.
        bits: of its entries.
    """
    item = Dataset()
    # By their tags, since the VR of both depends on other elements.
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(values), first, bits])
    item.add_new("LUTData", "OW", values.tobytes())
    return item


def radiograph(path: Path) -> NDArray[np.uint8]:
    """Gray values of an image file."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))
