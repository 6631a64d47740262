"""Run folders: whole or not finished."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from bench.data.description import DataRecord
from bench.data.study import study_rows
from bench.data.tasks import make_task
from bench.errors import InputError
from bench.runs.checksums import WholeRuns, content_checksum
from bench.runs.records import Outcome, RunCosts, Unusable
from bench.runs.run import Unfinished
from bench.runs.store import Facts, Store
from tests.bench.records import ENVIRONMENT, EXPERIMENT, as_written, cell, data_record, part
from tests.bench.report.runs import Runs

CELL = cell("cxnet_m1", "sin", seed=1, train={"lr": 0.1})
DATA = data_record()
COSTS = RunCosts(
    parameters=10,
    multiply_adds=20,
    train_seconds=1.5,
    images_per_second=64.0,
    iterations=3,
    best_iteration=2,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def facts(data: DataRecord = DATA, **environment: str) -> Facts:
    there = ENVIRONMENT.model_copy(update=environment)
    return Facts(experiment=EXPERIMENT, data=data, environment=there)


def finish(store: Store) -> Path:
    folder = store.folder(CELL, DATA)
    store.begin(folder, CELL, facts())
    store.end(folder, Outcome(state="finished", costs=COSTS))
    return folder


def test_what_is_written_is_read_back(store: Store) -> None:
    finish(store)
    (run,) = store.runs()
    assert run.cell == CELL
    assert run.outcome == Outcome(state="finished", costs=COSTS)
    assert run.data == DATA
    assert (run.attempts, run.environment) == ((ENVIRONMENT,), ENVIRONMENT)


def test_a_run_that_did_not_end_is_interrupted_and_in_no_report(store: Store) -> None:
    folder = store.folder(CELL, DATA)
    store.begin(folder, CELL, facts())
    assert store.outcome(folder) is None
    assert store.runs() == []
    assert store.survey().unfinished == (Unfinished(name=folder.name, running=False),)
    with store.claim(folder):
        assert Store(store.root).survey().unfinished == (
            Unfinished(name=folder.name, running=True),
        )


@pytest.mark.parametrize("outcome", [None, Outcome(state="failed", reason="out of memory")])
def test_an_interrupted_or_failed_run_is_taken_up_where_its_checkpoint_is(
    store: Store, outcome: Outcome | None
) -> None:
    folder = store.folder(CELL, DATA)
    store.begin(folder, CELL, facts())
    (folder / "last.pt").write_bytes(b"state")
    if outcome is not None:
        (folder / "error.txt").write_text("Traceback")
        store.end(folder, outcome)
    assert store.outcome(folder) == outcome
    store.begin(folder, CELL, facts())
    assert store.outcome(folder) is None
    assert (folder / "last.pt").read_bytes() == b"state"
    assert not (folder / "error.txt").exists()


def test_the_environments_of_the_attempts_that_it_goes_on_with_are_kept(store: Store) -> None:
    folder = store.folder(CELL, DATA)
    store.begin(folder, CELL, facts(device="of another training"))
    store.begin(folder, CELL, facts(device="first"))
    for device in ("second", "third"):
        store.begin(folder, CELL, facts(device=device), earlier=store.attempts(folder))
    store.end(folder, Outcome(state="finished", costs=COSTS))
    (run,) = store.runs()
    assert [attempt.device for attempt in run.attempts] == ["first", "second", "third"]
    assert run.environment.device == "third"


def fault(store: Store) -> Unusable:
    """The fault of the only run."""
    survey = store.survey()
    (unusable,) = survey.unusable
    assert (survey.runs, survey.unfinished) == ((), ())
    return unusable


def test_a_copied_or_edited_folder_is_found_out(store: Store) -> None:
    folder = finish(store)
    config = folder / "config.yaml"
    original = config.read_text()
    config.write_text(original.replace("loss: sin", "loss: ce"))
    assert "by its settings and data it would be cxnet_m1-" in fault(store).reason
    config.write_text(original)
    shutil.copytree(folder, folder.with_name("copy"))
    assert [run.folder for run in store.runs()] == [folder]
    assert [unusable.name for unusable in store.survey().unusable] == ["copy"]


def test_predictions_keep_every_bit_and_ids_stay_text(store: Store) -> None:
    folder = finish(store)
    rows = study_rows(
        {
            "image": ["0001.png", "NA", "c,d.png"],
            "patient": ["007", "", "nan"],
            "findings": [(), ("Mass",), ()],
        }
    )
    values = np.array([1 / 3, np.nextafter(1.0, 0.0), 5e-324])
    both = np.column_stack([1.0 - values, values])
    store.write_predictions(
        folder,
        rows=rows,
        task=make_task("m1"),
        targets=np.array([0, 1, 0]),
        task_mask=np.ones(3, np.bool_),
        parts={"validation": np.array([2]), "test": np.array([0, 1])},
        probabilities={"validation": both[:1], "test": both[1:]},
    )
    frame = store.runs()[0].predictions_frame()
    assert frame["part"].tolist() == ["validation", "test", "test"]
    assert frame["image"].tolist() == ["c,d.png", "0001.png", "NA"]
    assert frame["patient"].tolist() == ["nan", "007", ""]
    assert frame["target"].tolist() == ["0", "0", "1"]
    assert frame["probability"].tolist() == values.tolist()
    test = store.runs()[0].predictions()["test"]
    assert test.images.tolist() == ["0001.png", "NA"]
    assert test.targets.tolist() == [0, 1]
    np.testing.assert_array_equal(test.probabilities, both[1:])


@pytest.mark.parametrize("name", ["m3", "m4"])
def test_predictions_of_several_outputs_and_of_images_not_asked_about(
    store: Store, name: str
) -> None:
    task = make_task(name, ("Mass", "Nodule", "A, b"))
    rows = study_rows(
        {
            "image": list("abcdef"),
            "findings": [(), ("Mass",), ("Mass", "A, b"), ("A, b",), (), ("Mass", "Nodule")],
        }
    )
    asked = task.select(rows)
    probabilities = np.random.default_rng(0).random((6, 3))
    parts = {"validation": np.array([0, 1, 2]), "test": np.array([3, 4, 5])}
    about = data_record(
        task, parts={name: part(int(asked[at].sum())) for name, at in parts.items()}
    )
    folder = store.folder(CELL, about)
    store.begin(folder, CELL, facts(about))
    store.write_predictions(
        folder,
        rows=rows,
        task=task,
        targets=task.targets(rows),
        task_mask=asked,
        parts=parts,
        probabilities={part: probabilities[at] for part, at in parts.items()},
    )
    store.end(folder, Outcome(state="finished", costs=COSTS))
    (run,) = store.runs()
    for name, at in parts.items():
        judged = run.predictions()[name]
        here = at[asked[at]]
        assert judged.images.tolist() == rows["image"].iloc[here].tolist()
        np.testing.assert_array_equal(judged.targets, task.targets(rows)[here])
        np.testing.assert_array_equal(judged.probabilities, probabilities[here])
        answers = run.probabilities(name)
        assert answers.index.tolist() == rows["image"].iloc[at].tolist()
        np.testing.assert_array_equal(answers.to_numpy(), probabilities[at])


def test_an_experiment_knows_its_runs(store: Store) -> None:
    folder = finish(store)
    assert store.experiments() == []
    for _ in range(2):
        store.record_experiment(EXPERIMENT, [folder, folder.with_name("b")])
    (recorded,) = store.experiments()
    assert recorded.experiment == EXPERIMENT
    assert recorded.runs == (folder.name, "b")
    (record,) = (store.root / "experiments").iterdir()
    assert store.unusable_records() == []
    for content in ("{", record.read_text().replace("made by hand", "made by another")):
        record.write_text(content)
        assert store.experiments() == []
        (unusable,) = store.unusable_records()
        assert (unusable.name, unusable.state) == (f"experiments/{record.name}", "damaged")


def test_only_one_process_holds_a_run(store: Store) -> None:
    folder = store.folder(CELL, DATA)
    with store.claim(folder) as first:
        assert first
        with Store(store.root).claim(folder, patience=0.0) as second:
            assert not second
    with store.claim(folder) as again:
        assert again


def test_an_empty_or_absent_folder(store: Store) -> None:
    with pytest.raises(InputError, match=r"no results in .*runs"):
        store.runs()
    store.root.mkdir()
    assert store.runs() == []
    assert store.survey().unfinished == ()


@pytest.mark.parametrize("file", ["config.yaml", "data.json", "environment.json"])
@pytest.mark.parametrize("content", [None, "", "{", "\x00"])
def test_a_damaged_run_is_named_with_the_file(store: Store, file: str, content: str | None) -> None:
    folder = finish(store)
    damage_file(folder / file, content)
    unusable = fault(store)
    assert (unusable.name, unusable.state) == (folder.name, "damaged")
    assert file in unusable.reason
    assert "Error" not in unusable.reason
    with pytest.raises(InputError, match=f"run {folder.name} is damaged"):
        store.run(folder.name)


def damage_file(path: Path, content: str | None) -> None:
    """Write another content, or none at all."""
    path.unlink()
    if content is not None:
        path.write_text(content)


@pytest.mark.parametrize("content", [None, "", "{", "\x00", "[]"])
def test_a_torn_end_is_that_of_an_interrupted_run(store: Store, content: str | None) -> None:
    folder = finish(store)
    damage_file(folder / "run.json", content)
    for file in (None, "config.yaml", "environment.json"):
        if file is not None:
            damage_file(folder / file, "")
        survey = store.survey()
        assert (survey.runs, survey.unusable) == ((), ())
        assert [run.name for run in survey.unfinished] == [folder.name]
    store.begin(folder, CELL, facts())
    store.end(folder, Outcome(state="finished", costs=COSTS))
    assert len(store.runs()) == 1


def test_a_failed_run_that_is_damaged_is_to_be_run_again(store: Store) -> None:
    folder = store.folder(CELL, DATA)
    store.begin(folder, CELL, facts())
    store.end(folder, Outcome(state="failed", reason="out of memory"))
    damage_file(folder / "config.yaml", "")
    assert [run.name for run in store.survey().unfinished] == [folder.name]


def test_a_run_that_begins_again_while_it_is_read_is_not_damaged(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = finish(store)
    config, real = folder / "config.yaml", Path.read_bytes

    def begin_again(path: Path) -> bytes:
        if path != config:
            return real(path)
        monkeypatch.undo()
        store.begin(folder, CELL, facts(device="another"))
        return b"{"

    monkeypatch.setattr(Path, "read_bytes", begin_again)
    survey = store.survey()
    assert (survey.runs, survey.unusable) == ((), ())
    assert [run.name for run in survey.unfinished] == [folder.name]


def finish_network(store: Store) -> Path:
    """A network's run with predictions, a history and weights."""
    folder = store.root / Runs(store.root).add("net", [0.3] * 6)
    with as_written(folder):
        for name in ("history.csv", "best.pt"):
            (folder / name).write_text("one, two")
    return folder


