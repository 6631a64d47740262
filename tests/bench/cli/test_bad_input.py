"""A user's mistake ends in one line with the thing and the way out, and exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.cli import conftest
from tests.bench.cli.conftest import TINY, Command, Outcome
from tests.bench.cli.images import truncate, write_manifest

RUNS = Path("results/runs")
Arguments = tuple[object, ...]


def assert_refused(outcome: Outcome, *parts: str) -> None:
    """It was refused in one line, and no run was begun."""
    conftest.assert_refused(outcome, *parts)
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
        (demo("--config", "dmeo"), ("unknown config 'dmeo'", "did you mean demo?")),
        (demo("--set", "train.learning_rate=1"), ("unknown key 'train.learning_rate'",)),
        (demo("--set", "train.lr=.inf"), ("train.lr", "finite number", "inf")),
        (demo("--seeds", "a,b"), ("--seeds", "'a,b'", "0,1,2")),
        (demo("--seeds", "-1"), ("seeds", "-1")),
        (demo("--device", "tpu"), ("--device", "'tpu'", "cuda")),
        (demo("--sedes", "1"), ("--sedes", "--seeds", "bench run --help")),
        (demo("--plugin", "absent.py"), ("absent.py", "is not there")),
        (manifest(), ("'manifest'", "--data PATH")),
        (manifest("--data", "absent"), ("'absent' is not there", "--data")),
        (("report", "markdown"), ("no results in 'results/runs'", "bench run --all", "--out")),
        (("report", "docx"), ("'docx'", "markdown", "csv", "latex")),
        (("report",), ("FORMAT", "bench report --help")),
        (("list", "things"), ("'things'", "models", "configs")),
        (("trian",), ("trian", "bench --help")),
        (("weights", "fetch", "cxnet_m1", "--to", "w"), ("cxnet_m1", "no pretrained weights")),
        (("data", "phantom", "x", "--images", "0"), ("--images", "0")),
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


def _without_table(folder: Path) -> None:
    (write_manifest(folder) / "manifest.csv").rename(folder / "labels.csv")


def _one_class_test(folder: Path) -> None:
    """Odd images are abnormal."""
    parts = (*("validation",) * 15, *("train",) * 16, *("test", "train") * 15)
    write_manifest(folder, splits=parts[:60])


@pytest.mark.parametrize(
    ("make", "settings", "parts"),
    [
        (_truncated, (), ("1 truncated: 007.png", "bench data check", "data.on_bad=skip")),
        (_without_table, (), ("no manifest.csv", "labels.csv", "data.options.csv")),
        (write_manifest, ("data.split=official",), ("'official'", "60 of 60 images")),
        (_one_class_test, ("data.split=fixed",), ("test set has 15 images, all abnormal",)),
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
    weights = "resnet18.a1_in1k"
    pretrained = ("--set", "model.pretrained=true", "--set", "model.weights_dir=mine")
    assert_refused(
        bench("run", "resnet18", *TINY, *pretrained),
        weights,
        "mine/resnet18.safetensors",
        str(tmp_path / "hub" / f"models--timm--{weights}"),
        "no route to the hub",
        "bench weights fetch resnet18 --to DIR",
        "model.weights_dir=DIR",
        "model.pretrained=false",
    )
    assert_refused(bench("weights", "fetch", "resnet18", "--to", "mine"), "no route to the hub")
    assert not Path("mine").exists()


def test_an_out_folder_that_cannot_be_made(bench: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_refused(bench(*demo("--out", "file/runs")), "file/runs", "--out")
    assert_refused(bench(*demo("--out", "file")), "--out", "'file'")


@pytest.mark.usefixtures("nothing_drawn")
def test_a_damaged_run_is_named_and_the_others_are_shown(
    bench: Command, tiny_runs: tuple[object, ...]
) -> None:
    (run,) = RUNS.glob("tiny-ce-*")
    whole = (run / "predictions.csv").read_bytes()
    truncate(run / "predictions.csv")
    for kind in ("markdown", "html", "latex", "csv", "json"):
        report = bench("report", kind)
        assert (report.code, report.err.count("\n")) == (1, 1)
        for text in (report.out, report.err):
            assert run.name in text
            assert "damaged" in text
            assert "predictions.csv was changed" in text
        assert "prior" in report.out
    again = bench(*tiny_runs)
    assert (again.code, "1 damaged" in again.out, run.name in again.out) == (1, True, True)
    assert "predictions.csv was changed" in again.out
    (run / "predictions.csv").write_bytes(whole)
    assert bench(*tiny_runs).code == bench("report", "csv").code == 0


@pytest.mark.usefixtures("tiny_runs")
def test_a_report_of_nothing_but_damage(bench: Command) -> None:
    (run,) = RUNS.glob("tiny-ce-*")
    for record in RUNS.glob("*/data.json"):
        record.unlink()
    for kind in ("markdown", "html", "latex", "csv", "json", "figures"):
        report = bench("report", kind)
        assert (report.code, run.name in report.err) == (1, True)


def test_a_torn_end_of_a_run_is_mended_by_the_next_command(
    bench: Command, tiny_runs: tuple[object, ...]
) -> None:
    (run,) = RUNS.glob("tiny-ce-*")
    before = (run / "predictions.csv").read_bytes()
    truncate(run / "run.json")
    (run / "config.yaml").write_text("")
    report = bench("report", "markdown")
    assert (report.code, run.name in report.out) == (0, True)
    assert bench(*tiny_runs).code == 0
    assert (run / "predictions.csv").read_bytes() == before


@pytest.mark.parametrize("option", ["--config", "--seeds"])
def test_an_error_line_has_a_readable_length(bench: Command, option: str) -> None:
    outcome = bench(*demo(option, "beginning/" + "x" * 300_000 + ".yaml"))
    assert_refused(outcome, "beginning/", " … ")
    assert len(outcome.err) < 2_100


def test_an_error_line_does_nothing_to_the_terminal(bench: Command) -> None:
    assert_refused(bench("report", "markdown", "\x1b[31mred\udcff"), "(\\x1b[31mred\\udcff)")
