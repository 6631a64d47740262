"""``bench explain``: pictures and a page of a stored run's heat maps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench import load_config, load_model, run
from bench.data.boxes import box_mask, read_nih_boxes
from bench.data.phantom import draw_cohort
from bench.data.phantom.lesions import lesion_boxes
from tests.bench.cli.conftest import TINY, Command
from tests.bench.cli.images import write_manifest
from tests.browser import Browser, browser  # noqa: F401
from tests.shared_data import shared


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of the paper's network, trained for four steps."""
    changes = {
        "models": ["cxnet_m1"],
        "losses": ["ce"],
        "seeds": [0, 1],
        "controls": [],
        "data.options.images": 120,
        "data.image_size": 32,
        "train.max_iterations": 4,
        "train.validate_every": 2,
        "train.batch_size": 8,
        "model.options.cxnet_m1.conv4_kernel": 1,  # 97 % of its weights
    }
    out = tmp_path_factory.mktemp("trained") / "runs"
    run(load_config("demo", **changes), out=out, device="cpu")
    return out


@pytest.fixture
def two_seeds(bench: Command, trained: Path) -> str:  # noqa: ARG001 -- in the test's folder
    """Their runs in results/runs; the name of the first."""
    shutil.copytree(trained, "results/runs")
    return sorted(Path("results/runs").glob("cxnet_m1-*"))[0].name


@pytest.fixture
def radiographs(tmp_path: Path) -> Path:
    """A folder with two real radiographs."""
    folder = tmp_path / "x rays"
    folder.mkdir()
    for path in sorted((shared("kermany") / "images").iterdir())[:2]:
        shutil.copy(path, folder)
    return folder


def test_pictures_of_real_radiographs_and_their_page(
    bench: Command,
    radiographs: Path,
    browser: Browser,  # noqa: F811
    two_seeds: str,
) -> None:
    name = two_seeds
    done = bench("explain", name, radiographs, "--to", "maps")
    assert (done.code, done.out) == (0, ""), done.err
    assert "not a medical device" in done.err
    index = json.loads(Path("maps/index.json").read_text())
    assert (index["runs"], index["method"]) == ([name], "class activation map")
    images = sorted(radiographs.iterdir())
    assert [each["image"] for each in index["images"]] == [str(path) for path in images]
    for each, path in zip(index["images"], images, strict=True):
        assert each["output"] == "abnormal"
        with Image.open(Path("maps") / each["picture"]) as drawn, Image.open(path) as original:
            longer = max(original.size)
            scale = min(max(longer, 512), 1024) / longer
            assert drawn.height == round(original.height * scale)
    for width in (1400, 390):
        browser.open(Path("maps/index.html").resolve(), width=width)
        loaded = "return [...document.images].map(i => i.complete && i.naturalWidth > 512)"
        browser.driver.execute_script("document.images[1].loading = 'eager'")
        assert browser.ask("return document.documentElement.scrollWidth") <= width
        assert browser.ask(loaded)[0] is True
        assert not browser.complaints()
    text = browser.ask("return document.body.innerText")
    assert "not a medical device" in text
    assert f"abnormal {index['images'][0]['probability']:.3f}" in text


@pytest.mark.usefixtures("registries_kept", "tiny_runs")
def test_the_probability_is_that_of_the_loaded_model(
    bench: Command, radiographs: Path, tiny_plugin: Path
) -> None:
    """A plugin's network has Grad-CAM, and --class names the output."""
    pytest.importorskip("captum", reason="the extra explain is not installed")
    (name,) = (run.name for run in Path("results/runs").glob("tiny-*"))
    image = sorted(radiographs.iterdir())[0]
    chosen = ("--class", "normal", "--plugin", tiny_plugin, "--to", "maps")
    done = bench("explain", name, image, *chosen)
    assert done.code == 0, done.err
    (each,) = json.loads(Path("maps/index.json").read_text())["images"]
    model = load_model(Path("results/runs") / name, plugins=[tiny_plugin])
    assert each["output"] == "normal"
    assert each["threshold"] is None
    assert each["probability"] == pytest.approx(float(model([image])[0, 0]), abs=1e-6)


