"""What a user can do wrong: one line that names the thing and the way out, exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.cli.conftest import TINY, Command, Outcome
from tests.bench.cli.images import truncate, write_manifest
from tests.bench.report.runs import PERFECT, Runs

RUNS = Path("results/runs")
Arguments = tuple[object, ...]


def assert_refused(outcome: Outcome, *parts: str) -> None:
    """One line on standard error with all the parts, exit code 2, and no run was begun."""
    assert outcome.code == 2, outcome
    assert outcome.err.count("\n") == 1, outcome.err
    assert outcome.err.startswith("error: ")
    for part in parts:
        assert part in outcome.err
    assert "Traceback" not in outcome.out + outcome.err
    assert not list(RUNS.glob("*/config.yaml"))


def manifest(*more: object) -> Arguments:
    return ("run", "cxnet_m1", "--config", "manifest", *TINY[2:], *more)


def demo(*more: object) -> Arguments:
    return ("run", "cxnet_m1", *TINY, *more)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("run",), ("nothing to run", "give --all")),
        (("run", "cxnet_m2"), ("unknown model 'cxnet_m2'", "did you mean cxnet_m1", "timm:NAME")),
        (("run", "timm:resnet19"), ("resnet19", "resnet18")),
        (("run", "unet*"), ("no model fits 'unet*'", "cxnet_m1")),
        (demo("--loss", "sine"), ("unknown loss 'sine'", "sin")),
        (demo("--config", "dmeo"), ("unknown config 'dmeo'", "did you mean demo?")),
        (demo("--config", "mine.yaml"), ("config file 'mine.yaml' is not there",)),
        (demo("--set", "train.learning_rate=1"), ("unknown key 'train.learning_rate'",)),
        (demo("--set", "train.lr"), ("'train.lr'", "KEY=VALUE", "train.lr=0.02")),
        (demo("--set", "train.lr=-1"), ("train.lr", "greater than 0", "-1")),
        (demo("--set", "train.lr=.inf"), ("train.lr", "finite number", "inf")),
        (demo("--set", "seeds=0"), ("seeds: Input should be a list, not 0",)),
        (demo("--set", "data=phantom"), ("data: Input should be a mapping", "'phantom'")),
        (demo("--set", "train.optimizer=sdg"), ("unknown optimizer 'sdg'", "sgd")),
        (demo("--set", "task=m9"), ("unknown task 'm9'", "m1")),
        (demo("--set", "controls=[priro]"), ("unknown control 'priro'", "prior")),
        (demo("--set", "model.options.cxnet_m1.width=3"), ("model 'cxnet_m1'", "'width'")),
        (
            ("run", "resnet18", *TINY, "--set", "model.options.resnet18.width=3"),
            ("model 'resnet18'", "'width'"),
        ),
        (demo("--set", "model.options.resnet19.width=3"), ("'resnet19'", "resnet18")),
        (demo("--set", "data.source=nhi"), ("unknown data source 'nhi'", "nih")),
        (demo("--set", "data.options.pictures=3"), ("'phantom'", "unknown key 'pictures'")),
        (("run", "inception_v3", *TINY), ("'inception_v3'", "at least 75 px", "not 32")),
        (demo("--seeds", "a,b"), ("--seeds", "'a,b'", "0,1,2")),
        (demo("--seeds", "1,1"), ("seeds: 1 given more than once",)),
        (demo("--seeds", "-1"), ("seeds", "-1")),
        (demo("--device", "tpu"), ("--device", "'tpu'", "cuda")),
        (demo("--sedes", "1"), ("--sedes", "--seeds", "bench run --help")),
        (demo("--plugin", "absent.py"), ("absent.py", "is not there")),
        (manifest(), ("'manifest'", "--data PATH")),
        (manifest("--data", "absent"), ("'absent' is not there", "--data")),
        (("report", "markdown"), ("no results in 'results/runs'", "bench run --all", "--out")),
        (("report", "docx"), ("'docx'", "markdown", "csv", "latex")),
        (("list", "things"), ("'things'", "models", "configs")),
        (("report",), ("FORMAT", "bench report --help")),
        (("trian",), ("trian", "bench --help")),
        (("weights", "fetch", "cxnet_m1", "--to", "w"), ("cxnet_m1", "no pretrained weights")),
        (("weights", "fetch", "resnet19", "--to", "w"), ("unknown model 'resnet19'", "resnet18")),
        (("data", "phantom", "x", "--images", "0"), ("--images", "0")),
        (("data", "check", "--config", "nih_official", "--data", "no"), ("'no' is not there",)),
    ],
    ids=lambda value: " ".join(map(str, value))[:60],
)  # fmt: skip
def test_a_wrong_name_or_value(
    bench: Command, arguments: Arguments, parts: tuple[str, ...]
) -> None:
    assert_refused(bench(*arguments), *parts)


def test_cuda_where_there_is_none(bench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert_refused(bench(*demo("--device", "cuda")), "cuda is not available", "--device cpu")


def _truncated(folder: Path) -> None:
    truncate(write_manifest(folder) / "007.png")


def _missing(folder: Path) -> None:
    (write_manifest(folder) / "007.png").unlink()


def _not_an_image(folder: Path) -> None:
    (write_manifest(folder) / "007.png").write_text("no picture")


def _without_table(folder: Path) -> None:
    (write_manifest(folder) / "manifest.csv").rename(folder / "labels.csv")


def _empty_table(folder: Path) -> None:
    (write_manifest(folder) / "manifest.csv").write_text("")


def _header_only(folder: Path) -> None:
    (write_manifest(folder) / "manifest.csv").write_text("path,label,patient\n")


def _all_normal(folder: Path) -> None:
    write_manifest(folder, labels=("normal",))


def _without_patients(folder: Path) -> None:
    write_manifest(folder, patients=False)


def _split(folder: Path, *, validation: slice | None, test: slice) -> None:
    """Odd images are abnormal: a step of two makes a part of one class."""
    parts = ["train"] * 60
    for part, places in (("validation", validation), ("test", test)):
        if places is not None:
            parts[places] = [part] * len(parts[places])
    write_manifest(folder, splits=tuple(parts))


def _one_class_validation(folder: Path) -> None:
    _split(folder, validation=slice(0, 30, 2), test=slice(40, 60))


def _one_class_test(folder: Path) -> None:
    _split(folder, validation=slice(0, 15), test=slice(31, 60, 2))


def _no_test(folder: Path) -> None:
    _split(folder, validation=slice(0, 20), test=slice(0, 0))


@pytest.mark.parametrize(
    ("make", "settings", "parts"),
    [
        (_truncated, (), ("1 truncated: 007.png", "bench data check", "data.on_bad=skip")),
        (_missing, (), ("1 missing: 007.png", "bench data check", "data.on_bad=skip")),
        (_not_an_image, (), ("1 unreadable: 007.png", "data.on_bad=skip")),
        (
            write_manifest,
            ("data.options.findings=[Mass]",),
            ("30 unknown finding: 001.png", "data.on_bad=skip"),
        ),
        (_without_table, (), ("no manifest.csv", "labels.csv", "data.options.csv")),
        (_empty_table, (), ("manifest.csv is empty",)),
        (_header_only, (), ("no usable image",)),
        (
            write_manifest,
            ("data.options.label_column=lable",),
            ("no column 'lable'", "did you mean label?"),
        ),
        (write_manifest, ("data.options.colour=1",), ("'manifest'", "unknown key 'colour'")),
        (write_manifest, ("data.split=official",), ("'official'", "60 of 60 images")),
        (_without_patients, (), ("patient ids", "data.split=image")),
        (_all_normal, (), ("train set has", "all normal", "data.split")),
        (
            _one_class_validation,
            ("data.split=fixed",),
            ("validation set has 15 images, all normal",),
        ),
        (_one_class_test, ("data.split=fixed",), ("test set has 15 images, all abnormal",)),
        (_no_test, ("data.split=fixed",), ("test part empty", "train 40, validation 20")),
    ],
)
def test_data_that_cannot_be_used(
    bench: Command,
    tmp_path: Path,
    make: Callable[[Path], object],
    settings: tuple[str, ...],
    parts: tuple[str, ...],
) -> None:
    make(tmp_path / "set")
    changes = [word for setting in settings for word in ("--set", setting)]
    assert_refused(bench(*manifest("--data", "set", *changes)), *parts)


def test_weights_that_are_nowhere(
    bench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says which weights, where they were looked for, and both ways out."""

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no route to the hub")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", unreachable)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    weights = "resnet18.a1_in1k"
    pretrained = ("--set", "model.pretrained=true", "--set", "model.weights_dir=mine")
    assert_refused(
        bench("run", "resnet18", *TINY, *pretrained),
        weights,
        "mine/resnet18.safetensors",
        str(tmp_path / "hub" / f"models--timm--{weights}"),
        str(tmp_path / "torch"),
        "no route to the hub",
        "bench weights fetch resnet18 --to DIR",
        "model.weights_dir=DIR",
        "model.pretrained=false",
    )
    assert_refused(bench("weights", "fetch", "resnet18", "--to", "mine"), "no route to the hub")
    assert not Path("mine").exists()


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("import nowhere_to_be_found\n", ("plugin.py, line 1: ModuleNotFoundError",)),
        ("x = 1\ndef broken(:\n", ("plugin.py, line 2: SyntaxError",)),
        (
            "from bench import register_loss\nregister_loss('ce', description='x')(print)\n",
            ("plugin.py", "loss 'ce' is registered already", "choose another name"),
        ),
        (
            "from bench import register_model\nregister_model('Net', description='x')(print)\n",
            ("plugin.py", "'Net' is not snake_case"),
        ),
        (
            "import torch\nfrom bench import register_model\n"
            "@register_model('net', description='forgets its classes')\n"
            "def net(*, in_channels, outputs, image_size):\n"
            "    return torch.nn.Flatten()\n",
            ("model 'net' answers one image with shape (1, 1024)", "(1, 2)"),
        ),
        ("raise SystemExit(0)\n", ("plugin.py, line 1: SystemExit",)),
    ],
)
def test_a_broken_plugin(
    bench: Command, tmp_path: Path, content: str, parts: tuple[str, ...]
) -> None:
    (tmp_path / "plugin.py").write_text(content)
    outcome = bench("run", "net", "--plugin", "plugin.py", *TINY)
    assert_refused(outcome, *parts)


