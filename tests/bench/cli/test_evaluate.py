"""Networks of one data set judged on another, with real radiographs."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
import yaml

from bench import load_model
from bench.runs.run import Run
from bench.runs.store import Store
from tests.bench.cli.conftest import Command, Outcome, _plugins_forgotten
from tests.bench.cli.images import write_manifest
from tests.bench.export.real_runs import kermany_part
from tests.bench.records import as_written
from tests.shared_data import shared

OF_EACH = 45
RUNS = Path("results/runs")
SMALL = (
    "--config", "manifest", "--loss", "ce", "--seeds", "0", "--set", "controls=[prior]",
    "--set", "data.image_size=32", "--set", "train.max_iterations=4",
    "--set", "train.validate_every=2", "--set", "train.batch_size=8",
    "--set", "data.validation_fraction=0.2",
)  # fmt: skip


def nih(to: Path) -> Path:
    """Some radiographs of ChestX-ray14, without a finding or with one or more."""
    root = shared("nih-mini")
    with (root / "Data_Entry_2017_v2020.csv").open() as file:
        labels = {row["Image Index"]: row for row in csv.DictReader(file)}
    paths = sorted(root.glob("images_*/images/*.png"))
    normal = [path for path in paths if labels[path.name]["Finding Labels"] == "No Finding"]
    abnormal = [path for path in paths if labels[path.name]["Finding Labels"] != "No Finding"]
    to.mkdir()
    lines = ["path,label,patient"]
    for path in (*normal[:OF_EACH], *abnormal[:OF_EACH]):
        (to / path.name).symlink_to(path)
        label = labels[path.name]["Finding Labels"].replace("No Finding", "normal")
        lines.append(f"{path.name},{label},{labels[path.name]['Patient ID']}")
    (to / "manifest.csv").write_text("\n".join(lines) + "\n")
    return to


def train(bench: Command, plugin: Path, data: Path, *more: str) -> None:
    outcome = bench("run", "tiny", "--plugin", plugin, "--data", data, *SMALL, *more)
    assert outcome.code == 0, outcome.err


def evaluate(bench: Command, plugin: Path, data: Path, *more: object) -> Outcome:
    given = ("--plugin", plugin, "--config", "manifest", "--data", data, "--device", "cpu")
    return bench("evaluate", *(more or ("tiny-*",)), *given)


def stored() -> list[Run]:
    return Store(RUNS).external.runs()


def test_of_children_on_adults_with_real_radiographs(
    bench: Command, tiny_plugin: Path, tmp_path: Path
) -> None:
    children, adults = kermany_part(tmp_path / "children", images=90), nih(tmp_path / "adults")
    train(bench, tiny_plugin, children, "--seeds", "0,1")
    outcome = evaluate(bench, tiny_plugin, adults)
    assert outcome.code == 0, outcome.err
    assert "2 evaluated, 0 evaluated before" in outcome.err
    assert outcome.out.startswith("## External validation\n")
    assert "tested on manifest (adults)" in outcome.out
    assert "Tested on 90 images" in outcome.out
    assert "0 identical images; 0 patient ids in both (0 images here)" in outcome.out
    assert "| tiny, ensemble |" in outcome.out
    run = stored()[0]
    assert run.external is not None
    # The stored probabilities are those of the network, and of its own parts those of its run.
    images = [adults / name for name in run.predictions()["test"].images]
    with _plugins_forgotten():
        network = load_model(RUNS / run.external.run, plugins=[tiny_plugin])
    found = run.predictions()["test"].probabilities
    assert found == pytest.approx(network(images), abs=1e-6)
    own = Store(RUNS).run(run.external.run).predictions()
    for part, stored_as in (("validation", "validation"), ("test", "home")):
        kept = run.predictions()[stored_as]
        assert kept.images.tolist() == own[part].images.tolist()
        assert kept.probabilities.tolist() == own[part].probabilities.tolist()
    again = evaluate(bench, tiny_plugin, adults)
    assert "0 evaluated, 2 evaluated before" in again.err
    assert again.out == outcome.out
    report = bench("report", "markdown")
    assert "tested on manifest" in report.out
    assert bench("doctor").code == 0


@pytest.fixture
def trained(bench: Command, tiny_plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data of made-up images, with a network trained on them once for all these tests."""
    home, kept = Path("home"), tmp_path_factory.getbasetemp() / "trained at home"
    if kept.exists():
        shutil.copytree(kept, ".", dirs_exist_ok=True)
    else:
        train(bench, tiny_plugin, write_manifest(home, images=90))
        for folder in (home, RUNS):
            shutil.copytree(folder, kept / folder)
    return home


def test_identical_images_are_left_out_and_named(
    bench: Command, tiny_plugin: Path, trained: Path, tmp_path: Path
) -> None:
    labels = ("normal", "Mass")
    other = write_manifest(tmp_path / "other", images=40, labels=labels, seed=1)
    # Two of the home images under other names, and of other patients.
    for place, name in enumerate(("000.png", "003.png")):
        shutil.copy(trained / name, other / f"copy{place}.png")
        with (other / "manifest.csv").open("a") as file:
            file.write(f"copy{place}.png,{'normal' if place == 0 else 'Mass'},new{place}\n")
    outcome = evaluate(bench, tiny_plugin, other)
    assert outcome.code == 0, outcome.err
    assert "Tested on 40 images" in outcome.out
    assert "2 identical images; 14 patient ids in both (40 images here); 2 images left out." in (
        outcome.out
    )
    (run,) = stored()
    assert not {"copy0.png", "copy1.png"} & {*run.predictions()["test"].images}
    refused = evaluate(bench, tiny_plugin, other, "tiny-*", "--same-patients")
    assert refused.code == 2
    assert "all 42 images of these data, or their patients, are among" in refused.err


