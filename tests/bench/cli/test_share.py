"""``bench share``, and ``bench import`` of what it wrote: two labs with the same images."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench import load_results
from bench.config import load_experiment
from bench.runs.store import experiment_text
from bench.share.bundle import unpack
from bench.share.send import without_paths
from tests.bench.cli.conftest import Command, Outcome
from tests.bench.cli.images import write_manifest

TINY = (
    "--set", "data.image_size=32", "--set", "train.max_iterations=2", "--loss", "ce",
    "--set", "train.validate_every=2", "--set", "train.batch_size=8",
    "--set", "controls=[prior, metadata]",
)  # fmt: skip
Train = Callable[..., Outcome]


@pytest.fixture
def train(bench: Command, tiny_plugin: Path) -> Train:
    """Trains the tiny network on a manifest's images."""

    def call(images: Path, *more: object, out: str, seeds: str = "0") -> Outcome:
        command = ("run", "tiny", "--plugin", tiny_plugin, "--config", "manifest", *TINY)
        where = ("--data", images, "--out", out, "--seeds", seeds)
        outcome: Outcome = bench(*command, *where, *more)
        assert outcome.code == 0, outcome.err
        return outcome

    return call


@pytest.fixture
def theirs(train: Train, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs of the tiny network and its controls, trained once for these tests."""
    kept = tmp_path_factory.getbasetemp() / "theirs"
    if not kept.exists():
        train(write_manifest(tmp_path / "images"), out=str(kept))
    shutil.copytree(kept, "theirs")
    return tmp_path / "theirs"


def predictions(out: str) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in Path(out).glob("*/predictions.csv")}


def texts(bundle: Path) -> str:
    with zipfile.ZipFile(bundle) as packed:
        return "\n".join(packed.read(name).decode() for name in packed.namelist())


def test_another_labs_seeds_become_seeds_of_a_row(
    bench: Command, train: Train, tmp_path: Path
) -> None:
    images = write_manifest(tmp_path / "images")
    train(images, out="theirs", seeds="1,2")
    train(images, out="ours", seeds="0")
    shared = bench("share", "tiny-*", "--out", "theirs", "--to", "theirs.zip")
    assert (shared.code, "names of images and patients as hashes" in shared.out) == (0, True)
    assert not re.search(r"\d{3}\.png|\bp\d+\b|" + str(tmp_path), texts(Path("theirs.zip")))
    own = predictions("ours")

    imported = bench("import", "theirs.zip", "--out", "ours")
    assert imported.code == 0, imported.err
    # The names are those of the images again, and no bit of a probability has changed.
    sent = {name: text for name, text in predictions("theirs").items() if name[:4] == "tiny"}
    assert predictions("ours") == own | sent
    results = load_results("ours")
    (row,) = results.rows.query("model == 'tiny'").to_dict("records")
    assert row["seeds"] == 3
    (note,) = [n for n in results.tables[0].data.notes if n.startswith("imported from theirs.zip")]
    assert note.endswith("made elsewhere: tiny ce (seeds 1, 2)")
    assert bench("doctor", "--out", "ours").code == 0

    # The rows of the bundle are in no order that a list of files would give away.
    with zipfile.ZipFile("theirs.zip") as packed:
        name = next(n for n in packed.namelist() if n.endswith("predictions.csv"))
        hashes = [line.split(",")[1] for line in packed.read(name).decode().splitlines()[1:]]
    assert hashes[15:] == sorted(hashes[15:])

    again = bench("import", "theirs.zip", "--out", "ours")
    assert again.out.count("already here, largest difference of a probability 0\n") == 2
    # What was made here stays, and is compared.
    back = bench("share", "tiny-*", "--out", "ours", "--to", "ours.zip")
    assert back.code == 0
    compared = bench("import", "ours.zip", "--out", "theirs")
    assert compared.out.count("made here too, largest difference of a probability 0\n") == 2


def test_other_splits_and_labels_are_refused(bench: Command, train: Train, tmp_path: Path) -> None:
    parts = (*["train"] * 30, *["val"] * 15, *["test"] * 15)
    images = write_manifest(tmp_path / "images", splits=parts)
    fixed = ("--set", "data.split=fixed")
    train(images, *fixed, out="theirs")
    sharing = ("share", "*", "--out", "theirs", "--to")
    assert bench(*sharing, "hashed.zip").code == 0
    assert bench(*sharing, "plain.zip", "--public").code == 0
    train(images, out="other split")
    manifest = pd.read_csv(images / "manifest.csv")
    manifest.loc[manifest.index[-1], "label"] = "Mass"
    manifest.to_csv(images / "manifest.csv", index=False)
    train(images, *fixed, "--seeds", "7", out="more findings")  # m1 asks for none or any
    manifest.loc[manifest.index[-1], "label"] = "normal"
    manifest.to_csv(images / "manifest.csv", index=False)
    train(images, *fixed, out="other labels")
    for names in ("hashed", "plain"):
        refused = bench("import", f"{names}.zip", "--out", "other split")
        assert (refused.code, "their rows cannot be compared" in refused.err) == (2, True)
        shutil.copytree("more findings", names)
        before = predictions(names)
        assert bench("import", f"{names}.zip", "--out", names).code == 0
        assert predictions(names).keys() > before.keys()
        before = predictions("other labels")
        refused = bench("import", f"{names}.zip", "--out", "other labels")
        assert (refused.code, "for 1 of 30 images" in refused.err) == (2, True)
        assert predictions("other labels") == before


@pytest.mark.usefixtures("theirs")
def test_runs_of_another_image_size_stand_in_a_table_of_their_own(
    bench: Command, train: Train, tmp_path: Path
) -> None:
    train(write_manifest(tmp_path / "same"), "--set", "data.image_size=48", out="ours")
    assert bench("share", "tiny-*", "--out", "theirs", "--to", "t.zip").code == 0
    imported = bench("import", "t.zip", "--out", "ours")
    assert imported.code == 0, imported.err
    own = "imported; in a table of its own, since its pixels or image size are others\n"
    assert imported.out.count(own) == 1
    sizes = sorted(table.data.image_size for table in load_results("ours").tables)
    assert sizes == [32, 48]


@pytest.mark.usefixtures("theirs")
def test_an_empty_folder_takes_plain_names_alone(bench: Command) -> None:
    for public in (False, True):
        sharing = ("share", "*", "--out", "theirs", "--to", "t.zip")
        assert bench(*sharing, *(["--public"] if public else [])).code == 0
        imported = bench("import", "t.zip", "--out", "empty")
        assert imported.code == (0 if public else 2)
        assert ("unzip the bundle" in imported.err) == (not public)
    assert predictions("empty") == predictions("theirs")
    assert bench("doctor", "--out", "empty").code == 0


@pytest.mark.usefixtures("theirs")
def test_a_split_is_written_as_all_else_is(
    bench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill leaves a split whole or not at all: it is moved to its place."""
    assert bench("share", "*", "--out", "theirs", "--to", "t.zip", "--public").code == 0
    moved: list[Path] = []
    replace = Path.replace

    def move(path: Path, target: Path) -> Path:
        moved.append(target)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", move)
    assert bench("import", "t.zip", "--out", "empty").code == 0
    (split,) = (tmp_path / "empty" / "splits").iterdir()
    assert split in moved


@pytest.mark.usefixtures("theirs")
def test_an_unpacked_bundle_is_a_folder_of_runs(bench: Command, tmp_path: Path) -> None:
    assert bench("share", "*", "--out", "theirs", "--to", "t.zip").code == 0
    (tmp_path / "unpacked").mkdir()
    unpack(Path("t.zip"), tmp_path / "unpacked")
    there, here = load_results("unpacked").rows, load_results("theirs").rows
    here = here[here["seeds"] > 0]  # a control that the data cannot have holds nothing
    for figure in ("auc", "auc_low", "auc_high"):
        assert there[figure].tolist() == here[figure].tolist()
    assert "| tiny" in (tmp_path / "unpacked" / "README.md").read_text()


def test_what_cannot_be_shared_is_refused(bench: Command, theirs: Path) -> None:
    (run,) = theirs.glob("tiny-*")
    (run / "predictions.csv").write_text("")
    damaged = bench("share", "tiny-*", "--out", "theirs", "--to", "t.zip")
    assert (damaged.code, "is damaged" in damaged.err) == (2, True)
    needless = bench("share", "prior-*", "--out", "theirs", "--to", "t.zip")
    assert needless.code == 0
    wrong = bench("import", "t.zip", "--as", "x", "--out", "theirs")
    assert (wrong.code, "leave out --as" in wrong.err) == (2, True)
    unnamed = bench("import", run / "data.json", "--out", "theirs")
    assert (unnamed.code, "--as NAME" in unnamed.err) == (2, True)


def test_a_run_that_was_begun_here_is_not_written_over(
    bench: Command, train: Train, tiny_plugin: Path, tmp_path: Path
) -> None:
    images = write_manifest(tmp_path / "images")
    train(images, out="theirs", seeds="0,1")
    shutil.copytree("theirs", "ours")
    (run,) = Path("ours").glob("tiny-ce-s1-*")
    (run / "run.json").unlink()
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    assert bench("share", "tiny-*", "--out", "theirs", "--to", "t.zip").code == 0
    refused = bench("import", "t.zip", "--out", "ours")
    assert (refused.code, "did not finish" in refused.err) == (2, True)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert bench("runs", "remove", run.name, "--out", "ours").code == 0
    assert bench("import", "t.zip", "--out", "ours").code == 0
    missing = bench("predict", run, images, "--plugin", tiny_plugin)
    assert (missing.code, "has no weights" in missing.err) == (2, True)


def test_no_folder_of_this_machine_is_shared() -> None:
    folders = {"data.root": Path("/home/a"), "model.weights_dir": Path("/home/b")}
    experiment = load_experiment(
        "demo", changes={**folders, "vary.train.lr": [0.1, 0.2], "vary.data.image_size": [32, 64]}
    )
    varied = experiment.model_copy(
        update={"vary": {**experiment.vary, "data.root": ("/home/c", "/home/d")}}
    )
    text = experiment_text(without_paths(varied))
    assert "/home" not in text
    assert without_paths(varied).vary == experiment.vary