def test_an_out_folder_that_cannot_be_made(bench: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_refused(bench(*demo("--out", "file/runs")), "file/runs", "--out")
    assert_refused(bench(*demo("--out", "file")), "--out", "'file'")


def _delete(run: Path) -> None:
    (run / "data.json").unlink()


def _cut_verdict(run: Path) -> None:
    truncate(run / "run.json")


def _empty_config(run: Path) -> None:
    (run / "config.yaml").write_text("")


def _broken_config(run: Path) -> None:
    (run / "config.yaml").write_text("model: [tiny\n")


def _no_predictions(run: Path) -> None:
    (run / "predictions.csv").unlink()


def _cut_predictions(run: Path) -> None:
    path = run / "predictions.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], lines[-1].rpartition(",")[0]]))


def _no_test_predictions(run: Path) -> None:
    path = run / "predictions.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("test,")))


@pytest.mark.parametrize(
    "damage",
    [
        _delete,
        _cut_verdict,
        _empty_config,
        _broken_config,
        _no_predictions,
        _cut_predictions,
        _no_test_predictions,
    ],
)
def test_a_report_names_a_damaged_run(bench: Command, damage: Callable[[Path], None]) -> None:
    Runs(RUNS).add("tiny", PERFECT, loss="ce")
    (run,) = RUNS.glob("tiny-ce-*")
    damage(run)
    outcome = bench("report", "markdown")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert run.name in outcome.err
    assert outcome.out == ""


def test_a_run_names_a_damaged_run(bench: Command, tiny_plugin: Path) -> None:
    command = ("run", "tiny", "--loss", "ce", "--plugin", tiny_plugin, *TINY)
    assert bench(*command).code == 0
    (run,) = RUNS.glob("tiny-ce-*")
    _cut_verdict(run)
    outcome = bench(*command)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert run.name in outcome.err
    assert "delete its folder" in outcome.err
