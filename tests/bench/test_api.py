"""The harness from Python: run, read, load a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file

import bench
from bench.data.decode import resize
from bench.errors import InputError
from bench.evaluate.results import Results
from bench.evaluate.thresholds import choose_threshold
from bench.registry import MODELS

PATIENTS = 30


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of two kinds, 40 × 30 pixels, with their labels; two images a patient."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(3)
    lines = []
    for number in range(2 * PATIENTS):
        abnormal = number // 2 % 2 == 1
        pixels = rng.integers(0, 200, size=(30, 40), dtype=np.uint8)
        pixels[10:20, 10:20] += 55 * abnormal
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
        label = "pneumonia" if abnormal else "normal"
        lines.append(f"{number:02}.png,{label},p{number // 2}")
    (folder / "manifest.csv").write_text("path,label,patient\n" + "\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that trains in no time."""
    path = tmp_path_factory.mktemp("plugin") / "small.py"
    path.write_text(
        "import torch\n"
        "from bench import register_model\n"
        "@register_model('small_for_api', description='one convolution and a mean')\n"
        "def small(*, in_channels, outputs, image_size):\n"
        "    return torch.nn.Sequential(\n"
        "        torch.nn.Conv2d(in_channels, 4, 5, stride=4), torch.nn.ReLU(),\n"
        "        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, outputs))\n"
    )
    return path


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def results(manifest: Path, plugin: Path, out: Path) -> Results:
    config = bench.load_config("manifest", **changes(manifest), seeds=[0, 1])
    return bench.run(config, out=out, device="cpu", plugins=[plugin])


def changes(manifest: Path) -> dict[str, Any]:
    """A matrix of seconds."""
    return {
        "data.root": str(manifest),
        "data.image_size": 16,
        "data.validation_fraction": 0.3,
        "data.test_fraction": 0.3,
        "models": ["small_for_api"],
        "losses": ["ce"],
        "model.pretrained": False,
        "train.max_iterations": 4,
        "train.validate_every": 2,
        "train.batch_size": 8,
    }


def test_rows_are_the_tables_rows(results: Results) -> None:
    rows = results.rows.set_index("model")
    network = rows.loc["small_for_api"]
    assert (network["kind"], network["loss"]) == ("network", "ce")
    assert network["auc_low"] <= network["auc"] <= network["auc_high"]
    assert {"difference", "difference_low", "difference_high", "p", "verdict"} <= {*rows.columns}
    assert rows.loc["prior", "auc"] == 0.5


def test_any_row_can_be_the_reference(results: Results, out: Path) -> None:
    with pytest.raises(InputError, match="reference 'foo': no row of that name"):
        bench.load_results(out, reference="foo")
    assert repr(results).splitlines()[1:] == ["manifest m1, split patient: 8 rows"]
    compared = bench.load_results(out, reference="control:prior").rows.set_index("model")
    assert compared.loc["prior", "verdict"] == "reference"
    difference = compared.loc["small_for_api", "auc"] - 0.5
    assert compared.loc["small_for_api", "difference"] == pytest.approx(difference)
    # The default reference has not run: the only network stands in for it.
    by_model = results.rows.set_index("model")
    assert np.isnan(by_model.loc["small_for_api", "difference"])
    assert by_model.loc["prior", "difference"] == pytest.approx(-difference)


def test_what_is_read_again_is_the_same(results: Results, out: Path) -> None:
    pd.testing.assert_frame_equal(bench.load_results(out).rows, results.rows)


def network_folder(out: Path) -> Path:
    return next(path.parent for path in sorted(out.glob("small_for_api-*/run.json")))


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize("form", ["paths", "arrays"])
def test_a_loaded_model_predicts_what_its_run_did(out: Path, manifest: Path, form: str) -> None:
    folder = network_folder(out)
    stored = pd.read_csv(folder / "predictions.csv")
    model = bench.load_model(folder)
    paths = [manifest / name for name in stored["image"]]
    arrays = np.stack([np.asarray(Image.open(path)) for path in paths])
    probabilities = model(paths if form == "paths" else arrays)
    assert model.classes == ("normal", "abnormal")
    assert probabilities.shape == (len(stored), 2)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities[:, 1], stored["probability"], atol=1e-6)
    validation = stored[stored["part"] == "validation"]
    assert model.threshold == choose_threshold(validation["target"], validation["probability"])


