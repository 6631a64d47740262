"""``bench import``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from bench.cascade.stages import find_stages
from bench.data.phantom.export import write_nih_layout
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.collect import collect
from bench.evaluate.results import Reference
from bench.evaluate.scorer import Scorer
from bench.runs.store import Store
from tests.bench.cli.conftest import TINY, Command
from tests.bench.cli.images import write_manifest
from tests.bench.cli.test_bad_input import assert_refused
from tests.bench.imported.small import TEST, write_csv, write_labels

RUNS = Path("results/runs")


def same(one: object, other: object) -> bool:
    """Equal to the last bit; NaN is NaN."""
    return repr(one) == repr(other)


@pytest.mark.parametrize("task", ["m1", "findings14"])
def test_own_predictions_come_back_as_the_same_figures(
    bench: Command, tiny_plugin: Path, tmp_path: Path, task: str
) -> None:
    """The run lacks some images of the label file; predictions of it belong in its table."""
    write_nih_layout(tmp_path / "nih", images=150, seed=0, image_size=32)
    for path in sorted((tmp_path / "nih").rglob("*.png"))[::10]:
        path.unlink()
    nih = ("--config", "nih_image", "--data", tmp_path / "nih", "--task", task)
    options = (*TINY[2:], "--set", "controls=[prior]", "--loss", "ce", "--seeds", "0")
    run = bench("run", "tiny", "--plugin", tiny_plugin, *nih, *options)
    assert (run.code, run.err) == (0, "")
    (trained,) = RUNS.glob("tiny-ce-*")
    shutil.copy(trained / "predictions.csv", "mine.csv")
    for images in (tmp_path / "nih").glob("images*"):
        shutil.rmtree(images)

    outcome = bench("import", "mine.csv", "--as", "again", *nih)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0].startswith(f"again on nih, task {task}, split image ")
    assert lines[-1] == "the table: bench report markdown"
    assert not [line for line in lines if line.startswith("not judged")]

    (table,) = collect(
        Store(RUNS).runs(),
        scorer=Scorer(Resampling(count=60)),
        reference=Reference(model="tiny", loss="ce"),
    )
    rows = {row.name: row for row in table.rows}
    assert rows.keys() == {"tiny ce", "imported: again", "control: prior"}
    mine, again = rows["tiny ce"], rows["imported: again"]
    assert same(again.figures, mine.figures)
    assert same(again.findings, mine.findings)
    assert (again.weights, again.parameters, again.train_seconds) == ("", None, None)
    assert again.comparison is not None
    assert again.comparison.difference.value == 0.0
    assert again.comparison.verdict == "cannot tell"
    assert table.data.image_size == 32
    assert len(table.environments) == 2

    repeated = bench("import", "mine.csv", "--as", "again", *nih)
    assert repeated.out.splitlines()[-2].startswith("already imported: test ")
    stages = [entry for site in find_stages(Store(RUNS).runs()) for entry in site]
    assert {entry.cell.kind for entry in stages} == {"network", "control"}


def test_a_manifest_without_its_images_and_a_file_that_covers_half(
    bench: Command, tmp_path: Path
) -> None:
    folder = write_manifest(
        tmp_path / "mine", splits=("train",) * 30 + ("val",) * 10 + ("test",) * 20
    )
    for path in folder.glob("*.png"):
        path.unlink()
    tested = [f"{number:03d}.png" for number in range(40, 60)]
    write_csv(
        tmp_path / "p.csv",
        {"path": [f"/theirs/{name}" for name in tested[:10]], "probability": [0.25, 0.75] * 5},
    )
    manifest = ("--config", "manifest", "--data", folder, "--set", "data.split=fixed")
    outcome = bench("import", "p.csv", "--as", "theirs", *manifest, "--out", "my runs")
    assert (outcome.code, outcome.err) == (0, "")
    first, threshold, split, done, table = outcome.out.splitlines()
    assert first.startswith("theirs on manifest, task m1, split fixed ")
    assert first.endswith(": 0 of 10 validation images, 10 of 20 test images")
    assert threshold.startswith("no validation image is predicted")
    assert split.startswith("the split is made of the labels alone")
    assert done.startswith("imported: test AUC 1.000, my runs/theirs-imported-")
    assert table == "the table: bench report markdown --out 'my runs'"


def test_columns_and_delimiter_of_others(bench: Command, tmp_path: Path) -> None:
    """A table as pandas writes it, with its index, for semicolons, and names without suffix."""
    write_labels(tmp_path / "nih")
    names = [f"/old/{name.removesuffix('.png')}" for name in TEST]
    frame = pd.DataFrame({"file": names, "y": [0.0, 1.0] * (len(TEST) // 2)})
    frame.to_csv("p.csv", sep=";")
    columns = ("--image-column", "file", "--score-column", "y")
    data = ("--data", "nih", "--set", "data.validation_fraction=0.34")
    outcome = bench("import", "p.csv", "--as", "theirs", *columns, *data)
    assert (outcome.code, outcome.err) == (0, "")
    assert "p.csv: columns divided by semicolons" in outcome.out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("absent.csv", "--as", "x"), ("absent.csv", "bench import --help")),
        ((".", "--as", "x"), ("'.' is a directory",)),
        (("p.csv",), ("--as", "bench import --help")),
        (("p.csv", "--as", "x", "--combine", "mean"), ("'mean'", "noisy_or", "max")),
        (("p.csv", "--as", "x", "--task", "m9"), ("unknown task 'm9'", "m1")),
        (("p.csv", "--as", "x/y"), ("--as 'x/y'", "letters, digits")),
        (("p.csv", "--as", "x", "--data", "nowhere"), ("'nowhere' is not there",)),
        (("p.csv", "--as", "x", "--config", "manifest"), ("'manifest'", "--data PATH")),
        (("p.csv", "--as", "x", "--out", "p.csv"), ("'p.csv'", "--out")),
        (("strange.csv", "--as", "x"), ("not in the labels: a.png, b.png",)),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    bench: Command, tmp_path: Path, arguments: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    write_labels(tmp_path / "nih")
    write_csv(tmp_path / "p.csv", {"image": TEST, "probability": [0.5] * len(TEST)})
    write_csv(tmp_path / "strange.csv", {"image": ["a.png", "b.png"], "probability": [0, 1]})
    own = {"--data", "--config"} & set(arguments)
    data = () if own else ("--data", "nih", "--set", "data.validation_fraction=0.34")
    assert_refused(bench("import", *arguments, *data), *parts)


def test_synthetic_labels_judge_nobody_by_default(bench: Command, tmp_path: Path) -> None:
    """The demo's images have names such as ChestX-ray14's."""
    write_csv(tmp_path / "p.csv", {"image": TEST, "probability": [0.5] * len(TEST)})
    assert_refused(bench("import", "p.csv", "--as", "x"), "say whose labels judge", "--data PATH")
