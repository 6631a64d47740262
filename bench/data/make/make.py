"""Making the config of an experiment on a folder of images, with a manifest where it is needed."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.config import DataConfig, load_experiment
from bench.config.load import split_setting
from bench.data.check import check_data
from bench.data.contact_sheet import draw_sheet
from bench.data.image_files import FileReader, quiet_decoders
from bench.data.load import open_study
from bench.data.make.describe import about_paths, about_split, choose_split, facts
from bench.data.make.layout import Layout, recognise
from bench.data.make.write import NORMAL, path_in, shipped_config, write_config, write_manifest
from bench.data.pixel_store import open_pixels
from bench.data.sources.dicom import header_columns
from bench.data.sources.labels import JOINABLE
from bench.data.study import ImageError, StudyTable, study_rows
from bench.errors import InputError
from bench.text import first_names, printable

SHEET_IMAGES = 32
LOOKED_AT = 20  # images whose size is looked at
NAMED = 9  # labels in a message
# Small enough for a CPU; a fine-tuned network and the paper's.
FIRST_LOOK = (
    "cxnet_m1 tf_efficientnet_lite0 --loss ce --seeds 0 --set data.image_size=64 "
    "--set train.max_iterations=100 --set train.validate_every=20"
)
UNKNOWN = "no label"  # of an image on the contact sheet


@dataclass(frozen=True, kw_only=True)
class _Files:
    """The files to be written."""

    manifest: Path
    config: Path
    sheet: Path

    @classmethod
    def of(cls, to: Path | None, *, name: str) -> _Files:
        """The files by ``--to``, else by the folder's name, none of which may be there."""
        files = cls(
            # A table of the user's is often called as the folder.
            manifest=to or Path(f"{name}_to_label.csv"),
            config=to.with_suffix(".yaml") if to else Path(f"{name}.yaml"),
            sheet=to.with_suffix(".png") if to else Path(f"{name}.png"),
        )
        if to and to.suffix.lower() != ".csv":
            raise InputError(f"--to {str(to)!r}: let the manifest's name end in .csv")
        for file in vars(files).values():
            if file.exists():
                raise InputError(
                    f"{str(file)!r} is there already: name another with --to, or move it"
                )
        if to and not to.parent.is_dir():
            raise InputError(f"no folder {str(to.parent)!r} to write to (--to)")
        return files


