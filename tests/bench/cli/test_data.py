"""``bench data check`` and ``bench data phantom``."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from hashlib import sha256
from pathlib import Path

import pytest

from tests.bench.cli.conftest import TINY, Command, assert_refused
from tests.bench.cli.images import truncate, write_manifest
from tests.shared_data import shared

CHECK = ("data", "check", "--config", "manifest", "--set", "data.image_size=32")


def test_a_bad_set_with_counts_and_names(bench: Command) -> None:
    folder = write_manifest(Path("set"))
    truncate(folder / "007.png")
    (folder / "011.png").unlink()
    outcome = bench(*CHECK, "--data", folder)
    assert (outcome.code, outcome.err) == (1, "")
    lines = outcome.out.splitlines()
    assert lines[0] == "manifest: 58 images can be used, 2 cannot"
    assert lines[lines.index("1 truncated: copy these files again") + 1].startswith("  007.png: ")

    as_json = bench(*CHECK, "--data", folder, "--json")
    assert as_json.code == 1
    found = json.loads(as_json.out)
    assert (found["usable"], found["dropped"]) == (58, 2)
    assert [problem["image"] for problem in found["problems"]["truncated"]] == ["007.png"]


def test_what_an_earlier_decoding_could_not_read_is_read_again(bench: Command) -> None:
    folder = write_manifest(Path("set"))
    truncate(folder / "007.png")
    remembered = "1 image could not be read by an earlier decoding: --again reads all images anew"
    for options, shown in (((), False), ((), True), (("--again",), False)):
        outcome = bench(*CHECK, "--data", folder, *options)
        assert (outcome.code, outcome.err) == (1, "")
        assert (remembered in outcome.out.splitlines()) == shown
    run = ("run", "cxnet_m1", *CHECK[2:], "--data", folder)
    refused = bench(*run)
    assert (refused.code, "bench data check --again" in refused.err) == (2, True)


def test_a_set_of_which_nothing_can_be_used(bench: Command) -> None:
    folder = write_manifest(Path("set"))
    for image in folder.glob("*.png"):
        image.unlink()
    outcome = bench(*CHECK, "--data", folder)
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.out.splitlines()[0] == "manifest: 0 images can be used, 60 cannot"
    assert "60 missing: " in outcome.out
    refused = bench("data", "sheet", "sheet.png", *CHECK[2:], "--data", folder)
    assert refused.code == 2
    assert "bench data check" in refused.err


def test_a_manifest_may_list_dicom_files(bench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pydicom", reason="the extra dicom is not installed")
    from tests.bench.data.dicom_files import radiograph, write_dicom

    folder = write_manifest(Path("set"), images=6)
    for number, path in enumerate(sorted(folder.glob("*.png"))):
        pixels = radiograph(path)
        inverted = {"PhotometricInterpretation": "MONOCHROME1"} if number % 2 else {}
        write_dicom(path, 255 - pixels if inverted else pixels, **inverted)
    outcome = bench(*CHECK, "--data", folder)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("manifest: 6 images can be used, 0 cannot\n")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    refused = bench(*CHECK, "--data", folder, "--again")
    assert refused.code == 2
    assert refused.err.splitlines()[-1].endswith("pip install 'cxnet-bench[dicom]'")


def test_the_config_that_is_made_of_a_folder_runs_as_it_is(
    bench: Command, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.data.make.make.SHEET_IMAGES", 2)  # they take most of the time
    folder = write_manifest(Path("xrays"))
    made = bench("data", "make", folder)
    assert (made.code, made.err) == (0, "")
    first, whole = made.out.splitlines()[-2:]
    assert "bench run cxnet_m1 tf_efficientnet_lite0" in first
    assert first.endswith("--config xrays.yaml")
    assert whole.endswith("bench run --all --config xrays.yaml")
    assert_refused(bench("data", "make", folder))
    short = (*TINY[4:], "--set", "controls=[prior]")
    outcome = bench(
        "run", "tiny", "--config", "xrays.yaml", "--plugin", tiny_plugin, "--loss", "ce",
        "--seeds", "0", *short,
    )  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    title = bench("report", "markdown").out.splitlines()[0]
    assert "split patient, 32 px, task m1" in title


def test_the_phantom_written_out_runs_as_nih(bench: Command, tiny_plugin: Path) -> None:
    written = bench("data", "phantom", "xrays", "--images", "150", "--image-size", "32")
    assert (written.code, written.err) == (0, "")
    assert written.out.splitlines()[-1].startswith("wrote 150 images to xrays; try: bench run ")
    nih = ("--config", "nih_official", "--data", "xrays")
    checked = bench("data", "check", *nih, "--set", "data.image_size=32")
    assert (checked.code, checked.err) == (0, "")
    assert "nih: 150 images can be used, 0 cannot" in checked.out

    outcome = bench(
        "run", "tiny", *nih, "--plugin", tiny_plugin, "--loss", "ce", "--seeds", "0",
        *TINY[2:], "--set", "data.validation_fraction=0.2",
    )  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    report = bench("report", "markdown").out
    assert report.startswith("## nih")
    assert "split official, 32 px, task m1" in report.splitlines()[0]
    assert "| tiny " in report


@pytest.mark.slow
def test_real_radiographs_of_children(bench: Command) -> None:
    """All can be used; those that the original has twice, byte for byte, are found.

    Those alone are in tests/bench/data/test_check.py.
    """
    kermany = shared("kermany")
    copies: dict[str, list[str]] = defaultdict(list)
    for path in sorted((kermany / "images").rglob("*.jpeg")):
        copies[sha256(path.read_bytes()).hexdigest()].append(path.relative_to(kermany).as_posix())
    identical = [group for group in copies.values() if len(group) > 1]
    assert identical

    check = ("data", "check", "--config", "manifest", "--data", kermany)
    outcome = bench(*check, "--set", "data.image_size=64", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found = json.loads(outcome.out)
    assert (found["usable"], found["dropped"], found["problems"]) == (5216, 0, {})
    assert sorted(map(sorted, found["identical"])) == sorted(identical)
    text = bench(*check, "--set", "data.image_size=64").out
    images = sum(map(len, identical))
    assert f"{images} images are pixel-identical to another, in {len(identical)} group" in text
