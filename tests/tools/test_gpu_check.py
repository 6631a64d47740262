"""The GPU check rehearsed on a CPU, and a check that fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.speed.against import compare
from tools import gpu_check

CPU = torch.device("cpu")


def test_a_check_that_fails_or_breaks_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = {
        "breaks": lambda _: 1 / 0,
        "fails": lambda _: {"failed": ["too slow"]},
        "cuda_tests": lambda _: {},
        "fine": lambda _: {"x": 1.5},
    }
    monkeypatch.setattr(gpu_check, "CHECKS", checks)
    assert gpu_check.main([str(tmp_path / "new"), "--device", "cpu"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "failed: breaks, fails"
    assert "cuda_tests: left out, it needs CUDA" in lines
    assert not (tmp_path / "new" / "cuda_tests.json").exists()
    assert json.loads((tmp_path / "new" / "fine.json").read_text())["x"] == 1.5
    assert "ZeroDivisionError" in (tmp_path / "new" / "breaks.json").read_text()
    assert gpu_check.main([str(tmp_path), "--device", "cpu", "--part", "fine"]) == 0


def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert gpu_check.main([str(tmp_path / "new")]) == 2
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_whole_trainings_on_a_cpu() -> None:
    found = gpu_check.trainings(CPU, images=120, iterations=20)
    assert [len(found[name]["auc"]) for name in found if name[0].isdigit()] == [3, 3, 3]
    # The first two are the same trainings.
    assert found["0 cpu float32"]["auc"] == found["1 cpu float32"]["auc"]


def test_rates_on_a_cpu_are_measured_and_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    briefly: dict[str, Any] = {"rounds": 1, "block_seconds": 0.01}
    monkeypatch.setattr(
        gpu_check, "compare", lambda case, **options: compare(case, **(options | briefly))
    )
    found = gpu_check.against(CPU, "bare", {"mobilenetv3_small_100": 99.0})
    assert found["failed"] == []
    assert [row["model"] for row in found["models"]] == ["mobilenetv3_small_100"]
