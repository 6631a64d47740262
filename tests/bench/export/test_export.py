"""A run as a folder for others: each format gives its probabilities, and nothing wrong is kept."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image

import bench
from bench.data.decode import resize
from bench.data.normalisation import Normalisation
from bench.errors import InputError
from bench.export.deployed import DeployedNetwork
from bench.export.export import TOLERANCE, Check, DisagreementError, export
from bench.export.formats import FORMATS, Format
from bench.model import LoadedModel
from bench.registry import MODELS, NetworkShape, find_model
from tests.bench.export.real_runs import kermany_part, train
from tests.shared_data import SHARED

# Nothing of a torch, of this package or of pandas can be imported by the script.
ALONE = """
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torch', 'bench', 'pandas', 'timm', 'scipy', 'sklearn'):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
script, *images = sys.argv[1:]
for image in images:
    sys.argv = [script, image]
    runpy.run_path(script, run_name='__main__')
    print('---')
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kermany_part(tmp_path_factory.mktemp("data") / "part")


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The paper's network."""
    return train(data, tmp_path_factory.mktemp("runs"), models=["cxnet_m1"], controls=[])


@pytest.fixture(scope="module")
def model(run: Path) -> LoadedModel:
    return bench.load_model(run)


def exported(model: LoadedModel, folder: Path, to: Format, root: Path | None = None) -> Check:
    return export(model, folder, to=to, root=root, card=lambda check: f"{check}\n")


@pytest.fixture(scope="module")
def onnx(model: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "onnx"
    exported(model, folder, "onnx")
    return folder


def unseen(folder: Path) -> dict[str, Path]:
    """Images that nobody trained on, in several shapes and modes, by name."""
    (path, *_) = sorted((SHARED / "nih-mini").glob("images_*/**/*.png"))
    gray = Image.open(path).convert("L")
    found = {
        "large": gray,
        "wide": gray.resize((300, 20)),
        "tall": gray.resize((17, 200)),
        "as it is": gray.resize((32, 32)),
        "colours": Image.merge("RGB", [gray, gray.rotate(2), gray.rotate(4)]).resize((90, 70)),
        "alpha": Image.merge("LA", [gray, gray.rotate(90)]).resize((90, 70)),
        "palette": gray.convert("P").resize((64, 50)),
    }
    for name, image in found.items():
        image.save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in found}


def answers(printed: str) -> list[dict[str, Any]]:
    return [json.loads(text) for text in printed.split("---\n") if text.strip()]


def assert_alike(answer: dict[str, Any], model: LoadedModel, image: Path) -> None:
    (expected,) = model([image])
    found = [answer["probabilities"][name] for name in model.classes]
    assert np.abs(np.array(found) - expected).max() <= TOLERANCE
    decided = zip(model.points.called, model.points.decide(expected[None])[0], strict=True)
    called = [name for name, yes in decided if yes]
    assert answer["called"] == (called or ["normal"])
    assert answer["notice"] == "research software, not a medical device"


@pytest.mark.parametrize("to", get_args(Format))
def test_each_format_gives_the_stored_probabilities(
    model: LoadedModel, onnx: Path, tmp_path: Path, to: Format
) -> None:
    folder = onnx
    if to != "onnx":
        check = exported(model, folder := tmp_path / "made", to)
        assert (check.images, check.run_rounds, check.not_there) == (32, False, "")
    names = {path.name for path in folder.iterdir()}
    common = {"preprocessing.json", "sample.png", "sample.json", "README.md", FORMATS[to].name}
    own = {"onnx": {"predict.py"}, "torchscript": set(), "safetensors": {"config.json"}}
    assert names == common | own[to]
    sample = json.loads((folder / "sample.json").read_text())
    (expected,) = model([folder / "sample.png"])
    assert list(sample["probabilities"].values()) == expected.tolist()
    assert (folder / "README.md").read_text() == f"max |Δp| {sample['check']['run']:.1g}" + (
        f" from what the run stored of 32 test images; {sample['check']['network']:.1g} from its"
        " network\n"
    )
    assert not [*folder.parent.glob(".*")]


def test_the_script_needs_onnxruntime_and_pillow_alone(
    model: LoadedModel, onnx: Path, tmp_path: Path
) -> None:
    """In this interpreter, with all else blocked; every shape and mode becomes our pixels."""
    images = unseen(tmp_path)
    script = onnx / "predict.py"
    assert len(script.read_text().splitlines()) <= 30
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, script, onnx / "sample.png", *images.values()],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    sample, *others = answers(done.stdout)
    wanted = json.loads((onnx / "sample.json").read_text())
    for name, p in wanted["probabilities"].items():
        assert sample["probabilities"][name] == pytest.approx(p, abs=TOLERANCE)
    assert sample["called"] == wanted["called"]
    for answer, image in zip(others, images.values(), strict=True):
        assert_alike(answer, model, image)


