"""Runs by folder, name or pattern."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.runs.find import find_runs, is_run
from tests.bench.evaluate.stored_runs import StoredRuns


@pytest.fixture
def made(tmp_path: Path) -> list[Path]:
    """Folders of the runs of two seeds, and of a control."""
    stored = StoredRuns(tmp_path / "runs", findings=[(), ("Mass",)] * 4, validation=4)
    right = stored.task.targets(stored.rows).astype(float)
    made = [stored.add("net", right, seed=seed) for seed in (0, 1)]
    return [run.folder for run in (*made, stored.add("prior", right, kind="control"))]


def test_folders_names_and_patterns_name_each_run_once(
    made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = made[0].parent
    names = [made[1].name, str(made[0]), "net-ce-s*", f"{out}/pri*"]
    found = find_runs(names, out=out)
    assert [run.folder for run in found] == [made[1], made[0], made[2]]
    monkeypatch.chdir(made[0])
    assert [run.folder for run in find_runs(["."], out=out)] == [made[0]]


def test_a_mistyped_name_names_the_near_ones(made: list[Path]) -> None:
    wrong = made[0].name.replace("net", "nett")
    with pytest.raises(InputError, match=f"^no run '{wrong}' in .* did you mean {made[0].name}"):
        find_runs([wrong], out=made[0].parent)
    with pytest.raises(InputError, match="there is none"):
        find_runs(["net"], out=made[0] / "nothing")


def test_a_run_that_has_not_ended_is_one_and_is_refused(made: list[Path]) -> None:
    (made[0] / "run.json").unlink()
    out = made[0].parent
    assert is_run(made[0].name, out=out)
    with pytest.raises(InputError, match="has not ended"):
        find_runs([made[0].name], out=out)


def test_other_files_and_folders_are_no_runs(made: list[Path], tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"")
    for name in (str(tmp_path), str(tmp_path / "x.png"), f"{tmp_path}/*.png", "x\0y", "a" * 300):
        assert not is_run(name, out=made[0].parent)


def test_a_bare_name_is_one_of_out_first(
    made: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = made[0].parent, tmp_path / "here"
    shutil.copytree(there, here)
    monkeypatch.chdir(here)
    name = made[0].name
    assert [run.folder for run in find_runs([name], out=there)] == [there / name]
    assert [run.folder for run in find_runs([f"{name[:5]}*"], out=there)] == [
        run.folder for run in find_runs([f"{there}/{name[:5]}*"], out=here)
    ]
    both = [run.folder for run in find_runs([f"./{name}", name], out=there)]
    assert both == [here / name, there / name]
    assert [run.folder for run in find_runs([name], out=tmp_path / "none")] == [here / name]


def test_two_stars_match_as_one_does(made: list[Path]) -> None:
    out = made[0].parent
    assert find_runs(["**net-*"], out=out) == find_runs(["net-*"], out=out)
    assert not is_run("**a", out=out)
