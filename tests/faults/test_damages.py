"""Every file of a finished run, damaged in every way: named, found by the doctor, mended."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch
from _pytest.mark.structures import ParameterSet

from bench.config import Experiment, load_experiment
from bench.doctor import Finding, examine
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.load import load_results
from bench.evaluate.results import Results
from bench.evaluate.scorer import Scorer
from bench.events import Event, MatrixFinished, Validated
from bench.execute.experiment import run_experiments
from bench.imported import import_predictions
from bench.registry import MODELS
from bench.registry.plugins import load_plugin
from bench.report import FORMATS
from bench.runs.store import Store
from tests.faults.conftest import PLUGIN

SETTINGS = (
    "data.options.images=240",
    "data.image_size=32",
    "train.max_iterations=4",
    "train.validate_every=2",
    "train.batch_size=8",
    "controls=[prior]",
    "seeds=[0, 1]",
    "task=m2",
)
NETWORK = "tiny-ce-s0-*"
IMPORTED = "theirs-*"
FILES = {
    f"{NETWORK}/config.yaml": (r"seed: 0", "seed: 1"),
    f"{NETWORK}/experiment.yaml": (r"margin: 0.0", "margin: 0.1"),
    f"{NETWORK}/data.json": (r'"images": \d', '"images": 7'),
    f"{NETWORK}/environment.json": (r'"threads": \d', '"threads": 77'),
    f"{NETWORK}/history.csv": (r"0\.\d", "0.99"),
    f"{NETWORK}/best.pt": (r"network", "netw0rk"),
    f"{NETWORK}/predictions.csv": (r",([01]),0\.", r",\1,0.0"),
    f"{NETWORK}/others.csv": (r",0\.", ",0.0"),
    f"{NETWORK}/run.json": (r'"iterations": 4', '"iterations": 3'),
    f"{IMPORTED}/import.json": (r'"ignored": \d', '"ignored": 77'),
    "experiments/*.json": (r'"margin": 0.0', '"margin": 0.1'),
}
LATER = {
    ".yaml": lambda text: f"{text}later: 1\n",
    ".json": lambda text: text.replace("{", '{"later": 1,', 1),
    ".csv": lambda text: text.replace("\n", ",later\n", 1),
    ".pt": lambda text: f"{text}later",
}
TORN = ("removed", "emptied", "cut", "garbled")
DAMAGES = (*TORN, "edited", "later")


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A finished matrix: a network with two seeds, a control, and predictions of others."""

    root: Path
    experiment: Experiment
    scorer: Scorer

    def file(self, pattern: str) -> Path:
        (path,) = self.root.glob(pattern)
        return path

    def results(self) -> Results:
        return load_results(self.root, scorer=self.scorer)

    def examine(self) -> list[Finding]:
        return examine(Store(self.root), scorer=self.scorer)[1]

    def run(self) -> tuple[MatrixFinished, int]:
        """Endings of the cells, and the number of validations."""
        counter = _Counter()
        summary = run_experiments(
            [self.experiment], out=self.root, device=torch.device("cpu"), progress=counter
        )
        return summary, counter.validations


class _Counter:
    validations = 0

    def event(self, event: Event) -> None:
        self.validations += isinstance(event, Validated)

    def advance(self, label: str, done: int, total: int) -> None:
        pass


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    root = tmp_path_factory.mktemp("matrix")
    plugin = root / "tiny_plugin.py"
    plugin.write_text(PLUGIN)
    load_plugin(plugin)
    experiment = load_experiment(
        "demo", settings=SETTINGS, changes={"models": ["tiny"], "losses": ["ce"]}
    )
    matrix = Matrix(
        root=root / "runs",
        experiment=experiment,
        scorer=Scorer(Resampling(count=20), kept=root / "scores"),
    )
    assert matrix.run() == (MatrixFinished(finished=3), 4)
    file = root / "theirs.csv"
    shutil.copy(matrix.file(f"{NETWORK}/predictions.csv"), file)
    frame = pd.read_csv(file, dtype=str)
    frame[["image", "probability"]].to_csv(file, index=False)
    import_predictions(file, name="theirs", experiment=experiment, store=Store(matrix.root))
    assert matrix.examine() == []
    yield matrix
    MODELS.remove("tiny")