def test_the_script_refuses_sixteen_bits(onnx: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40), 40_000, np.uint16)).save(tmp_path / "deep.png")
    command = [sys.executable, onnx / "predict.py", tmp_path / "deep.png"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "error: an image of 8 bits is wanted: see gray in preprocessing.json\n"


@pytest.mark.slow  # it installs two packages; the test above is its short form
def test_in_a_fresh_environment(model: LoadedModel, onnx: Path, tmp_path: Path) -> None:
    images = unseen(tmp_path)
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    done = subprocess.run([*install, "onnxruntime", "pillow"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"onnxruntime and Pillow cannot be installed here: {done.stderr[-200:]}")
    found = subprocess.run(
        [python, "-I", onnx / "predict.py", images["large"]], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    assert_alike(json.loads(found.stdout), model, images["large"])


def test_three_channels_several_findings_and_bfloat16(tmp_path: Path) -> None:
    run = train(
        tmp_path,
        tmp_path / "runs",
        **{
            "data.source": "phantom",
            "data.root": None,
            "data.options": {"images": 500},
            "task": "findings14",
            "controls": [],
            "model.in_channels": 3,
            "train.precision": "bfloat16",
            "train.memory_format": "channels_last",
        },
    )
    model = bench.load_model(run)
    check = exported(model, tmp_path / "made", "onnx")
    assert check.run_rounds
    assert TOLERANCE < check.run < 0.02
    assert "computed in bfloat16 or on a GPU" in str(check)
    facts = json.loads((tmp_path / "made" / "preprocessing.json").read_text())
    assert facts["graph"]["activation"] == "sigmoid"
    assert facts["graph"]["channels"] == 3
    assert list(facts["thresholds"]) == list(model.classes)


def test_without_the_data_the_sample_alone_is_looked_at(
    model: LoadedModel, data: Path, tmp_path: Path
) -> None:
    elsewhere = data.rename(tmp_path / "elsewhere")
    try:
        check = exported(model, tmp_path / "sample", "torchscript")
        assert check.images == 0
        assert "on the sample image alone: the run's test images were not looked at" in str(check)
        check = exported(model, tmp_path / "all", "torchscript", root=elsewhere)
        assert check.images == 32
        with pytest.raises(InputError, match="nowhere"):
            exported(model, tmp_path / "none", "torchscript", root=tmp_path / "nowhere")
        assert not (tmp_path / "none").exists()
    finally:
        elsewhere.rename(data)


def test_other_pixels_are_told_and_nothing_is_left(model: LoadedModel, tmp_path: Path) -> None:
    """The run's images by name, each upside down."""
    other = tmp_path / "other"
    kermany_part(other)
    real = (other / "images").resolve()
    (other / "images").unlink()
    (other / "images").mkdir()
    for line in (other / "manifest.csv").read_text().splitlines()[1:]:
        name = Path(line.split(",")[0]).name
        Image.open(real / name).convert("L").rotate(180).save(other / "images" / name)
    with pytest.raises(DisagreementError, match=r"are these the run's data \(--data\)\?"):
        exported(model, tmp_path / "made", "torchscript", root=other)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_folder_that_is_there_is_refused(model: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is there already: give another folder with --out"):
        exported(model, tmp_path, "safetensors")


def test_the_script_resizes_as_images_are_decoded() -> None:
    """Its two lines, on sides below, at and above the square's."""
    rng = np.random.default_rng(0)
    for height, width in ((1, 1), (31, 32), (32, 33), (300, 20), (20, 300), (500, 400)):
        pixels = rng.integers(0, 256, (height, width), dtype=np.uint8)
        image = Image.fromarray(pixels)
        for size in ((32, image.height), (32, 32)):
            shrinks = size[0] < image.width or size[1] < image.height
            image = image.resize(
                size, Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
            )
        assert np.array_equal(np.asarray(image), resize(pixels, 32))


@pytest.mark.slow  # minutes; its short form is that each format gives the stored probabilities
@pytest.mark.parametrize("name", [entry.name for entry in MODELS if entry.source == "built in"])
def test_every_built_in_network_in_each_format(name: str, tmp_path: Path) -> None:
    """With random weights, on more images than it was traced with."""
    shape = NetworkShape(in_channels=1, outputs=3, image_size=96)
    squares = np.random.default_rng(0).integers(0, 256, (3, 96, 96), dtype=np.uint8)
    torch.manual_seed(0)
    network = find_model(name).build(shape)
    # With statistics of these images: with initial ones a deep network tells none from another.
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()((torch.from_numpy(squares)[:, None] / 255 - 0.5) / 0.2)
    deployed = DeployedNetwork(
        network.eval(),
        normalisation=Normalisation(mean=0.5, std=0.2),
        in_channels=1,
        kind="multiclass",
    )
    with torch.inference_mode():
        wanted = deployed(torch.from_numpy(squares)).numpy()
    assert np.ptp(wanted, axis=0).max() > 1e-4  # it is not blind
    for to in get_args(Format):
        FORMATS[to].write(tmp_path, deployed, name, shape)
        found = FORMATS[to].load(tmp_path, deployed)
        assert found(squares) == pytest.approx(wanted, abs=TOLERANCE), to
        assert found(squares[:1]) == pytest.approx(wanted[:1], abs=TOLERANCE), to