def test_a_dicom_file(bench: Command, tmp_path: Path, two_seeds: str) -> None:
    """It is drawn as it is read for training: MONOCHROME1 is inverted."""
    pytest.importorskip("pydicom", reason="the extra dicom is not installed")
    from tests.bench.data.dicom_files import write_dicom

    pixels = np.zeros((600, 600), np.uint16)
    pixels[:, 300:] = 4095
    file = tmp_path / "one.dcm"
    write_dicom(file, pixels, PhotometricInterpretation="MONOCHROME1")
    done = bench("explain", two_seeds, file, "--to", "maps")
    assert done.code == 0, done.err
    with Image.open("maps/0001_one.png") as drawn:
        left = np.asarray(drawn)[:, :600, 0]
    assert left[300, 100] > left[300, 500]


@pytest.mark.usefixtures("tiny_runs")
def test_mistakes_are_one_line(bench: Command, tiny_plugin: Path) -> None:
    pytest.importorskip("captum", reason="the extra explain is not installed")
    (name,) = (run.name for run in Path("results/runs").glob("tiny-*"))
    Path("empty").mkdir()
    Path("text.png").write_text("no image")
    Image.new("L", (20, 20)).save("one.png")
    for arguments, message in (
        (["nobody", "x.png"], "'nobody' is neither a file or folder nor a run in 'results/runs'"),
        ([name, "absent.png"], "no file 'absent.png'"),
        ([name, "empty"], "no image in 'empty'"),
        ([name], "no images: give files, folders"),
        ([name, "one.png", "--boxes", "phantom"], "--boxes takes the runs' own test images"),
        ([name, "--boxes", "phantom", "--class", "abnormal"], "--boxes draws nothing"),
        ([name, "one.png", "--data", "empty"], "--data is where the images of --boxes lie"),
        ([name, "one.png", "--class", "abnorml"], "predicts no 'abnorml': did you mean abnormal"),
    ):
        done = bench("explain", *arguments, "--to", "maps", "--plugin", tiny_plugin)
        assert done.code == 2, message
        assert message in done.err
        assert done.err.splitlines()[-1].startswith("error: ")
        assert not Path("maps/index.html").exists()
    some = ("one.png", "text.png", "--to", "maps", "--plugin", tiny_plugin)
    done = bench("explain", name, *some)
    assert done.code == 1
    assert "'text.png': the file is not a PNG, JPEG, TIFF or DICOM image" in done.err
    first, second = json.loads(Path("maps/index.json").read_text())["images"]
    assert (first["error"], second["picture"]) == ("", "")
    assert "the file is not a PNG" in Path("maps/index.html").read_text()


@pytest.mark.usefixtures("two_seeds")
def test_predict_draws_the_mean_map_of_the_seeds(bench: Command) -> None:
    """Its probabilities are those of the table that predict writes."""
    Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).astype(np.uint8)).save(
        "one.png"
    )
    done = bench("predict", "cxnet_m1-*", "one.png", "--out", "p.csv", "--heatmap", "maps")
    assert done.code == 0, done.err
    index = json.loads(Path("maps/index.json").read_text())
    assert len(index["runs"]) == 2
    (each,) = index["images"]
    assert each["probability"] == pytest.approx(pd.read_csv("p.csv")["probability"][0], abs=1e-6)
    assert Path("maps", each["picture"]).is_file()