@pytest.mark.usefixtures("results")
def test_a_loaded_model_scales_16_bits_as_its_run_did(manifest: Path, tmp_path: Path) -> None:
    """Twelve bits in 16: refused until their white is stated, then part of the run."""
    for path in manifest.glob("*.png"):
        pixels = np.asarray(Image.open(path)).astype(np.uint16) * 16
        Image.fromarray(pixels).save(tmp_path / path.name)
    (tmp_path / "manifest.csv").write_text((manifest / "manifest.csv").read_text())
    small = changes(tmp_path) | {"controls": [], "seeds": [0]}
    with pytest.raises(InputError, match=r"full_scale=4095"):
        bench.run(bench.load_config("manifest", **small), out=tmp_path / "runs", device="cpu")
    config = bench.load_config("manifest", **small, **{"data.options.full_scale": 4095})
    bench.run(config, out=tmp_path / "runs", device="cpu")
    folder = network_folder(tmp_path / "runs")
    record = json.loads((folder / "data.json").read_text())
    assert "16-bit images: the gray value 4,095 is white" in record["notes"]
    stored = pd.read_csv(folder / "predictions.csv")
    probabilities = bench.load_model(folder)([tmp_path / image for image in stored["image"]])
    np.testing.assert_allclose(probabilities[:, 1], stored["probability"], atol=1e-6)


def test_a_pretrained_network_sees_the_input_it_was_trained_for(
    manifest: Path, tmp_path: Path
) -> None:
    """Both ways to start; what was stored follows from the weights and the right input."""
    torch.manual_seed(11)
    save_file(timm.create_model("resnet18").state_dict(), tmp_path / "resnet18.safetensors")
    own: dict[str, Any] = {"controls": [], "seeds": [0], "train.max_iterations": 2}
    own |= {"models": ["resnet18"], "model.both": ["resnet18"]}
    own |= {"model.weights_dir": str(tmp_path)}
    config = bench.load_config("manifest", **(changes(manifest) | own))
    results = bench.run(config, out=tmp_path / "runs", device="cpu")
    assert sorted(results.rows["weights"]) == ["from scratch", "pretrained"]
    for name in results.runs["run"]:
        folder = tmp_path / "runs" / name
        weights = yaml.safe_load((folder / "config.yaml").read_text())["cell"]["settings"]["model"]
        data = json.loads((folder / "data.json").read_text())["normalisation"]
        mean, std = (0.449, 0.226) if weights["pretrained"] else (data["mean"], data["std"])
        network = timm.create_model("resnet18", in_chans=1, num_classes=2).eval()
        network.load_state_dict(torch.load(folder / "best.pt", weights_only=True)["network"])
        stored = pd.read_csv(folder / "predictions.csv")
        paths = [manifest / image for image in stored["image"]]
        gray = np.stack([resize(np.asarray(Image.open(path)), 16) for path in paths])
        with torch.inference_mode():
            logits = network((torch.from_numpy(gray)[:, None] / 255.0 - mean) / std)
        expected = logits.softmax(1)[:, 1].numpy()
        np.testing.assert_allclose(stored["probability"], expected, atol=1e-5)
        loaded = bench.load_model(folder)(paths)
        np.testing.assert_allclose(loaded[:, 1], stored["probability"], atol=1e-6)


@pytest.mark.usefixtures("results")
def test_no_images_are_no_predictions(out: Path) -> None:
    assert bench.load_model(network_folder(out))([]).shape == (0, 2)


@pytest.mark.usefixtures("results")
def test_one_path_is_one_image(out: Path, manifest: Path) -> None:
    model = bench.load_model(network_folder(out))
    path = manifest / "00.png"
    assert model(str(path)).tolist() == model(path).tolist() == model([path]).tolist()


