"""``bench predict`` on files that no run has seen, and on those that it has."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

import bench as package
from bench.data.decode import resize
from bench.data.image_files import read_grayscale
from bench.errors import InputError
from bench.evaluate.ensemble import mean_predictions
from bench.evaluate.operating_points import OperatingPoints
from bench.predict.arguments import sort_arguments
from bench.predict.images import list_images
from bench.predict.predict import predict_images
from bench.predict.records import PredictionReport
from bench.predict.row import NetworkRow
from bench.progress import QuietProgress
from bench.runs.checksums import file_checksum
from bench.runs.find import find_runs
from tests.bench.cli.conftest import Command
from tests.bench.cli.conftest import bench as bench
from tests.bench.predict.conftest import Trained

CPU = torch.device("cpu")


def predicted(trained: Trained, images: Sequence[Path], *, seeds: int = 2) -> PredictionReport:
    """The report that the command prints, or writes."""
    runs = [str(folder) for folder in trained.networks[:seeds]]
    chosen = sort_arguments([*runs, *map(str, images)], runs=trained.out)
    row = NetworkRow.load(chosen.runs, device=CPU)
    return predict_images(row, list_images(chosen.images), progress=QuietProgress())


def stored(folder: Path, part: str) -> pd.DataFrame:
    """The run's own predictions for a part, in its order."""
    frame = pd.read_csv(folder / "predictions.csv", dtype=str)
    frame["probability"] = frame["probability"].map(float)  # every bit
    return frame[frame["part"] == part]


def test_predictions_are_bit_for_bit_those_of_the_run(trained: Trained) -> None:
    """The images of a part in its order go through the network in the same batches."""
    for part in ("validation", "test"):
        own = stored(trained.networks[0], part)
        report = predicted(trained, [Path(name) for name in own["image"]], seeds=1)
        found = [image.probabilities and image.probabilities["abnormal"] for image in report.images]
        assert found == own["probability"].tolist()
        assert report.images[0].deviations is None


def test_seeds_are_an_ensemble_with_points_of_its_own(trained: Trained) -> None:
    parts = [stored(folder, "test") for folder in trained.networks]
    each = np.stack([own["probability"] for own in parts])
    report = predicted(trained, [Path(name) for name in parts[0]["image"]])
    mean = [image.probabilities["abnormal"] for image in report.images if image.probabilities]
    np.testing.assert_allclose(mean, each.mean(axis=0), rtol=0, atol=1e-12)
    spread = [image.deviations["abnormal"] for image in report.images if image.deviations]
    np.testing.assert_allclose(spread, each.std(axis=0, ddof=1), rtol=0, atol=1e-12)
    seeds = [image.seeds[1]["abnormal"] for image in report.images if image.seeds]
    np.testing.assert_allclose(seeds, each[1], rtol=0, atol=1e-12)
    runs = find_runs([str(folder) for folder in trained.networks], out=trained.out)
    points = OperatingPoints.choose(mean_predictions(runs)["validation"], runs[0].outputs)
    assert report.thresholds == {"abnormal": points.thresholds[0]}
    assert report.specific_thresholds == {"abnormal": points.specific_thresholds[0]}
    decisions = ["abnormal" if p >= points.thresholds[0] else "normal" for p in mean]
    assert [image.decision for image in report.images] == [(name,) for name in decisions]
    both = np.stack([1 - np.array(mean), mean], axis=1)
    calibrated = points.calibrated(both)[:, 1]
    for image, expected in zip(report.images, calibrated.tolist(), strict=True):
        assert image.calibrated is not None
        if np.isnan(expected):
            assert image.calibrated["abnormal"] is None
        else:
            assert image.calibrated["abnormal"] == pytest.approx(expected, abs=1e-12)


def test_the_report_says_what_it_rests_on(trained: Trained) -> None:
    own = stored(trained.networks[0], "test")
    report = predicted(trained, [Path(own["image"].iloc[0])])
    for run, folder in zip(report.runs, trained.networks, strict=True):
        assert run.run == folder.name
        assert run.weights_sha256 == file_checksum(folder / "best.pt")
    data = json.loads((trained.networks[0] / "data.json").read_text())
    assert report.data.fingerprint == data["fingerprint"]
    assert report.data.split_hash == data["split"]["hash"]
    assert report.version == package.__version__
    assert report.notice == "research software, not a medical device"
    assert report.unlike is not None
    assert report.unlike.validation_images == len(stored(trained.networks[0], "validation"))
    assert report.images[0].sha256 == file_checksum(Path(own["image"].iloc[0]))
    assert PredictionReport.model_validate_json(report.model_dump_json()) == report