def test_the_pointing_game_on_the_phantom(bench: Command, two_seeds: str) -> None:
    """Two seeds are one row; chance is the share of the image that the boxes take."""
    name = two_seeds
    done = bench("explain", "cxnet_m1-*", "--boxes", "phantom", "--to", "maps")
    assert done.code == 0, done.err
    assert done.out == Path("maps/pointing.md").read_text()
    assert "seeds 0, 1: class activation map" in done.out
    rows = pd.read_csv("maps/pointing.csv")
    makers = ["network", "random weights", "centre", "frame", "even", "boxes on the grid"]
    every = rows[rows["finding"] == "all findings"].set_index("maker")
    assert list(every.index) == makers
    assert set(rows.groupby("finding")["maker"].apply(tuple)) == {tuple(makers)}

    model = load_model(Path("results/runs") / name)
    test = model.run.predictions()["test"]
    visits = {visit.image: visit for visit in draw_cohort(images=120, seed=0)}
    shown = [visits[image] for image in test.images if visits[image].shown]
    areas = [
        box_mask(tuple(box for boxes in found.values() for box in boxes), 256).mean()
        for found in (lesion_boxes(visit, seed=0) for visit in shown)
    ]
    for figure in ("hit", "energy", "iou"):
        assert every.loc["even", figure] == pytest.approx(np.mean(areas))
    assert every.loc["even", "images"] == len(shown)
    for figure, other in (("above_random", "random weights"), ("above_frame", "frame")):
        above = every.loc["network", figure]
        assert above == pytest.approx(every.loc["network", "hit"] - every.loc[other, "hit"])
        assert (
            every.loc["network", f"{figure}_low"] < above < every.loc["network", f"{figure}_high"]
        )
    assert np.isnan(every.loc["even", "above_random"])

    report = json.loads(bench("report", "json").out)
    (row,) = (row for row in report["tables"][0]["rows"] if row["heat_maps"])
    assert (row["model"], report["stale_maps"]) == ("cxnet_m1", [])
    (shown_maps,) = row["heat_maps"]
    assert (shown_maps["boxes"], shown_maps["seeds"]) == ("phantom", [0, 1])
    last = next(
        each
        for each in shown_maps["measured"]
        if (each["maker"], each["finding"]) == ("network", "all findings")
    )
    for figure in ("hit", "energy", "iou", "above_random", "above_frame"):
        assert last["figures"][figure]["value"] == pytest.approx(every.loc["network", figure])
        assert last["figures"][figure]["low"] == pytest.approx(
            every.loc["network", f"{figure}_low"]
        )
    assert "above random weights" in bench("report", "markdown").out

    # Another training of a seed: what was measured is no longer of it.
    shutil.rmtree(Path("results/runs") / name)
    report = json.loads(bench("report", "json").out)
    assert report["stale_maps"] == [name]
    assert not any(row["heat_maps"] for row in report["tables"][0]["rows"])


def test_the_pointing_game_with_nihs_boxes(
    bench: Command, tmp_path: Path, tiny_plugin: Path
) -> None:
    """The radiographs with a box that are here, and some without."""
    pytest.importorskip("captum", reason="the extra explain is not installed")
    here = {path.name: path for path in shared("nih-mini").rglob("*.png")}
    file = shared("nih-mini") / "BBox_List_2017.csv"
    boxes = read_nih_boxes(file)
    chosen = [*sorted(here.keys() & boxes.keys()), *sorted(here.keys() - boxes.keys())[::40]]
    folder = tmp_path / "nih"
    (folder / "images").mkdir(parents=True)
    for name in chosen:
        (folder / "images" / name).symlink_to(here[name])
    # The whole file is read in seconds.
    labels = pd.read_csv(shared("nih-mini") / "Data_Entry_2017_v2020.csv", dtype=str)
    some = labels[labels["Image Index"].isin(chosen)]
    some.to_csv(folder / "Data_Entry_2017_v2020.csv", index=False)
    done = bench(
        "run", "tiny", "--config", "nih_patient", "--data", folder, "--plugin", tiny_plugin,
        "--loss", "ce", "--seeds", "0", "--set", "controls=[]", *TINY[2:],
        "--set", "data.test_fraction=0.4",
    )  # fmt: skip
    assert done.code == 0, done.err
    played = ("tiny-*", "--boxes", file, "--plugin", tiny_plugin, "--to", "maps")
    done = bench("explain", *played)
    assert done.code == 0, done.err
    assert "Grad-CAM" in done.out
    (run,) = Path("results/runs").glob("tiny-*")
    test = pd.read_csv(run / "predictions.csv").query("part == 'test'")["image"]
    rows = pd.read_csv("maps/pointing.csv").query("finding == 'all findings'")
    assert set(rows["images"]) == {len(set(test) & boxes.keys())}

    refused = bench("explain", "tiny-*", "--boxes", "phantom", "--plugin", tiny_plugin, "--to", "x")
    assert (refused.code, refused.out) == (2, "")
    assert "images are of nih, whose lesions the phantom does not know" in refused.err
    first = file.read_text().splitlines()
    absent = [line for line in first[1:] if line.split(",")[0] not in here]
    Path("others.csv").write_text("\n".join([first[0], *absent]))
    refused = bench("explain", "tiny-*", "--boxes", "others.csv", *played[3:])
    assert refused.code == 2
    assert "images with boxes is among the" in refused.err