@pytest.mark.parametrize("file", ["history.csv", "best.pt", "experiment.yaml", "data.json"])
def test_a_changed_byte_or_a_lost_file_is_seen_and_seen_again(store: Store, file: str) -> None:
    folder = finish_network(store)
    assert len(store.runs()) == 1  # and remembered as whole
    path = folder / file
    content, status = path.read_bytes(), path.stat()
    path.write_bytes(content.replace(b"o", b"0", 1))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert fault(store).state == "damaged"
    path.write_bytes(content)
    assert len(store.runs()) == 1
    path.unlink()
    assert fault(store).reason == f"{file} is gone"


@pytest.mark.parametrize("file", ["best.pt", "config.yaml", "environment.json", "run.json"])
@pytest.mark.parametrize("how", ["a folder", "EIO"])
def test_a_file_that_cannot_be_read_damages_its_run_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch, file: str, how: str
) -> None:
    other = finish(store)
    path = finish_network(store) / file
    if how == "a folder":
        path.unlink()
        path.mkdir()
    else:
        fail_to_read(path, errno.EIO, monkeypatch)
    survey = store.survey(whole=WholeRuns())
    assert [run.folder for run in survey.runs] == [other]
    (unusable,) = survey.unusable
    reason = "Is a directory" if how == "a folder" else "Input/output error"
    assert (unusable.name, unusable.state) == (path.parent.name, "damaged")
    assert unusable.reason == f"{file} cannot be read ({reason})"


