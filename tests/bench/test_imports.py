"""A bare GPU machine trains without the libraries of tables and tuning."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

# Its findings are of the hierarchy in cxnet, which is the networks' package too.
SCORE_A_CASCADE = """
import numpy as np
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.findings import finding_figures
from bench.evaluate.sample import Sample
from bench.runs.predictions import Outputs, Predictions
both, ids = np.eye(2), np.array(["a", "b"], object)
predictions = Predictions(
    images=ids, patients=ids, targets=both, probabilities=both, called=both > 0
)
outputs = Outputs(kind="multilabel", classes=("Mass", "Nodule"))
finding_figures(Sample.of(predictions, Resampling(count=2)), None, outputs)
"""
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
    (SCORE_A_CASCADE, {"torch", "timm"}),
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


def imported_after_each(groups: Sequence[Sequence[str]]) -> list[set[str]]:
    """Top-level modules that are loaded after each of some statements.

    An interpreter is forked for each group of statements. But for the first it has imported torch,
    which takes seconds.
    """
    look = "print(' '.join({m.split('.')[0] for m in sys.modules}), flush=True)"
    code = ["import os, sys"]
    for group in groups:
        statements = "\n".join(f"{statement}\n{look}" for statement in group)
        code += [f"if not os.fork(): exec({statements!r}), os._exit(0)", "os.wait()"]
        code += ["import torch"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(code)], capture_output=True, text=True, check=True
    )
    assert "Traceback" not in done.stderr, done.stderr
    return [set(line.split()) for line in done.stdout.splitlines()]


def test_nothing_is_imported_before_it_is_used() -> None:
    groups = (WITHOUT_TORCH, CXNET, TRAINING)
    found = imported_after_each([[statement for statement, _ in group] for group in groups])
    steps = [step for group in groups for step in group]
    assert {
        statement: modules & unwanted
        for modules, (statement, unwanted) in zip(found, steps, strict=True)
    } == {statement: set() for statement, _ in steps}