def boxes_of(path: Path, *lines: str) -> Path:
    """A file of boxes such as NIH's: a line for each image and finding."""
    path.write_text("\n".join(["image,finding,x,y,w,h", *lines]) + "\n")
    return path


@pytest.fixture
def of_a_manifest(bench: Command, tmp_path: Path) -> tuple[str, Path]:
    """A run on made-up images of an effusion or a mass, which asks for both, and their folder."""
    images = write_manifest(tmp_path / "images", labels=("normal", "Effusion", "Mass"))
    done = bench(
        "run", "cxnet_m1", *TINY[2:], "--config", "manifest", "--data", images, "--loss", "ce",
        "--seeds", "0", "--task", "findings14", "--set", "controls=[]",
    )  # fmt: skip
    assert done.code == 0, done.err
    (run,) = Path("results/runs").glob("cxnet_m1-*")
    return run.name, images


def test_boxes_that_cannot_be_played_are_one_line(
    bench: Command, of_a_manifest: tuple[str, Path], tmp_path: Path
) -> None:
    name, images = of_a_manifest
    test = load_model(Path("results/runs") / name).run.predictions()["test"].images
    call = ("explain", name, "--to", "maps", "--boxes")
    boxes = boxes_of(tmp_path / "unasked.csv", f"{test[0]},Hernia,0,0,512,512")
    done = bench(*call, boxes)
    assert (done.code, done.out) == (2, "")
    assert f"run {name} predicts none of the findings with boxes, which are Hernia" in done.err

    boxes = boxes_of(tmp_path / "mass.csv", f"{test[0]},Mass,0,0,512,512")
    lines = (images / "manifest.csv").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(test[0])]
    (images / "manifest.csv").write_text("\n".join(kept) + "\n")
    done = bench(*call, boxes, "--data", images)
    assert (done.code, done.out) == (2, "")
    assert f"image '{test[0]}' of run {name} is not in these data: --data gives" in done.err
    assert not Path("maps").exists()


def test_the_images_of_a_folder_that_was_a_level(bench: Command, tmp_path: Path) -> None:
    """Both folders have images of the same names: those of the run's own are taken."""
    folders = [
        write_manifest(tmp_path / name, labels=labels)
        for name, labels in (("one", ("normal", "Mass")), ("two", ("normal", "Effusion")))
    ]
    done = bench(
        "run", "cxnet_m1", *TINY[2:], "--config", "manifest", "--loss", "ce", "--seeds", "0",
        "--set", f"vary={{data.root: [{folders[0]}, {folders[1]}]}}", "--set", "controls=[]",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = [load_model(run) for run in Path("results/runs").glob("cxnet_m1-*")]
    roots = {model.data.root: model.data_config().root for model in found}
    assert roots == {"one": folders[0], "two": folders[1]}
    for model in found:
        test = model.run.predictions()["test"]
        squares = model.own_squares([str(image) for image in test.images], root=None)
        assert np.abs(model.predict(squares) - test.probabilities).max() < 1e-6
