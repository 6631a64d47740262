"""The report of a data check, and the rows that it leaves for a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.config import DataConfig
from bench.data.check import check_data
from bench.data.load import refuse_problems
from bench.data.pixel_store import PixelStore, open_pixels
from bench.data.study import Problem, ProblemKind, StudyTable, study_rows
from bench.errors import InputError
from bench.registry import DATASETS
from tests.shared_data import shared


def opened(root: Path, labels: str) -> tuple[StudyTable, PixelStore]:
    (root / "manifest.csv").write_text("path,label\n" + labels)
    study = DATASETS.get("manifest").open(
        root=root, image_size=4, options={"findings": ["Mass", "Nodule"]}
    )
    return study, open_pixels(study, image_size=4, cache=root / "cache")


@pytest.fixture
def bad(tmp_path: Path) -> tuple[StudyTable, PixelStore]:
    """A set with one problem of each kind, two identical images and two good ones."""
    for value, name in enumerate("abcdefgh"):
        Image.new("L", (8, 8), 10 * value).save(tmp_path / f"{name}.png")
    (tmp_path / "i.png").write_bytes((tmp_path / "a.png").read_bytes())
    cut = (tmp_path / "c.png").read_bytes()
    (tmp_path / "c.png").write_bytes(cut[: len(cut) // 2])
    (tmp_path / "d.png").write_text("no image")
    return opened(
        tmp_path,
        "a.png,Mass\nb.png,Normal\nc.png,Mass\nd.png,Mass\ne.png,Mas\nf.png,\n"
        "g.png,Mass\ng.png,Nodule\ni.png,Nodule\nz.png,Mass\n",
    )


def test_every_kind_of_problem_is_found_and_nothing_else(
    bad: tuple[StudyTable, PixelStore],
) -> None:
    report = check_data(*bad)
    found = {kind: [p.image for p in problems] for kind, problems in report.problems.items()}
    assert found == {
        "unknown finding": ["e.png"],
        "unlabelled": ["f.png"],
        "contradictory": ["g.png"],
        "missing": ["z.png"],
        "truncated": ["c.png"],
        "unreadable": ["d.png"],
    }
    assert set(found) == set(get_args(ProblemKind)) - {"duplicated"}  # one of folders
    assert (report.usable, report.dropped) == (3, 6)
    assert report.identical == (("a.png", "i.png"),)
    assert report.contradicting == ()


def test_report_as_text(bad: tuple[StudyTable, PixelStore]) -> None:
    assert check_data(*bad).lines() == [
        "manifest: 3 images can be used, 6 cannot",
        "1 unknown finding: mend the spelling, or add the name to data.options.findings",
        "  e.png: label 'Mas' is unknown: did you mean Mass?",
        "1 unlabelled: give each a label, or take it away",
        "  f.png: the label is empty",
        "1 contradictory: let all rows of an image say the same",
        "  g.png: listed in 2 rows that differ in label: data.options.several_rows=union joins "
        "their findings",
        "1 missing: put the files where the labels say, or mend their paths",
        "  z.png: listed, but the file is not there",
        "1 truncated: copy these files again",
        "  c.png: the file ends too early",
        "1 unreadable: copy these files again, or save each as one PNG, JPEG, TIFF or DICOM image",
        "  d.png: the file is not a PNG, JPEG, TIFF or DICOM image, or is damaged",
        "such images stop a run; data.on_bad=skip leaves them out",
        # read from the table: the files of three of them then fail
        "labels read: normal 1; findings: Mass (4), Nodule (1)",
        "2 images are pixel-identical to another, in 1 group (they are kept):",
        "  a.png = i.png",
    ]


def test_a_set_without_one_usable_image_is_listed_too(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("path,label\na.png,Mass\nb.png,\nc.png,Nodule\n")
    report = check_data(
        DATASETS.get("manifest").open(root=tmp_path, image_size=4, options={}), None
    )
    assert (report.usable, report.dropped) == (0, 3)
    heads = [line for line in report.lines() if line[0].isdigit()]
    assert [head.partition(":")[0] for head in heads] == ["1 unlabelled", "2 missing"]


def test_the_report_for_json_holds_everything(bad: tuple[StudyTable, PixelStore]) -> None:
    report = json.loads(json.dumps(check_data(*bad).as_dict()))
    assert (report["dropped"], report["usable"]) == (6, 3)
    assert report["identical"] == [["a.png", "i.png"]]
    assert report["problems"]["truncated"] == [
        {"kind": "truncated", "image": "c.png", "detail": "the file ends too early"}
    ]


def test_long_lists_are_cut_in_text_with_their_count(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    names = [f"{i:02d}.png" for i in range(13)]
    labels = "a.png,Mass\n" + "".join(f"{name},Mass\n" for name in names)
    lines = check_data(*opened(tmp_path, labels)).lines()
    assert lines[1].startswith("13 missing: ")
    assert lines[2:5] == [f"  {n}: listed, but the file is not there" for n in names[:3]]
    assert lines[5] == "  and 10 more"
    assert len(lines) == 8


def test_usable_rows_point_at_their_pixels(bad: tuple[StudyTable, PixelStore]) -> None:
    study, store = bad
    usable = store.usable(study)
    rows = usable.rows
    assert rows["image"].tolist() == ["a.png", "b.png", "i.png"]
    assert rows.index.tolist() == [0, 1, 2]
    assert rows["pixel_row"].dtype == np.int64
    assert store.pixels[rows["pixel_row"], 0, 0].tolist() == [0, 10, 0]
    digests = rows["digest"].tolist()
    assert digests[0] == digests[2] != digests[1]
    assert {p.image for p in usable.problems} == {f"{name}.png" for name in "cdefgz"}


def test_a_clean_set_has_nothing_to_report_but_enlarged_images(tmp_path: Path) -> None:
    Image.new("L", (3, 3)).save(tmp_path / "a.png")
    report = check_data(*opened(tmp_path, "a.png,Mass\n"))
    assert (report.dropped, report.problems, report.identical) == (0, {}, ())
    assert report.lines() == [
        "manifest: 1 image can be used, 0 cannot",
        "labels read: normal 0; findings: Mass (1)",
        "1 image smaller than the wanted size: interpolated",
    ]


def test_identical_images_that_are_normal_and_abnormal_are_named(tmp_path: Path) -> None:
    for value, name in enumerate("acebdf"):
        Image.new("L", (8, 8), 10 * (value % 3)).save(tmp_path / f"{name}.png")
    report = check_data(
        *opened(
            tmp_path,
            "a.png,Mass\nb.png,Normal\nc.png,Mass\nd.png,Nodule\ne.png,Normal\nf.png,Normal\n",
        )
    )
    assert report.identical == (("a.png", "b.png"), ("c.png", "d.png"), ("e.png", "f.png"))
    assert report.contradicting == (("a.png", "b.png"),)
    lines = report.lines()
    at = lines.index("1 group of identical images carries different labels, normal and abnormal:")
    assert lines[at + 1 :] == ["  a.png = b.png"]
    assert json.loads(json.dumps(report.as_dict()))["contradicting"] == [["a.png", "b.png"]]


def test_names_with_line_breaks_break_no_line(tmp_path: Path) -> None:
    study, store = opened(tmp_path, '"a\nb.png",Mass\n"c\u2028é.png",Mas\n')
    lines = check_data(study, store).lines()
    assert "  a\\nb.png: listed, but the file is not there" in lines
    assert "  c\\u2028é.png: label 'Mas' is unknown: did you mean Mass?" in lines
    assert all(len(line.splitlines()) == 1 for line in lines)
    assert "1 missing: a\\nb.png" in refused(study)


def refused(study: StudyTable) -> str:
    with pytest.raises(InputError) as caught:
        refuse_problems(study, DataConfig(source="manifest"))
    refuse_problems(study, DataConfig(source="manifest", on_bad="skip"))
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_a_refusal_has_counts_names_and_ways_out() -> None:
    def study(*problems: tuple[ProblemKind, str]) -> StudyTable:
        return StudyTable(
            name="test",
            rows=study_rows({"image": [], "findings": []}),
            finding_names=(),
            problems=tuple(Problem(kind=kind, image=i, detail="") for kind, i in problems),
        )

    three = study(("truncated", "a.png"), ("unknown finding", "c.png"), ("truncated", "b.png"))
    assert refused(three) == (
        "3 images cannot be used (2 truncated: a.png, b.png; 1 unknown finding: c.png): "
        "see `bench data check`, mend them, or set data.on_bad=skip"
    )
    assert refused(study(("truncated", "a.png"))).startswith("1 image cannot be used (1 truncated")
    many = study(*(("missing", f"{number}.png") for number in range(1500)))
    assert "(1,500 missing: 0.png, 1.png, 2.png and 1,497 more)" in refused(many)


def test_real_pneumonia_set_has_its_known_duplicates(tmp_path: Path) -> None:
    root = shared("kermany")
    study = DATASETS.get("manifest").open(root=root, image_size=16, options={})
    files = study.rows["image"].map(lambda image: (root / image).read_bytes())
    copies = files.duplicated(keep=False)
    # Decoding all of its 5,216 images takes seconds.
    rows = pd.concat([study.rows[copies], study.rows[~copies][:100]], ignore_index=True)
    few = replace(study, rows=rows)
    report = check_data(few, open_pixels(few, image_size=16, cache=tmp_path))
    assert (report.usable, report.dropped) == (len(rows), 0)
    assert report.identical
    groups = study.rows["image"][copies].groupby(files[copies]).apply(tuple)
    assert set(report.identical) == set(groups)