def test_dicom_goes_in_as_it_goes_into_training(trained: Trained, tmp_path: Path) -> None:
    """Inverted, windowed and without a suffix: the probabilities of the same pixels as PNG."""
    pytest.importorskip("pydicom", reason="the extra dicom is not installed")
    from tests.bench.data.dicom_files import write_dicom

    names = stored(trained.networks[0], "test")["image"].tolist()[:3]
    pixels = [read_grayscale(Path(name)) for name in names]
    twelve = pixels[2].astype(np.uint16) * 8 + 512
    files = [
        write_dicom(tmp_path / "IM0001", pixels[0]),
        write_dicom(tmp_path / "b.dcm", 255 - pixels[1], PhotometricInterpretation="MONOCHROME1"),
        write_dicom(tmp_path / "c.dcm", twelve, BitsStored=12, WindowCenter=1532, WindowWidth=2040),
    ]
    squares = [resize(read_grayscale(path), 32) for path in files]
    np.testing.assert_array_equal(squares[:2], [resize(p, 32) for p in pixels[:2]])
    loaded = package.load_model(trained.networks[0])
    expected = loaded(np.stack(squares))[:, 1]
    report = predicted(trained, [tmp_path], seeds=1)
    assert [Path(image.image).name for image in report.images] == ["IM0001", "b.dcm", "c.dcm"]
    found = [image.probabilities["abnormal"] for image in report.images if image.probabilities]
    assert found == expected.tolist()
    own = stored(trained.networks[0], "test")["probability"].tolist()
    assert found[:2] == pytest.approx(own[:2], abs=1e-6)


