"""A bare GPU machine trains without the libraries of tables and tuning."""

from __future__ import annotations

import subprocess
import sys

import pytest


def imported_by(statement: str) -> set[str]:
    """Top-level modules that are loaded after a statement, in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(' '.join({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
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
            "from bench.config import load_experiment; import bench.data.load; "
            "load_experiment('demo')",
            {"torch", "timm"},
        ),
        ("import bench.tracking.status, bench.evaluate.load, bench.report", {"torch", "timm"}),
        ("import cxnet", {"timm", "pandas", "bench", "baselines"}),
        ("import baselines.backbones", {"bench", "cxnet", "pandas", "sklearn"}),
        (
            "import bench.train, bench.execute, bench.speed.run, cxnet, baselines",
            {"sklearn", "optuna", "matplotlib", "tabulate", "rich", "ray"},
        ),
    ],
)
def test_nothing_is_imported_before_it_is_used(statement: str, unwanted: set[str]) -> None:
    assert imported_by(statement) & unwanted == set()