@pytest.mark.usefixtures("results")
def test_what_cannot_be_loaded_or_predicted_is_one_line(out: Path, tmp_path: Path) -> None:
    control = next(path for path in out.glob("prior-*"))
    model = bench.load_model(network_folder(out))
    (tmp_path / "text.png").write_text("no image")
    refused = [
        (lambda: bench.load_model(tmp_path / "nothing"), "nothing"),
        (lambda: bench.load_model(control), "control"),
        (lambda: model([tmp_path / "text.png"]), "text.png"),
        (lambda: model([tmp_path / "gone.png"]), "gone.png"),
        (lambda: model(np.zeros((2, 8, 8))), "float64"),
        (lambda: bench.load_results(tmp_path), "run"),
        (lambda: bench.load_config("no_such_config"), "no_such_config"),
        (lambda: bench.load_config("demo", **{"train.learning": 1}), "train.learning"),
    ]
    for call, named in refused:
        with pytest.raises(bench.InputError) as error:
            call()
        assert named in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.usefixtures("results")
def test_weights_of_a_model_whose_layers_have_changed_do_not_fit(
    out: Path, plugin: Path, tmp_path: Path
) -> None:
    folder = network_folder(out)
    entry = MODELS.get("small_for_api")
    MODELS.remove("small_for_api")
    changed = tmp_path / "changed.py"
    changed.write_text(plugin.read_text().replace("Conv2d(in_channels, 4", "Conv2d(in_channels, 5"))
    try:
        with pytest.raises(InputError, match="do not fit model 'small_for_api'"):
            bench.load_model(folder, plugins=[changed])
    finally:
        MODELS.remove("small_for_api")
        MODELS.add(entry)
    weights = folder / "best.pt"
    content = weights.read_bytes()
    weights.write_bytes(content[:-9])
    try:
        with pytest.raises(InputError, match=r"is damaged \(best.pt was changed\)"):
            bench.load_model(folder)
    finally:
        weights.write_bytes(content)


def test_tuning_runs_the_winner_with_the_configs_seeds(
    manifest: Path, plugin: Path, tmp_path: Path
) -> None:
    config = bench.load_config("manifest", **changes(manifest), seeds=[5])
    tuned = bench.tune(config, budget="trials=1", out=tmp_path, device="cpu", plugins=[plugin])
    network = tuned.rows.set_index("model").loc["small_for_api"]
    assert (network["seeds"], network["tuning_trials"]) == (1, 1)
    assert callable(bench.tune), "no module may take the function's name"


def test_an_executor_that_cannot_be_had_is_refused(manifest: Path, tmp_path: Path) -> None:
    config = bench.load_config("manifest", **changes(manifest))
    for call in (bench.run, bench.tune):
        with pytest.raises(InputError, match="jobs are for other workers"):
            call(config, out=tmp_path / "runs", device="cpu", jobs=2)


@pytest.mark.slow
def test_other_workers_run_and_tune(manifest: Path, plugin: Path, tmp_path: Path) -> None:
    config = bench.load_config("manifest", **changes(manifest), seeds=[5])
    two: dict[str, Any] = {"plugins": [plugin], "executor": "processes", "jobs": 2}
    results = bench.run(config, out=tmp_path, device="cpu", **two)
    assert not results.unfinished
    tuned = bench.tune(config, budget="trials=2", out=tmp_path, device="cpu", **two)
    assert tuned.rows.set_index("model").loc["small_for_api"]["tuning_trials"] == 2


def test_a_comparison_is_planned_from_labels_alone(manifest: Path, tmp_path: Path) -> None:
    config = bench.load_config("manifest", **{"data.root": manifest, "margin": 0.2})
    (table,) = bench.plan(config, out=tmp_path / "none", seed_deviation=0.0)
    assert table.plan.part.images == 12
    assert table.plan.smallest_difference(10) > 0.2
    assert table.plan.seeds_for_margin is None
    with pytest.raises(bench.InputError, match="'seed_deviations': did you mean seed_deviation"):
        bench.plan(config, out=tmp_path / "none", seed_deviations=0.0)