def strange_files(folder: Path, radiograph: Path) -> dict[str, str]:
    """Files that are no radiographs, and in what they are unlike them; broken ones too."""
    folder.mkdir()
    pixels = read_grayscale(radiograph)
    random = np.random.default_rng(0).integers(0, 256, (90, 70)).astype(np.uint8)
    grays = {"black": pixels * 0, "inverted": 255 - pixels, "noise": random}
    for name, gray in grays.items():
        Image.fromarray(gray).save(folder / f"{name}.png")
    Image.fromarray(pixels[::8, ::8].copy()).save(folder / "tiny.png")
    shutil.copy(load_sample_images().filenames[0], folder / "photo.jpg")
    tinted = np.stack([pixels, pixels // 2, pixels], axis=2)
    Image.fromarray(tinted).save(folder / "tinted.png")
    Image.fromarray(pixels).convert("RGB").save(folder / "rgb.jpg")
    (folder / "text.png").write_text("no image")
    (folder / "torn.jpeg").write_bytes(radiograph.read_bytes()[:900])
    return {
        "black": "share of black",
        "inverted": "likeness to the mean training image",
        "noise": "",  # by one or another
        "photo": "colour",
        "rgb": "no",
        "tinted": "colour",
        "tiny": "fewer pixels than the network sees",
    }


def test_strange_images_are_flagged_and_broken_ones_lose_no_others(
    trained: Trained, tmp_path: Path
) -> None:
    radiograph = Path(stored(trained.networks[0], "validation")["image"].iloc[0])
    expected = strange_files(tmp_path / "in", radiograph)
    report = predicted(trained, [tmp_path / "in"])
    images = {Path(image.image).stem: image for image in report.images}
    assert {name for name, image in images.items() if image.error} == {"text", "torn"}
    assert images["torn"].error == "the file ends too early"
    assert images["torn"].sha256 == file_checksum(tmp_path / "in" / "torn.jpeg")
    assert images["text"].probabilities is None
    for name, reason in expected.items():
        assert images[name].unlike is (reason != "no"), name
        assert reason == "no" or images[name].because.startswith(reason), name
    assert (images["noise"].width, images["noise"].height) == (70, 90)


def test_false_alarms_are_those_of_the_validation_images(trained: Trained) -> None:
    own = stored(trained.networks[0], "validation")
    report = predicted(trained, [Path(name) for name in own["image"]])
    assert report.unlike is not None
    assert report.unlike.validation_images == len(own) == 48
    assert report.unlike.false_alarms == sum(image.unlike is True for image in report.images)


def test_runs_from_before_there_were_statistics_leave_the_flag_blank(
    trained: Trained, tmp_path: Path
) -> None:
    from bench.runs.store import Store
    from tests.bench.records import as_written

    folder = tmp_path / "runs" / trained.networks[0].name
    shutil.copytree(trained.networks[0], folder)
    with as_written(folder):
        record = json.loads((folder / "data.json").read_text())
        del record["appearance"]
        (folder / "data.json").write_text(json.dumps(record))
    assert Store(folder.parent).run(folder.name).data.appearance is None
    name = stored(folder, "test")["image"].iloc[0]
    runs = find_runs([str(folder)], out=folder.parent)
    row = NetworkRow.load(runs, device=CPU)
    report = predict_images(row, list_images([Path(name)]), progress=QuietProgress())
    assert (report.unlike, report.images[0].unlike) == (None, None)


def test_the_command_prints_a_table_alone(
    bench: Command,
    trained: Trained,
    tmp_path: Path,
) -> None:
    name = stored(trained.networks[0], "test")["image"].iloc[0]
    shutil.copy(name, tmp_path / "one.jpeg")
    (tmp_path / "two.jpeg").write_text("no image")
    arguments = ("small_for_predict-ce-*", "one.jpeg", "two.jpeg", "--runs", trained.out)
    outcome = bench("predict", *arguments)
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert len(lines) == 4
    assert lines[0].split()[:3] == ["image", "p(abnormal)", "calibrated"]
    assert lines[2].startswith("one.jpeg")
    assert "not a PNG, JPEG, TIFF or DICOM image" in lines[3]
    assert outcome.err.count("research software, not a medical device") == 1
    assert "images that could not be read: 1 of 2" in outcome.err


def test_the_command_writes_csv_and_json(
    bench: Command,
    trained: Trained,
    tmp_path: Path,
) -> None:
    name = stored(trained.networks[0], "test")["image"].iloc[0]
    shutil.copy(name, tmp_path / "007.jpeg")
    both = [*trained.networks, "007.jpeg"]
    for file in ("new/p.csv", "p.json"):
        outcome = bench("predict", *both, "--out", file)
        assert (outcome.code, outcome.out) == (0, ""), outcome.err
    frame = pd.read_csv(tmp_path / "new" / "p.csv", dtype=str)
    written: dict[str, Any] = json.loads((tmp_path / "p.json").read_text())
    (image,) = written["images"]
    assert frame.columns.tolist() == [
        *("image", "probability", "sd", "calibrated", "decision", "decision_at_95_specificity"),
        *("unlike", "because", "error", "image_sha256", "runs"),
    ]
    assert [*map(float, frame["probability"])] == [image["probabilities"]["abnormal"]]
    assert frame["image_sha256"].tolist() == [file_checksum(tmp_path / "007.jpeg")]
    assert frame["runs"].tolist() == ["|".join(folder.name for folder in trained.networks)]
    assert sorted(image["seeds"]) == ["0", "1"]


def test_mistakes_are_one_line_and_write_nothing(
    bench: Command,
    trained: Trained,
    tmp_path: Path,
) -> None:
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    wrong = [
        ((trained.networks[0], "a.png", "--out", "p.txt"), "must end in .csv or .json"),
        ((trained.control, "a.png"), "is of kind control"),
        ((trained.networks[0],), "no images"),
        ((), "Missing argument"),
    ]
    for arguments, words in wrong:
        outcome = bench("predict", *arguments)
        assert (outcome.code, outcome.out) == (2, "")
        assert words in outcome.err
        assert outcome.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]


def test_runs_of_two_rows_are_never_one_mean(trained: Trained) -> None:
    first, second = find_runs([str(folder) for folder in trained.networks], out=trained.out)
    other = replace(second, cell=second.cell.model_copy(update={"loss": "sin"}))
    with pytest.raises(InputError, match=r"predict one row at a time: .* differ in loss"):
        NetworkRow.load([first, other], device=CPU)