def fail_to_read(broken: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise an error of the operating system when a file is opened."""
    real = Path.open

    def fails(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == broken:
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", fails)


def test_a_record_that_cannot_be_read_is_named_alone(store: Store) -> None:
    store.record_experiment(EXPERIMENT, [])
    (store.root / "experiments" / "folder.json").mkdir()
    assert len(store.experiments()) == 1
    (unusable,) = store.unusable_records()
    assert unusable.name == "experiments/folder.json"
    assert unusable.reason == "it cannot be read (Is a directory)"


def test_what_may_not_be_read_is_not_called_damaged(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_to_read(finish_network(store) / "best.pt", errno.EACCES, monkeypatch)
    with pytest.raises(PermissionError):
        store.survey(whole=WholeRuns())


def test_edited_costs_are_seen(store: Store) -> None:
    path = finish(store) / "run.json"
    path.write_text(path.read_text().replace('"train_seconds": 1.5', '"train_seconds": 1.4'))
    assert fault(store).reason == "run.json was changed"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({"state": "finished", "costs": content["costs"]}))
    assert fault(store).reason == "run.json was changed"


def test_a_probability_above_1_is_no_prediction(store: Store) -> None:
    folder = store.root / Runs(store.root).add("net", [0.3] * 6)
    with as_written(folder):
        path = folder / "predictions.csv"
        path.write_text(path.read_text().replace("0.2", "7", 1))
    assert fault(store).reason == "predictions.csv: a probability is not in [0, 1]"


def test_weights_of_a_run_without_predictions_may_be_dropped(store: Store) -> None:
    folder = store.folder(CELL, DATA)
    store.begin(folder, CELL, facts())
    (folder / "best.pt").write_text("weights")
    store.end(folder, Outcome(state="finished", costs=COSTS))
    (folder / "best.pt").unlink()
    assert len(store.runs()) == 1


def test_whole_runs_are_remembered_while_they_are_there(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXNET_BENCH_CACHE", str(tmp_path / "cache"))
    first, second = finish(store), finish_network(store)
    memory = tmp_path / "cache" / "whole_runs.json"

    def known() -> set[str]:
        return set(json.loads(memory.read_text()))

    store.runs()
    assert known() == {str(first), str(second)}
    before = memory.stat()
    store.survey(whole=WholeRuns())  # as the doctor looks
    assert memory.stat().st_mtime_ns == before.st_mtime_ns
    shutil.rmtree(second)
    (first / "data.json").unlink()
    store.survey()
    assert known() == set()


def test_a_damaged_setting_is_named(store: Store) -> None:
    folder = finish(store)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("lr: 0.1", "lr: -0.1"))
    assert fault(store).reason.startswith("config.yaml: cell.train.lr: Input should be greater")


def test_what_a_later_version_wrote_is_not_called_damaged(store: Store) -> None:
    folder = finish(store)
    for file, edit in {
        "config.yaml": lambda c: c | {"format": 3},
        "config.yaml    ": lambda c: c | {"format": 1},
        "config.yaml ": lambda c: c | {"results_version": 3},
        "config.yaml  ": lambda c: c | {"new": 1},
        "data.json": lambda c: c | {"new": 1},
        "environment.json": lambda c: c | {"new": 1},
        "run.json": lambda c: c | {"new": 1},
        "run.json ": lambda c: c | {"costs": c["costs"] | {"energy": 1}},
    }.items():
        path = folder / file.strip()
        text = path.read_text()
        path.write_text(
            yaml.safe_dump(edit(yaml.safe_load(text)))
            if path.suffix == ".yaml"
            else json.dumps(edit(json.loads(text)))
        )
        unusable = fault(store)
        assert (unusable.name, unusable.state) == (folder.name, "another version")
        assert "delete" not in str(unusable)
        with pytest.raises(InputError, match="another version"):
            store.outcome(folder)
        path.write_text(text)


def test_a_whole_run_of_another_kind_is_a_later_version_s(store: Store) -> None:
    path = finish(store) / "run.json"
    content = json.loads(path.read_text()) | {"state": "paused"}
    path.write_text(json.dumps(content | {"sha256": content_checksum(content)}))
    assert fault(store).state == "another version"


def test_a_run_that_a_later_version_has_begun_is_left_alone(store: Store) -> None:
    folder = store.folder(CELL, DATA)
    store.begin(folder, CELL, facts())
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("format: 2", "format: 3"))
    assert fault(store).state == "another version"


def test_a_record_of_a_later_version_is_not_called_damaged(store: Store) -> None:
    store.record_experiment(EXPERIMENT, [])
    (record,) = (store.root / "experiments").iterdir()
    content = json.loads(record.read_text())
    for later in ({"format": content["format"] + 1}, {"new": 1}):
        record.write_text(json.dumps(content | later))
        assert [unusable.state for unusable in store.unusable_records()] == ["another version"]


def test_a_place_that_cannot_hold_results_is_found_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"results cannot be written to .*runs.*--out"):
        Store(tmp_path / "file" / "runs").check_writable()
    Store(tmp_path / "a" / "b").check_writable()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
