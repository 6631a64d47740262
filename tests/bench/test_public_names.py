"""What ``import bench`` promises a plugin, and what it must not cost."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import bench


def test_public_names() -> None:
    assert bench.__all__ == [
        "InputError",
        "register_dataset",
        "register_loss",
        "register_model",
        "__version__",
    ]
    assert all(hasattr(bench, name) for name in bench.__all__)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("bench.config", {"load_experiment", "shipped_names", "shipped_folder", "Experiment",
                          "DataConfig", "ModelConfig", "TrainConfig", "AugmentConfig"}),
        ("bench.registry", {"DATASETS", "LOSSES", "MODELS", "DatasetEntry", "LossEntry",
                            "ModelEntry", "Registry", "SourceOptions", "TargetKind",
                            "find_model", "near_matches", "register_dataset",
                            "register_loss", "register_model"}),
        ("bench.execute", {"Summary", "check_experiment", "run_cells", "run_experiment"}),
        ("bench.report", {"FORMATS", "Figure", "Row", "Table", "collect"}),
        ("bench.train", {"Answers", "PlateauDecay", "Training", "TrainingFailedError",
                         "Validation", "answer", "make_optimizer", "pick_precision", "train"}),
        ("baselines.backbones", {"BUILT_IN", "check_image_size", "check_name", "create"}),
        ("baselines.finetune", {"apply_policy", "set_training_mode"}),
        ("baselines.weights", {"MissingWeightsError", "WeightsError", "WeightsSource",
                               "describe_weights", "ensure_weights", "fetch_weights",
                               "find_weights", "loading"}),
    ],
)  # fmt: skip
def test_public_names_of_the_rooms(module: str, names: set[str]) -> None:
    room = importlib.import_module(module)
    assert set(room.__all__) == names
    assert all(hasattr(room, name) for name in names)


def test_a_training_machine_needs_neither_optuna_nor_matplotlib_nor_sklearn() -> None:
    program = (
        "import sys, bench.train, cxnet, baselines.backbones, baselines.finetune\n"
        "print(*sorted({'optuna', 'ray', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
