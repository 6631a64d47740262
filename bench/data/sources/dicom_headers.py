"""The headers of a folder's DICOM files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.data.dicom import HEAD, is_dicom, require_pydicom
from bench.data.image_files import quiet_decoders
from bench.data.sources.tree import look
from bench.data.study import ImageError
from bench.errors import InputError
from bench.text import printable

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_TAGS = (
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "AccessionNumber",
    "PatientID", "PatientSex", "PatientAge", "ViewPosition", "Modality", "BurnedInAnnotation",
    "NumberOfFrames", "Rows", "BitsStored", "WindowCenter", "VOILUTSequence",
)  # fmt: skip

RADIOGRAPHS = ("CR", "DX", "RG")
"""Modalities of computed, digital and conventional radiography."""

# Secondary Capture Image Storage, and its forms of several frames (PS3.4, B.5).
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True, kw_only=True)
class DicomHeader:
    """Header of a DICOM image (PS3.3); "" where it says nothing."""

    file: str  # path below the folder, with forward slashes
    sop_instance_uid: str
    study_instance_uid: str
    accession_number: str
    patient_id: str
    sex: str  # "F", "M", "O"
    age: str  # such as "058Y"
    view: str  # of View Position, such as "PA" or "LL"
    modality: str  # such as "DX"
    burned_in: bool  # whether text is burned into the pixels (Burned In Annotation)
    secondary_capture: bool  # whether it is a picture of a screen or a scan of a film
    frames: int
    bits: str  # of a stored value, such as "12"
    windowed: bool  # whether there is a window or a VOI LUT


@dataclass(frozen=True, kw_only=True)
class DicomFolder:
    """The DICOM files below a folder."""

    root: Path
    images: tuple[DicomHeader, ...]  # in the order of their files
    imageless: int  # number of DICOM files without an image, such as reports
    damaged: dict[str, str]  # DICOM files that cannot be used, and what is wrong with them
    others: tuple[str, ...]  # all other files, below the folder
    # Number of files and folders that were not looked at: those that systems leave, and folders of
    # masks.
    skipped: int


def read_headers(root: Path) -> DicomFolder:
    """Read the headers of all DICOM files below a folder, whatever their suffix."""
    require_pydicom()
    images, others, imageless = [], [], 0
    damaged: dict[str, str] = {}
    try:
        tree = look(root)
        with quiet_decoders():
            for steps in sorted([*tree.files, *tree.others]):
                file = "/".join(steps)
                try:
                    found = _examine(file, root.joinpath(*steps))
                except PermissionError:
                    damaged[printable(file)] = "permission denied"
                except ImageError as error:
                    damaged[printable(file)] = str(error)
                else:
                    if isinstance(found, DicomHeader):
                        images.append(found)
                    elif found == "imageless":
                        imageless += 1
                    else:
                        others.append(file)
    except OSError as error:
        raise InputError(
            f"{error.filename or str(root)!r} cannot be read: {(error.strerror or '').lower()}"
        ) from None
    return DicomFolder(
        root=root,
        images=tuple(images),
        imageless=imageless,
        damaged=damaged,
        others=tuple(others),
        skipped=len(tree.system) + len(tree.masks),
    )


def _examine(file: str, path: Path) -> DicomHeader | Literal["imageless", "other"]:
    """The header of a file with an image, or the kind of another file."""
    from pydicom import dcmread

    with path.open("rb") as content:
        if not is_dicom(content.read(HEAD)):
            return "other"
    if not file.isprintable():
        raise ImageError("unreadable", "its name cannot be printed: rename it")
    try:
        dataset = dcmread(path, force=True, stop_before_pixels=True, specific_tags=[*_TAGS])
        if "Rows" in dataset:
            return _header(file, dataset)
        if _is_imageless(dataset):
            return "imageless"
    except Exception as error:  # pydicom raises nearly anything on hostile bytes.
        if isinstance(error, OSError) and error.errno:
            raise
        raise ImageError("unreadable", "the header of the DICOM file is damaged") from None
    raise ImageError("truncated", "the DICOM file ends within its header")


def _is_imageless(dataset: Dataset) -> bool:
    """Whether a file without rows is a report, a directory or the like, and not cut."""
    kind = dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID")
    return bool(kind) and _text(dataset, "Modality").upper() not in RADIOGRAPHS


def _header(file: str, dataset: Dataset) -> DicomHeader:
    return DicomHeader(
        file=file,
        sop_instance_uid=_text(dataset, "SOPInstanceUID"),
        study_instance_uid=_text(dataset, "StudyInstanceUID"),
        accession_number=_text(dataset, "AccessionNumber"),
        patient_id=_text(dataset, "PatientID"),
        sex=_text(dataset, "PatientSex").upper(),
        age=_text(dataset, "PatientAge"),
        view=_text(dataset, "ViewPosition").upper(),
        modality=_text(dataset, "Modality").upper(),
        burned_in=_text(dataset, "BurnedInAnnotation").upper() == "YES",
        secondary_capture=_text(dataset, "SOPClassUID").startswith(_SECONDARY_CAPTURE),
        frames=int(_text(dataset, "NumberOfFrames") or 1),
        bits=str(dataset.get("BitsStored") or ""),
        windowed=bool(_text(dataset, "WindowCenter") or "VOILUTSequence" in dataset),
    )


def _text(dataset: Dataset, keyword: str) -> str:
    """The value of an element that is stored as text."""
    element = dataset.get_item(keyword)
    if element is None or element.value is None:
        return ""
    value = element.value
    if isinstance(value, bytes) and value.isascii():  # as it stands in the file, which is faster
        return value.decode().strip(" \0")
    return str(dataset[keyword].value).strip(" \0")
