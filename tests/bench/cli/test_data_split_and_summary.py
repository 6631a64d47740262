"""``bench data split`` and ``bench data summary``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bench.data.phantom.export import write_nih_layout
from tests.bench.cli.conftest import Command
from tests.bench.cli.images import write_manifest
from tests.bench.cli.test_bad_input import assert_refused

SPLIT = ("data", "split")
SUMMARY = ("data", "summary")
DEMO = ("--set", "data.options.images=120", "--set", "data.image_size=32")


@pytest.fixture(scope="module")
def _labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels") / "nih"
    write_nih_layout(folder, images=150, seed=0, image_size=28)
    return folder


@pytest.fixture
def labels(_labels: Path, tmp_path: Path) -> Path:
    """The label files of ChestX-ray14 in small, and none of the images."""
    no_images = shutil.ignore_patterns("images*")
    return Path(shutil.copytree(_labels, tmp_path / "nih", ignore=no_images))


def json_of(bench: Command, *arguments: object) -> dict[str, Any]:
    outcome = bench(*arguments, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found: dict[str, Any] = json.loads(outcome.out)
    return found


@pytest.mark.usefixtures("tiny_runs")
def test_the_split_is_that_of_a_run(bench: Command) -> None:
    (stored,) = Path("results/runs").rglob("patient-seed0-*.csv")
    found = json_of(bench, *SPLIT, *DEMO)
    assert (found["split"], found["seed"], found["claims_disjoint"]) == ("patient", 0, True)
    assert found["hash"] in stored.read_text()


def test_a_split_by_labels_alone_needs_no_image(bench: Command, labels: Path) -> None:
    nih = ("--config", "nih_image", "--data", labels)
    assert_refused(bench(*SPLIT, *nih), "none of the 150 images of the label file are in")
    sizes = ("--set", "data.sizes={train: 90, validation: 20, test: 30}")
    found = json_of(bench, *SPLIT, *nih, *sizes, "--labels-only")
    assert {part: count["images"] for part, count in found["parts"].items()} == {
        "train": 90,
        "validation": 20,
        "test": 30,
        "left_out": 10,
    }
    _, train_test, _ = found["leakage"]
    shared = train_test["images_of_shared_patients"]
    assert 0 < train_test["shared_patients"] <= shared <= 30
    assert train_test["share_of_later_images"] == shared / 30
    assert train_test["identical_images"] is None

    outcome = bench(*SPLIT, *nih, *sizes, "--labels-only")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0] == "nih: split image, seed 0"
    assert lines[1] == f"hash {found['hash']}"
    assert lines[2] == "random by image; exact sizes, images left out: 10"
    (row,) = [line for line in lines if line.startswith("train, test ")]
    assert row.split()[2:] == [
        str(train_test["shared_patients"]),
        str(shared),
        f"({100 * shared / 30:.1f}",
        "%)",
        "unknown",
    ]
    assert any(line.startswith("made by labels alone: ") for line in lines)


def test_labels_alone_know_no_identical_images_and_the_pixels_do(bench: Command) -> None:
    """020.png and 021.png are of two patients; a run keeps their equal pixels in one part."""
    folder = write_manifest(Path("set"))
    (folder / "020.png").write_bytes((folder / "021.png").read_bytes())
    manifest = ("--config", "manifest", "--data", folder, "--set", "data.image_size=32")
    together = 0
    for seed in range(3):
        arguments = (*SPLIT, *manifest, "--set", f"data.split_seed={seed}")
        by_pixels = json_of(bench, *arguments)
        assert [pair["identical_images"] for pair in by_pixels["leakage"]] == [0, 0, 0]
        assert not any("labels alone" in note for note in by_pixels["notes"])
        by_labels = json_of(bench, *arguments, "--labels-only")
        assert [pair["identical_images"] for pair in by_labels["leakage"]] == [None] * 3
        together += by_labels["hash"] == by_pixels["hash"]
    assert together < 3


def test_rows_that_cannot_be_used_are_refused_or_skipped_as_in_a_run(
    bench: Command, labels: Path
) -> None:
    file = next(labels.glob("Data_Entry_2017*.csv"))
    file.write_text(file.read_text().replace("No Finding", "No Fining", 1))
    nih = ("--config", "nih_patient", "--data", labels)
    for command in ((*SPLIT, "--labels-only"), SUMMARY):
        refused = ("1 image cannot be used (1 unknown finding", "data.on_bad=skip")
        assert_refused(bench(*command, *nih), *refused)
        outcome = bench(*command, *nih, "--set", "data.on_bad=skip")
        assert (outcome.code, outcome.err) == (0, "")
        assert "cannot be used and are skipped (see bench data check): 1\n" in outcome.out


@pytest.mark.parametrize("command", [(*SPLIT, "--labels-only"), SUMMARY])
def test_what_a_user_can_do_wrong(bench: Command, labels: Path, command: tuple[str, ...]) -> None:
    nih = ("--config", "nih_patient")
    assert_refused(bench(*command, *nih), "'nih' reads files", "--data PATH")
    assert_refused(bench(*command, *nih, "--data", "nowhere"), "'nowhere' is not there")
    assert_refused(bench(*command, "--config", "nih_pateint"), "did you mean nih_patient")
    empty = labels / "empty"
    empty.mkdir()
    assert_refused(bench(*command, *nih, "--data", empty), "no Data_Entry_2017*.csv in")
    for name, number in (("paper_run1", "25,596 test images"), ("paper_run2", "112,120 images")):
        assert_refused(
            bench(*command, "--config", name, "--data", labels),
            f"data.sizes wants {number}",
            "set data.sizes=null",
        )
        outcome = bench(*command, "--config", name, "--data", labels, "--set", "data.sizes=null")
        assert (outcome.code, outcome.err) == (0, "")


@pytest.mark.parametrize("rows", ["", "a.png,\nb.png,\n"])
def test_labels_of_which_none_can_be_used_are_refused(bench: Command, rows: str) -> None:
    """A header alone, or rows that are all skipped."""
    Path("set").mkdir()
    Path("set/manifest.csv").write_text("path,label\n" + rows)
    manifest = ("--config", "manifest", "--data", "set", "--set", "data.on_bad=skip")
    for split in ("fixed", "image"):
        for command in ((*SPLIT, "--labels-only"), SUMMARY):
            outcome = bench(*command, *manifest, "--set", f"data.split={split}")
            assert_refused(outcome, "'manifest' has no usable image", "see `bench data check`")


def test_the_summary_of_label_files_alone_and_its_pictures(
    bench: Command, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --data and no config these are NIH's files and official lists."""
    figures = ["figures/findings.png", "figures/normal_one_several.png"]
    found = json_of(bench, *SUMMARY, "--data", labels, "--figures", "figures")
    assert found["figures"] == figures
    assert all(Path(path).stat().st_size > 5_000 for path in figures)
    assert (found["source"], found["images"], found["split"]["name"]) == ("nih", 150, "official")
    assert found["normal"] + found["one"] + found["several"] == 150
    assert sum(part["images"] for part in found["parts"].values()) == 150
    assert len(found["findings"]) == 14

    drawn = [Path(path) for path in figures]
    monkeypatch.setattr("bench.data.summary_figures.draw_summary", lambda *_, **__: drawn)
    lines = bench(*SUMMARY, "--data", labels, "--figures", "figures").out.splitlines()
    assert lines[0] == f"nih: 150 images of {found['patients']} patients"
    assert lines[1] == "all images of the label file, here or not"
    assert lines[-2:] == [f"wrote {path}" for path in figures]


def test_a_summary_needs_no_lists_and_says_that_there_are_no_parts(
    bench: Command, tmp_path: Path
) -> None:
    done = bench("data", "phantom", "alone", "--images", "60", "--image-size", "32")
    assert done.code == 0
    for name in ("train_val_list.txt", "test_list.txt"):
        (tmp_path / "alone" / name).unlink()
    outcome = bench(*SUMMARY, "--data", "alone")
    assert outcome.code == 0, outcome.err
    assert "parts: none, since the config takes the parts that the source gives" in outcome.out
    assert json_of(bench, *SUMMARY, "--data", "alone")["parts"] == {}