def make(
    root: Path,
    *,
    to: Path | None,
    settings: Sequence[str],
    cache: Path,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[str, ...]:
    """Look at a folder of images, and write a config for it and a contact sheet.

    A manifest is written where ``to`` names one, with the others beside it, and where there are no
    labels, to fill them in. Nothing stays behind where the data is refused, and no file is ever
    overwritten. Settings are ``data.KEY=VALUE`` texts, which go into the config. What was found,
    decided and written comes back as lines for the user.
    """
    name = root.resolve().name if root.is_dir() else root.stem
    files = _Files.of(to, name=name or "images")
    typed = dict(map(split_setting, settings))
    for key in typed:
        if not key.startswith("data."):
            raise InputError(f"--set {key}: only keys of data are set here; give it to bench run")
        if key in ("data.root", "data.source"):
            raise InputError(f"--set {key}: it is found out here; name the folder alone")
    options = "data.options."
    given = {key.removeprefix(options): typed[key] for key in typed if key.startswith(options)}
    layout = recognise(root, given)
    data = _data(layout, settings)
    try:
        return _make(
            layout,
            data,
            files,
            wants_manifest=to is not None,
            settings=typed,
            cache=cache,
            progress=progress,
        )
    except BaseException as error:
        for file in vars(files).values():
            file.unlink(missing_ok=True)
        if isinstance(error, UnicodeEncodeError):
            name = error.object[max(0, error.start - 40) : error.end + 40].strip()
            raise InputError(f"a path is not UTF-8: rename it: {printable(name)}") from None
        raise


def _data(layout: Layout, settings: Sequence[str]) -> DataConfig:
    """The data of an experiment: the shipped config's, what was found, and what was set."""
    source = layout.source
    changes: dict[str, Any] = {"data.source": source}
    set_options = load_experiment("folders", settings=settings, changes=changes).data.options
    changes["data.root"] = layout.root.resolve()
    changes["data.options"] = {**layout.options, **set_options}
    return load_experiment(shipped_config(source), settings=settings, changes=changes).data


def _make(
    layout: Layout,
    data: DataConfig,
    files: _Files,
    *,
    wants_manifest: bool,
    settings: Mapping[str, str],
    cache: Path,
    progress: Callable[[int, int], None] | None,
) -> tuple[str, ...]:
    ready = layout.labelled
    study = open_study(data) if ready else _without_labels(layout, data)
    if ready:
        _ask_for_rows(study, data)
        _ask_for_normal(study, data)
    lines = list(layout.lines)
    if not ready or wants_manifest:
        lines += _write_manifest(files.manifest, study, labelled=ready)
    if files.manifest.exists() and not (ready and layout.source == "dicom"):
        lines += study.notes
        data = _reading(files.manifest, study, data)
        study = open_study(data) if ready else study
    if "data.image_size" not in settings:
        size = _original_side(study)
        if size < data.image_size:
            lines.append(f"image size: {size} px, that of the images")
            data = data.model_copy(update={"image_size": size})
    store = open_pixels(study, image_size=data.image_size, cache=cache, progress=progress)
    usable = store.usable(study)
    if usable.rows.empty:
        kinds = ", ".join(usable.problems_by_kind)
        raise InputError(f"none of the {len(study.rows):,} images can be read ({kinds})")
    lines += [*check_data(study, store).lines(), *facts(usable, store), *about_paths(usable)]
    split, why_split = choose_split(usable.rows)
    if "data.split" in settings:
        split, why_split = data.split, "as set"
    lines.append(f"data.split={split}: {why_split}")
    data = data.model_copy(update={"split": split})
    if usable.problems and "data.on_bad" not in settings:
        lines.append(
            f"data.on_bad=skip: {usable.skipped:,} images are left out, as reports will say"
        )
        data = data.model_copy(update={"on_bad": "skip"})
    if ready:
        lines.append(about_split(usable.rows, data))
    write_config(files.config, data, lines=[printable(line) for line in lines if line[0] != " "])
    drawn = draw_sheet(usable.rows, store.pixels, files.sheet, images=SHEET_IMAGES)
    lines += _about_files(files, drawn, ready=ready)
    return tuple(map(printable, lines))


def _without_labels(layout: Layout, data: DataConfig) -> StudyTable:
    """The images of a folder, with what stands for a label on the contact sheet."""
    columns: dict[str, Sequence[object]] = {}
    if layout.source == "dicom":
        columns = header_columns(layout.root)
        ids = [str(image) for image in columns["image"]]
    else:
        ids = ["/".join(steps) for steps in layout.images]
    columns |= {"image": ids, "findings": [(UNKNOWN,)] * len(ids)}
    return StudyTable(
        name="dicom" if layout.source == "dicom" else "images",
        rows=study_rows(columns),
        finding_names=(UNKNOWN,),
        reader=FileReader({image: layout.root / image for image in ids}),
        full_scale=data.options.get("full_scale"),
    )


def _ask_for_rows(study: StudyTable, data: DataConfig) -> None:
    """Refuse a table whose images mostly have rows with different findings.

    A few such images are mistakes, and are left out; most are the form of the table, a row for
    each finding or reader. That is so where they are more than the images that have findings.
    """
    if "several_rows" in data.options:
        return
    differing = sum(problem.detail.endswith(JOINABLE) for problem in study.problems)
    if differing and differing >= (study.rows["findings"].map(len) > 0).sum():
        raise InputError(
            f"{differing:,} images have several rows with different findings: --set "
            "data.options.several_rows=union joins them, =agree leaves these images out"
        )


def _ask_for_normal(study: StudyTable, data: DataConfig) -> None:
    """Refuse labels of which none is known to be normal, where the user has not said so."""
    if (
        data.source in ("nih", "medmnist")
        or {"normal_labels", "finding_columns"} & data.options.keys()
    ):
        return
    if (study.rows["findings"].map(len) > 0).all():
        counts = Counter(name for names in study.rows["findings"] for name in names)
        named = first_names([f"{name} ({n:,})" for name, n in counts.most_common()], NAMED)
        raise InputError(
            f"which label is normal? They are {named}: name it with --set "
            "'data.options.normal_labels=[\"NAME\"]', or say [] where no image is normal"
            + _about_column(study)
        )


def _about_column(study: StudyTable) -> str:
    """A hint at another column: normal images may be those that have no label in this one."""
    blank = len(study.problems_by_kind.get("unlabelled", ()))
    count = f"; {blank:,} images have no label" if blank else ""
    return f"{count}; data.options.label_column takes another column"


def _write_manifest(file: Path, study: StudyTable, *, labelled: bool) -> list[str]:
    if not isinstance(study.reader, FileReader):
        return ["no manifest is written: the images are no files of their own"]
    ids = study.name == "dicom" and not labelled  # which are paths from the export's folder
    paths = {
        image: image if ids else path_in(path, file) for image, path in study.reader.files.items()
    }
    write_manifest(file, study.rows, paths, labelled=labelled)
    if not labelled:
        return [
            f"no labels were found: fill in the column label of {file.name} with {NORMAL}, or the "
            "finding (several divided by |)"
            + ("" if ids else ", and patient, where you can, in a column of its own")
        ]
    lines = []
    if kinds := study.problems_by_kind:
        named = ", ".join(f"{len(found):,} {kind}" for kind, found in kinds.items())
        lines.append(f"images that are not in {file.name}: {named}")
    if study.name == "dicom":
        lines.append(f"{file.name} is to look at: the config reads the headers and their table")
    return lines


def _reading(manifest: Path, study: StudyTable, data: DataConfig) -> DataConfig:
    """The config that reads a manifest."""
    options: dict[str, Any] = {}
    if study.full_scale is not None:
        options["full_scale"] = study.full_scale
    if study.name == "dicom":
        options |= {"labels": str(manifest.resolve()), "key": "file", "key_column": "path"}
        return data.model_copy(update={"options": options})
    if study.finding_names != (UNKNOWN,):
        options["findings"] = list(study.finding_names)
    update = {"source": "manifest", "root": manifest.resolve(), "options": options}
    return data.model_copy(update=update)


def _original_side(study: StudyTable) -> int:
    """The largest side in pixels of the first images that can be read, at least 8."""
    sides = [8]
    for image in study.rows["image"][:LOOKED_AT]:
        with suppress(ImageError), quiet_decoders():
            assert study.reader is not None
            sides.append(max(study.reader.read(image).shape))
    return max(sides) if len(sides) > 1 else 10_000


def _about_files(files: _Files, drawn: int, *, ready: bool) -> list[str]:
    wrote = [f"wrote {files.manifest}"] if files.manifest.exists() else []
    config = f"--config {shlex.quote(str(files.config))}"
    return [
        *wrote,
        f"wrote {files.config}",
        f"wrote {files.sheet}: {drawn} images",
        f"look at {files.sheet}" if ready else f"fill in the labels in {files.manifest}",
        f"a first look, in minutes: bench run {FIRST_LOOK} {config}",
        f"the comparison, which wants a GPU (--dry-run says how long): bench run --all {config}",
    ]