def test_the_same_data_is_refused(bench: Command, tiny_plugin: Path, trained: Path) -> None:
    outcome = evaluate(bench, tiny_plugin, trained)
    assert (outcome.code, outcome.out) == (2, "")
    assert "are among the images of run tiny-ce-s0" in outcome.err


def test_home_images_that_are_gone_are_said(
    bench: Command, tiny_plugin: Path, trained: Path, tmp_path: Path
) -> None:
    trained.rename(tmp_path / "elsewhere")
    other = write_manifest(tmp_path / "other", images=40)
    outcome = evaluate(bench, tiny_plugin, other)
    assert outcome.code == 0, outcome.err
    assert "Identical images of manifest (home) and manifest (other) were not looked for" in (
        outcome.out
    )
    assert "identical images unknown" in outcome.out


@pytest.mark.usefixtures("trained")
def test_what_cannot_be_evaluated_is_refused(
    bench: Command, tiny_plugin: Path, tmp_path: Path
) -> None:
    other = write_manifest(tmp_path / "other", images=40, labels=("Mass",))
    for names, message in (
        (("prior-*",), "is of kind control: only a network"),
        (("absent",), "no run 'absent'"),
        (("tiny-*",), "all abnormal"),
    ):
        outcome = evaluate(bench, tiny_plugin, other, *names)
        assert (outcome.code, outcome.out) == (2, "")
        assert message in outcome.err.splitlines()[-1]
    assert not (RUNS / "external").is_dir()
    (folder,) = RUNS.glob("tiny-*")
    settings = folder / "config.yaml"
    with as_written(folder):
        settings.write_text(settings.read_text().replace("format: 2", "format: 1"))
    outcome = evaluate(bench, tiny_plugin, other)
    assert outcome.code == 2
    assert "was written by another version of cxnet-bench" in outcome.err
    assert bench("evaluate", "tiny-*").code == 2


@pytest.mark.usefixtures("trained")
def test_a_run_on_other_data_names_the_run_of_its_network(
    bench: Command, tiny_plugin: Path, tmp_path: Path
) -> None:
    other = write_manifest(tmp_path / "other", images=40, seed=1)
    assert evaluate(bench, tiny_plugin, other).code == 0
    (run,) = stored()
    assert run.external is not None
    shown = yaml.safe_load(bench("runs", "show", run.folder).out)
    assert shown["external"]["run"] == run.external.run
    image = other / "000.png"
    for command in (
        ("predict", run.folder, image),
        ("explain", run.folder, image, "--to", "maps"),
        ("export", run.folder, "--out", "made"),
        ("reproduce", run.folder, "--out", "again"),
        ("evaluate", run.folder, "--config", "manifest", "--data", other),
        ("share", run.folder, "--to", "t.zip"),
    ):
        refused = bench(*command)
        assert (refused.code, refused.out) == (2, ""), command
        message = f"error: run {run.folder.name} is the network of {run.external.run} on other data"
        assert refused.err.splitlines()[-1].startswith(message), refused.err
    assert not Path("t.zip").exists()


@pytest.mark.usefixtures("trained")
def test_a_network_that_was_trained_anew_is_evaluated_anew(
    bench: Command, tiny_plugin: Path, tmp_path: Path
) -> None:
    labels = ("normal", "Mass")
    other = write_manifest(tmp_path / "other", images=40, labels=labels, seed=1)
    assert evaluate(bench, tiny_plugin, other).code == 0
    (folder,) = RUNS.glob("tiny-*")
    predictions = folder / "predictions.csv"
    with as_written(folder):  # as with other threads: the last digits differ
        predictions.write_text(predictions.read_text().replace("\n", "1\n")[:-2] + "1\n")
        lines = predictions.read_text().splitlines()
        predictions.write_text("\n".join([lines[0].removesuffix("1"), *lines[1:]]) + "\n")
    report = bench("report", "markdown")
    assert f"Not shown: {folder.name} was trained anew" in report.out
    outcome = evaluate(bench, tiny_plugin, other)
    assert "1 evaluated, 0 evaluated before" in outcome.err
    assert "Not shown" not in bench("report", "markdown").out
    assert bench("runs", "remove", folder.name).code == 0
    assert f"Not shown: {folder.name} was trained anew or taken" in bench("report", "markdown").out


def test_only_findings_of_both_are_compared(
    bench: Command, tiny_plugin: Path, tmp_path: Path
) -> None:
    labels = ("normal", "Effusion", "Mass", "Effusion|Mass")
    home = write_manifest(tmp_path / "home", images=120, labels=labels)
    train(bench, tiny_plugin, home, "--task", "findings14")
    labels = ("normal", "EFFUSION", "Nodule")
    other = write_manifest(tmp_path / "other", images=40, labels=labels, seed=1)
    outcome = evaluate(bench, tiny_plugin, other)
    assert outcome.code == 0, outcome.err
    assert "internal macro AUC" in outcome.out
    assert "Not tested, since only the networks know them: Mass." in outcome.out
    assert "Not tested, since no network knows them: Nodule." in outcome.out
    (run,) = stored()
    assert run.outputs.classes == ("Effusion",)
    assert run.data.parts["test"].classes == {"Effusion": 13}
