"""A bare GPU machine trains without the libraries of tables and tuning."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

WITHOUT_TORCH = [
    ("import bench", {"torch", "timm", "pandas", "numpy", "sklearn", "pydantic", "yaml"}),
    (
        "import bench.cli.main",
        {"torch", "timm", "pandas", "numpy", "sklearn", "pydantic", "yaml", "rich", "tabulate"},
    ),
    (
        "import bench.cli.main as m; from click.shell_completion import ShellComplete; "
        "ShellComplete(m.main, {}, 'bench', '').get_completions(['run', '--set'], 'train.')",
        {"torch", "timm", "pandas"},
    ),
    (
        "from bench.config import load_experiment; import bench.data.load; load_experiment('demo')",
        {"torch", "timm"},
    ),
    (
        "import bench.tracking.status, bench.evaluate.load, bench.report.html.page",
        {"torch", "timm"},
    ),
]
CXNET = [("import cxnet", {"timm", "pandas", "bench", "baselines"})]
TRAINING = [
    ("import baselines.backbones", {"bench", "cxnet", "pandas", "sklearn"}),
    (
        "import bench.execute.experiment, bench.speed.run, cxnet, baselines",
        {"sklearn", "optuna", "matplotlib", "tabulate", "rich", "ray"},
    ),
    # As a worker does that is given a part of a tuning.
    ("import bench.tuning.participation", {"sklearn", "matplotlib", "tabulate", "ray"}),
]


def imported_after_each(statements: Sequence[str]) -> list[set[str]]:
    """Top-level modules that are loaded after each of some statements, in a fresh interpreter."""
    look = "print(' '.join({m.split('.')[0] for m in sys.modules}))"
    code = "\n".join(["import sys", *(f"{statement}\n{look}" for statement in statements)])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [set(line.split()) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("steps", [WITHOUT_TORCH, CXNET, TRAINING])
def test_nothing_is_imported_before_it_is_used(steps: list[tuple[str, set[str]]]) -> None:
    found = imported_after_each([statement for statement, _ in steps])
    assert [modules & unwanted for modules, (_, unwanted) in zip(found, steps, strict=True)] == [
        set() for _ in steps
    ]
