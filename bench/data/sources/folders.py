"""Images in folders of classes: ``train/NORMAL/a.png``, or ``NORMAL/a.png`` without parts.

The folder's name is the label, by the words that all label files share
(:mod:`bench.data.sources.words`). Deeper folders (``NORMAL/2019/a.png``) are searched too, and
a folder around the whole (``download/chest_xray/train``) is looked through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.image_files import FileReader
from bench.data.sources.patients import PatientPattern, patients_in
from bench.data.sources.tree import Steps, Tree, has_parts, inner, look
from bench.data.sources.words import NORMAL, PARTS, UNKNOWN, about_spellings, fold, unify
from bench.data.study import Problem, StudyTable, study_rows
from bench.errors import InputError
from bench.registry.core import near_matches
from bench.registry.datasets import register_dataset
from bench.registry.options import FileOptions
from bench.text import first_names, printable

NAMED = 5  # files or folders in a note

_PARTS_IN_ORDER = ("train", "validation", "test")


class FoldersOptions(FileOptions):
    """``data.options`` of the source ``folders``."""

    normal_labels: tuple[str, ...] | None = None
    """Class folders of normal images; left out, those called normal, no finding, healthy or
    negative, in any case, with blanks or underscores. ``[]`` says that no image is normal.
    """
    patient_pattern: PatientPattern | None = None
    r"""A regular expression with one group, the patient's id in an image's path below its class
    folder, such as ``(person\d+)_``. Left out, patients are unknown.
    """


@dataclass(frozen=True, kw_only=True)
class _Image:
    steps: Steps
    label: str
    part: str

    @property
    def id(self) -> str:
        return "/".join(self.steps)


@register_dataset(
    "folders",
    description="folders of classes: train/NORMAL/…, test/PNEUMONIA/…, or NORMAL/… alone",
    options_model=FoldersOptions,
)
def open_folders(
    *,
    root: Path,
    image_size: int,  # noqa: ARG001 -- files are resized when they are decoded
    options: FoldersOptions,
) -> StudyTable:
    """The images of a tree of class folders; the parts are those whose folders are there.

    An image's id is its path below the folder that holds the part or class folders, with forward
    slashes. Folders of masks (``COVID/masks``) and what systems leave (``__MACOSX``,
    ``.DS_Store``) are not read, and notes count them. Other files that are no images are problems.
    """
    tree = inner(look(root))
    with_parts = has_parts(tree)
    images, beside, problems = _sort(tree, with_parts=with_parts)
    if not images:
        raise InputError(
            f"no folders of classes with images in {str(root)!r}: they are expected as "
            "NORMAL/a.png or train/NORMAL/a.png; `bench data make FOLDER` sees what is there"
        )
    spelling = unify(Counter(image.label for image in images), known=())
    normal = _normal_classes(set(spelling.values()), options)
    unlabelled = {name for name in spelling.values() if fold(name) in UNKNOWN} - normal
    known = [image for image in images if spelling[image.label] not in unlabelled]
    problems += [
        Problem(kind="unlabelled", image=image.id, detail=f"class {image.label!r} says nothing")
        for image in images
        if spelling[image.label] in unlabelled
    ]
    patients, patient_notes = _patients(known, options.patient_pattern, with_parts=with_parts)
    labels = [spelling[image.label] for image in known]
    return StudyTable(
        name="folders",
        rows=study_rows(
            {
                "image": [image.id for image in known],
                "patient": patients,
                "findings": [() if label in normal else (label,) for label in labels],
                "given_split": [image.part for image in known],
            }
        ),
        finding_names=tuple(sorted(set(labels) - normal)),
        reader=FileReader({image.id: tree.base.joinpath(*image.steps) for image in known}),
        full_scale=options.full_scale,
        notes=(
            _about_classes(labels, normal),
            *about_spellings(spelling, of="class folders"),
            *_about_parts(known),
            *patient_notes,
            *_about_skipped(tree, root, beside, empty=_empty(tree, images, with_parts=with_parts)),
        ),
        problems=tuple(problems),
    )


def _sort(tree: Tree, *, with_parts: bool) -> tuple[list[_Image], list[Steps], list[Problem]]:
    """Images with their class and part, files that belong to neither, and problems."""
    images, beside, problems = [], [], []
    for steps in tree.files:
        part = PARTS.get(fold(steps[0]), "") if with_parts else ""
        inner = steps[1:] if part else steps
        if len(steps) == 1 or (with_parts and not part):
            beside.append(steps)
        elif len(inner) < 2 or (not with_parts and fold(steps[0]) in PARTS):
            detail = "lies in no class folder"
            problems.append(Problem(kind="unlabelled", image="/".join(steps), detail=detail))
        elif not _is_text(steps):
            detail = "its path is not UTF-8: rename it"
            name = printable("/".join(steps))
            problems.append(Problem(kind="unreadable", image=name, detail=detail))
        else:
            if not part and len(inner) > 2:  # NORMAL/train/a.png
                part = PARTS.get(fold(inner[1]), "")
            images.append(_Image(steps=steps, label=inner[0], part=part))
    depth = 2 if with_parts else 1
    classes = {image.steps[:depth] for image in images}
    for steps in tree.others:
        if steps[:depth] in classes:
            detail = "no image by its name"
            problems.append(
                Problem(kind="unreadable", image=printable("/".join(steps)), detail=detail)
            )
        else:
            beside.append(steps)
    return images, beside, problems


def _is_text(steps: Steps) -> bool:
    try:
        return bool("/".join(steps).encode())
    except UnicodeEncodeError:
        return False


def _normal_classes(classes: set[str], options: FoldersOptions) -> set[str]:
    wanted = NORMAL if options.normal_labels is None else options.normal_labels
    folded = {fold(name): name for name in classes}
    normal = {folded[fold(name)] for name in wanted if fold(name) in folded}
    if options.normal_labels is None:
        if not normal:
            raise InputError(
                f"which class is normal? The folders are {first_names(sorted(classes), NAMED)}: "
                "name it with --set 'data.options.normal_labels=[\"NAME\"]', or say [] where no "
                "image is normal"
            )
    elif absent := [name for name in wanted if fold(name) not in folded]:
        raise InputError(
            f"no class folder {absent[0]!r} (data.options.normal_labels): "
            + printable(near_matches(absent[0], sorted(classes)))
        )
    return normal


def _patients(
    images: Sequence[_Image], pattern: str | None, *, with_parts: bool
) -> tuple[list[str], tuple[str, ...]]:
    if pattern is None:
        return [""] * len(images), ()
    below = ["/".join(image.steps[2 if with_parts else 1 :]) for image in images]
    patients, note = patients_in(below, pattern)
    return patients, (note,)


def _about_classes(labels: Sequence[str], normal: set[str]) -> str:
    counts = Counter(labels)

    def named(names: Iterable[str]) -> str:
        ordered = sorted(names, key=lambda name: (-counts[name], name))
        return first_names([f"{name} ({counts[name]:,})" for name in ordered], 20) or "none"

    return (
        f"class folders: normal: {named(counts.keys() & normal)}; "
        f"findings: {named(counts.keys() - normal)}"
    )


def _about_parts(images: Sequence[_Image]) -> list[str]:
    parts = Counter(image.part for image in images)
    here = [f"{part} {parts[part]:,}" for part in _PARTS_IN_ORDER if parts[part]]
    if not here:
        return ["no part folders"]
    notes = [f"parts by folders: {', '.join(here)}"]
    if parts[""]:
        notes.append(f"images in no part folder: {parts['']:,}")
    return notes


def _empty(tree: Tree, images: Sequence[_Image], *, with_parts: bool) -> list[Steps]:
    """Class folders without an image: a class that was not unpacked would be missed by nobody."""
    depth = 2 if with_parts else 1
    filled = {image.steps[:depth] for image in images}
    return [
        steps
        for steps in tree.folders
        if len(steps) == depth and steps not in filled and with_parts == (fold(steps[0]) in PARTS)
    ]


def _about_skipped(
    tree: Tree, root: Path, beside: Sequence[Steps], *, empty: Sequence[Steps]
) -> list[str]:
    """Notes on what was not read: nothing is dropped without a word."""
    groups = {
        "class folders without an image": empty,
        "folders of masks that are not read": tree.masks,
        "files in no class folder that are not read": beside,
        "system files and folders that are not read": tree.system,
    }
    notes = [
        f"{what}: {len(found):,} ({first_names(['/'.join(steps) for steps in found], NAMED)})"
        for what, found in groups.items()
        if found
    ]
    if tree.base != root:
        notes.insert(0, f"class folders found in {tree.base.relative_to(root).as_posix()}/")
    return notes
