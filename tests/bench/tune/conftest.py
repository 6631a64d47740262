"""A tuning of a second: synthetic radiographs and a network of one convolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from torch import nn

from bench.config import Experiment, load_experiment
from bench.progress import QuietProgress
from bench.registry import MODELS, Choices, register_model
from bench.registry.search import SearchChanges
from bench.runs.records import TuningRecord
from bench.runs.store import Store
from bench.tune import Plan, Tuned, parse_budget, tune_experiment
from bench.tune.storage import default_url, opened
from tests.bench.tune.postgres import server as postgres_server

CHANGES: dict[str, Any] = {
    "data.options.images": 120,
    "data.image_size": 32,
    "models": ["narrow"],
    "losses": ["ce"],
    "seeds": [0],
    "controls": ["prior"],
    "train.max_iterations": 6,
    "train.validate_every": 2,
    "train.batch_size": 8,
}


DEFAULT_KEYS = ("lr", "decay_factor", "patience", "weight_decay", "momentum")
UNSEARCHED = {f"train.{key}": None for key in DEFAULT_KEYS}
SPACES: dict[str, SearchChanges] = {
    "narrow": {},
    # Two points in all.
    "two_widths": UNSEARCHED | {"model.options.two_widths.width": Choices((2, 4))},
    # Of odd width it cannot be trained.
    "moody": {"model.options.moody.width": Choices((4, 3))},
    "hopeless": UNSEARCHED | {"model.options.hopeless.width": Choices((3, 5))},
    # By chance, or one of two ways, one of which is better than chance.
    "leaning": UNSEARCHED | {"model.options.leaning.lean": Choices((0, 1, -1))},
}


class Narrow(nn.Module):
    """A convolution and a mean; of odd width it cannot be trained."""

    def __init__(self, in_channels: int, outputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.convolution = nn.Conv2d(in_channels, width, 5, stride=4)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and self.width % 2:
            raise RuntimeError("an odd width")
        out: torch.Tensor = self.head(self.convolution(x).relu().mean(dim=(2, 3)))
        return out


class Leaning(nn.Module):
    """Answers by the mean of the image, which no training changes."""

    def __init__(self, lean: int) -> None:
        super().__init__()
        self.lean = lean
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = self.lean * x.mean(dim=(1, 2, 3))
        return torch.stack([-mean, mean + self.bias], dim=1)


@pytest.fixture(autouse=True, scope="module")
def _models() -> Iterator[None]:
    """The models of ``SPACES``."""

    def make(*, in_channels: int, outputs: int, image_size: int, width: int = 4) -> nn.Module:
        del image_size
        return Narrow(in_channels, outputs, width)

    def lean(*, in_channels: int, outputs: int, image_size: int, lean: int = 0) -> nn.Module:
        del in_channels, outputs, image_size
        return Leaning(lean)

    for name, search in SPACES.items():
        made = lean if name == "leaning" else make
        register_model(name, description="for tests", search=search)(made)
    yield
    for name in SPACES:
        MODELS.remove(name)


@dataclass(frozen=True)
class Tune:
    """Tunes in a folder of its own."""

    out: Path

    def experiment(self, **changes: Any) -> Experiment:
        """The experiment with some keys changed, dots written as two underscores."""
        keys = {key.replace("__", "."): value for key, value in changes.items()}
        return load_experiment("demo", changes=CHANGES | keys)

    def __call__(self, budget: str = "trials=3", **changes: Any) -> Tuned:
        """Tune with a budget; ``plan`` holds further fields of the plan."""
        plan = Plan(budget=parse_budget(budget), **changes.pop("plan", {}))
        return tune_experiment(
            self.experiment(**changes),
            plan,
            out=self.out,
            device=torch.device("cpu"),
            progress=QuietProgress(),
        )

    def interrupted(self, budget: str, **changes: Any) -> None:
        """Tune until the process dies in the first trial, its last validation done."""

        class KilledError(BaseException):
            pass

        def killed(*_: Any, **__: Any) -> None:
            raise KilledError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RDBStorage, "set_trial_state_values", killed)
            with pytest.raises(KilledError):
                self(budget, **changes)

    def trials(self, url: str | None = None) -> dict[str, list[FrozenTrial]]:
        """The trials of each study, by its name."""
        with opened(url or default_url(Store(self.out)), lock=None) as storage:
            return {
                name: optuna.load_study(study_name=name, storage=storage).get_trials()
                for name in optuna.get_all_study_names(storage)
            }

    def only(self) -> list[FrozenTrial]:
        """The trials of the only study."""
        (trials,) = self.trials().values()
        return trials

    def only_of(self, model: str) -> list[FrozenTrial]:
        """The trials of a model's only study."""
        (trials,) = (one for name, one in self.trials().items() if name.startswith(f"{model}-ce-"))
        return trials

    def record(self) -> TuningRecord:
        """The only tuning's."""
        (record,) = Store(self.out).tunings()
        return record


@pytest.fixture
def tune(tmp_path: Path) -> Tune:
    """Tunes into a folder of the test."""
    return Tune(tmp_path / "runs")


def facts(trials: list[FrozenTrial]) -> list[tuple[Any, ...]]:
    """What must be the same however a search was interrupted; seconds left out."""
    return [
        (
            trial.number,
            trial.state.name,
            trial.params,
            trial.value,
            trial.intermediate_values,
            trial.user_attrs["outcome"] | {"train_seconds": None},
        )
        for trial in trials
    ]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a real server, or a skip where PostgreSQL is absent."""
    with postgres_server() as url:
        yield url
