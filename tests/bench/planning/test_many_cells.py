"""The plan of a thousand cells costs what that of their rows costs: counted, not timed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.config import Experiment, expand, load_experiment
from bench.execute import preflight
from bench.execute.preflight import check_levels, plan_cells
from bench.planning import estimate, probe
from bench.planning.tables import plan_tables
from bench.runs import cells
from bench.runs.cells import Cell

CPU = torch.device("cpu")
LEVELS = [0.01, 0.02, 0.03, 0.04]
SETTINGS = ("models=[cxnet_m1]", "losses=[ce,sin]", "model.both=[]", "controls=[prior]")


def matrix(*, seeds: int, levels: int = 1) -> Experiment:
    changes = {"seeds": list(range(seeds)), "vary.train.lr": LEVELS[:levels]}
    return load_experiment("demo", settings=SETTINGS, changes=changes)


def counted(module: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The results of a function or class of a module from now on, one at each call."""
    given: list[Any] = []
    real = getattr(module, name)

    def counting(*arguments: Any, **options: Any) -> Any:
        given.append(real(*arguments, **options))
        return given[-1]

    monkeypatch.setattr(module, name, counting)
    return given


def test_the_cells_of_a_row_share_their_settings() -> None:
    made = [cell for cell in plan_cells(matrix(seeds=50), device=CPU) if cell.kind == "network"]
    assert len(made) == 100
    assert len({id(cell.settings) for cell in made}) == 2
    assert [cell.seed for cell in made[:4]] == [0, 0, 1, 1]


def test_a_plan_makes_one_cell_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXNET_BENCH_CACHE", str(tmp_path))  # these speeds are nobody else's
    made = counted(cells, "Cell", monkeypatch)
    monkeypatch.setattr(probe, "probe", lambda *_: 100.0)
    head, prior, *networks, _ = estimate.describe_plan(matrix(seeds=250, levels=2), device="cpu")
    assert head.startswith("demo, task m1: 1001 cells,")
    assert prior == "  control prior: seconds"
    assert [line.split(" seeds ")[0] for line in networks] == [
        "  cxnet_m1 ce",
        "  cxnet_m1 sin",
    ] * 2
    assert all(" 248 249, train.lr=" in line for line in networks)
    assert len(made) == 2 * 3
    (table,) = plan_tables(matrix(seeds=250, levels=2), out=Path("none"), assumed={})
    assert table.plan.networks == 4
    assert len(made) == 2 * 2 * 3


def test_a_model_is_built_once_for_all_levels_that_have_it_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built = counted(preflight, "check_answer", monkeypatch)
    assert len(check_levels(expand(matrix(seeds=1, levels=4)), device=CPU)) == 4
    assert len(built) == 1
    sizes = load_experiment("demo", settings=(*SETTINGS, "vary.data.image_size=[32,40]"))
    check_levels(expand(sizes), device=CPU)
    assert len(built) == 3


def test_equal_cells_have_equal_keys_whoever_shares_their_settings() -> None:
    shared = plan_cells(matrix(seeds=2), device=CPU)
    alone = [Cell.model_validate_json(cell.model_dump_json()) for cell in shared]
    assert alone == shared
    assert [cell.key(data="d", split="s") for cell in alone] == [
        cell.key(data="d", split="s") for cell in shared
    ]