def damage(path: Path, how: str, edit: tuple[str, str]) -> None:
    """Damage a file."""
    content = path.read_bytes()
    text = content.decode("latin-1")  # every byte is a sign
    if how == "removed":
        path.unlink()
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "garbled":
        path.write_bytes(bytes(byte ^ 0x5A for byte in content))
    elif how == "edited":
        edited = re.sub(*edit, text, count=1)
        assert edited != text
        path.write_bytes(edited.encode("latin-1"))
    else:
        path.write_bytes(LATER[path.suffix](text).encode("latin-1"))


@contextmanager
def damaged(path: Path, how: str, edit: tuple[str, str]) -> Iterator[None]:
    content = path.read_bytes()
    damage(path, how, edit)
    try:
        yield
    finally:
        path.write_bytes(content)


def labels(results: Results) -> set[str]:
    return {row.label for table in results.tables for row in table.rows}


ALL = [(pattern, how) for pattern in FILES for how in DAMAGES]


def quick(*some: tuple[str, str]) -> list[ParameterSet]:
    """Every file and damage; those that are not among some are slow."""
    return [pytest.param(*case, marks=() if case in some else pytest.mark.slow) for case in ALL]


@pytest.mark.parametrize(("pattern", "how"), quick(*((file, "edited") for file in FILES)))
def test_each_damage_is_named_beside_all_other_rows(made: Matrix, pattern: str, how: str) -> None:
    path = made.file(pattern)
    of_run = path.parent.name != "experiments"
    name = path.parent.name if of_run else f"experiments/{path.name}"
    before = made.results()
    with damaged(path, how, FILES[pattern]):
        results, findings = made.results(), made.examine()
        if not of_run and how == "removed":
            # Of what is gone nobody knows but the runs, which are in no record now.
            assert "no record names 3 runs" in findings[0].fault
            assert labels(results) == labels(before)
            return
        assert any(finding.name == name for finding in findings)
        if path.name == "run.json" and how in TORN:
            assert [run.name for run in results.unfinished] == [name]
        else:
            (unusable,) = results.unusable
            later = how == "later" and path.suffix in (".yaml", ".json")
            assert unusable.name == name
            assert unusable.state == ("another version" if later else "damaged")
        lost = {run.name for table in before.tables for row in table.rows for run in row.runs}
        lost -= {run.name for table in results.tables for row in table.rows for run in row.runs}
        assert lost == ({name} if of_run else set())
        for text in (FORMATS[form](results) for form in ("markdown", "csv", "json")):
            assert name in text
    assert made.examine() == []


@pytest.mark.parametrize(
    ("pattern", "how"),
    quick((f"{NETWORK}/predictions.csv", "edited"), (f"{NETWORK}/config.yaml", "emptied")),
)
def test_repair_and_run_bring_back_what_was_lost(
    made: Matrix, tmp_path: Path, pattern: str, how: str
) -> None:
    matrix = Matrix(
        root=tmp_path / "runs", experiment=made.experiment, scorer=Scorer(Resampling(count=20))
    )
    shutil.copytree(made.root, matrix.root)
    path = matrix.file(pattern)
    damage(path, how, FILES[pattern])
    lost = path.read_bytes() if path.exists() else None
    predictions = {file: file.read_bytes() for file in made.root.glob(f"{NETWORK}/*s.csv")}
    for finding in matrix.examine():
        if finding.mend is not None:
            finding.mend()
    if how == "later" and path.suffix in (".yaml", ".json"):
        assert path.read_bytes() == lost  # another version's: left as it is
        assert matrix.run()[0].unusable == path.parent.match(NETWORK)
        return
    summary, validations = matrix.run()
    assert (summary.failed, summary.unusable) == (0, 0)
    assert summary.finished + summary.already == 3
    for file, content in predictions.items():
        assert (matrix.root / file.relative_to(made.root)).read_bytes() == content
    assert matrix.examine() == []
    if path.name in ("predictions.csv", "others.csv"):
        assert (summary.finished, validations) == (1, 0)  # its weights were whole
        assert len(Store(matrix.root).run(path.parent.name).attempts) == 2
    if path.name in ("config.yaml", "data.json", "environment.json", "experiment.yaml"):
        assert summary.already == 3  # from the other runs of the matrix
