"""A tuning of a second: synthetic radiographs and a network of one convolution."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial
from sqlalchemy.engine import make_url
from torch import nn

from bench.config import Experiment, load_experiment
from bench.config.search import SHIPPED
from bench.execute.executors import Executor
from bench.progress import QuietProgress
from bench.registry import MODELS, register_model
from bench.runs.records import TuningRecord
from bench.runs.store import Store
from bench.tuning import Plan, Tuned, parse_budget, rerun, tune_experiment
from bench.tuning.storage import opened, parse_url
from bench.tuning.trials import COST, was_interrupted
from tests.bench.tuning.postgres import server as postgres_server

CHANGES: dict[str, Any] = {
    "data.options.images": 120,
    "data.image_size": 32,
    "models": ["narrow"],
    "losses": ["ce"],
    "seeds": [0],
    "controls": ["prior"],
    "train.recipe": "paper",
    "train.patience": 1,
    "train.max_iterations": 6,
    "train.validate_every": 2,
    "train.batch_size": 8,
}
PAPER = {"fixed": ("train.recipe",)}
"""Changes of a plan that leave the config's own recipe, and no other."""


def only(model: str, name: str, *choices: int) -> dict[str, Any]:
    """A search space of one option."""
    return {
        **{key: None for of in SHIPPED.by_recipe().values() for key in of if "*" not in key},
        f"model.options.{model}.{name}": CategoricalDistribution(choices),
    }


SPACES: dict[str, dict[str, Any]] = {
    "narrow": {},
    "two_widths": only("two_widths", "width", 2, 4),
    # Of odd width it cannot be trained.
    "moody": {"model.options.moody.width": CategoricalDistribution((4, 3))},
    # Of odd width from the start.
    "lost": only("lost", "width", 3, 5),
    "hopeless": only("hopeless", "width", 3, 5),
    # By chance, or one of two ways, one of which is better than chance.
    "leaning": only("leaning", "lean", 0, 1, -1),
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


@pytest.fixture(autouse=True, scope="package")
def _models() -> Iterator[None]:
    """The models of ``SPACES``."""

    def make(*, in_channels: int, outputs: int, image_size: int, width: int = 4) -> nn.Module:
        del image_size
        return Narrow(in_channels, outputs, width)

    def make_odd(*, in_channels: int, outputs: int, image_size: int, width: int = 3) -> nn.Module:
        del image_size
        return Narrow(in_channels, outputs, width)

    def lean(*, in_channels: int, outputs: int, image_size: int, lean: int = 0) -> nn.Module:
        del in_channels, outputs, image_size
        return Leaning(lean)

    for name, search in SPACES.items():
        made = {"leaning": lean, "lost": make_odd}.get(name, make)
        register_model(name, description="for tests", search=search)(made)
    yield
    for name in SPACES:
        MODELS.remove(name)


@pytest.fixture
def all_candidates() -> None:
    """Has as many trials trained again as a tuning of a user's."""


@pytest.fixture(autouse=True)
def _one_candidate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best trial alone is trained again, with two seeds, where not all have to be."""
    if "all_candidates" not in request.fixturenames:
        monkeypatch.setattr(rerun, "CANDIDATES", 1)


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
        executor = changes.pop("executor", Executor())
        return tune_experiment(
            self.experiment(**changes),
            plan,
            out=self.out,
            device=torch.device("cpu"),
            progress=QuietProgress(),
            executor=executor,
        )

    @contextmanager
    def studies(self, url: str | None = None) -> Iterator[dict[str, optuna.Study]]:
        """The studies in the storage, by name."""
        with opened(parse_url(url, Store(self.out)), lock=None) as storage:
            yield {
                name: optuna.load_study(study_name=name, storage=storage)
                for name in optuna.get_all_study_names(storage)
            }

    def trials(self, model: str = "", url: str | None = None) -> list[FrozenTrial]:
        """The trials of the only study, or of a model's only one."""
        with self.studies(url) as studies:
            (study,) = (study for name, study in studies.items() if name.startswith(model))
            return study.get_trials()

    def record(self) -> TuningRecord:
        """The only tuning's."""
        (record,) = Store(self.out).tunings()
        return record


@pytest.fixture
def tune(tmp_path: Path) -> Tune:
    """Tunes into a folder of the test."""
    return Tune(tmp_path / "runs")


@pytest.fixture(scope="package")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Tune:
    """A search by one process that nobody disturbed."""
    tune = Tune(tmp_path_factory.mktemp("uninterrupted") / "runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rerun, "CANDIDATES", 1)
        tune("trials=3")
    return tune


def facts(trials: list[FrozenTrial]) -> list[tuple[Any, ...]]:
    """All that must be the same however a search was interrupted; numbers and costs left out."""
    return [
        (trial.state.name, trial.params, trial.value, trial.intermediate_values)
        for trial in trials
        if not was_interrupted(trial)
    ]


def iterations(trial: FrozenTrial) -> int:
    """Training steps that a trial is charged with."""
    return int(trial.user_attrs.get(COST, {"iterations": 0})["iterations"])


@pytest.fixture(scope="session")
def _server() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture
def postgres(_server: str) -> str:
    """URL of a new database of a PostgreSQL server."""
    import psycopg

    name, at = f"tuning_{secrets.token_hex(4)}", make_url(_server)
    plain = at.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    return at.set(database=name).render_as_string(hide_password=False)
