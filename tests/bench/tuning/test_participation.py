"""Searches by other workers: the same trials, budgets and winners, whatever becomes of a worker.

The worker is a thread of this process, which gets its assignments as another process does: pickled.
"""

from __future__ import annotations

import pickle
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bench import signals
from bench.errors import InputError
from bench.execute.cell_runner import CellRunner
from bench.execute.dispatch import NoRoom
from bench.execute.executors import Executor
from bench.execute.matrix import WorkerDiedError
from bench.execute.work import Assignment, Work
from bench.execute.worker import Worker
from bench.runs.cells import Cell
from bench.runs.store import Store
from bench.tuning import participation
from bench.tuning import study as study_module
from bench.tuning.objective import Watch
from bench.tuning.participation import Participation
from bench.tuning.plan import TRIAL_SEED
from bench.tuning.show import stored_studies
from bench.tuning.trials import FAILED, MOST_DEATHS, was_interrupted
from tests.bench.tuning.conftest import Tune, facts, iterations

# Filters of warnings are one for all threads: one that ends its own undoes another's.
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

T = TypeVar("T")
OTHERS = Executor(name="processes", jobs=1)


class KilledError(BaseException):
    """The worker ends here; nothing catches it."""


@dataclass
class OneThread:
    """An engine of one worker, which dies of a :class:`KilledError` and is replaced.

    Attributes:
        work: of its command.
        given: the assignments so far.
    """

    work: Work
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    worker: Worker | None = None
    running: Future[Any] | None = None
    given: list[Assignment[Any]] = field(default_factory=list)

    def submit(self, assignment: Assignment[T], *, avoid: object) -> tuple[Future[T], object]:
        del avoid
        if self.running is not None and not self.running.done():
            raise NoRoom
        self.given.append(assignment)
        self.running = self.pool.submit(self._run, pickle.dumps(assignment))
        return self.running, None

    def _run(self, assignment: bytes) -> Any:
        try:
            self.worker = self.worker or Worker(self.work)
            return pickle.loads(assignment).run(self.worker)
        except KilledError as error:
            self.worker = None
            raise WorkerDiedError("it was killed") from error


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[OneThread]:
    """The engines that start from now on."""
    started: list[OneThread] = []

    @contextmanager
    def start(_: Executor, work: Work) -> Iterator[OneThread]:
        started.append(OneThread(work))
        with started[-1].pool:
            yield started[-1]

    monkeypatch.setattr(Executor, "_engine", start)
    monkeypatch.setattr(study_module, "SECONDS_BETWEEN_LOOKS", 0.01)
    monkeypatch.setattr(participation, "SECONDS_BETWEEN_QUERIES", 0.02)
    return started


def check_same(tune: Tune, uninterrupted: Tune, url: str | None = None) -> None:
    """The same trials, spending and winner."""
    assert facts(tune.trials(url=url)) == facts(uninterrupted.trials())
    record, expected = tune.record(), uninterrupted.record()
    assert (record.winner, record.runs, record.spent.iterations, record.validation_auc) == (
        expected.winner, expected.runs, expected.spent.iterations, expected.validation_auc,
    )  # fmt: skip


def test_a_worker_gives_the_trials_and_the_winner_of_one_process(
    tune: Tune, uninterrupted: Tune, engines: list[OneThread]
) -> None:
    tuned = tune("trials=3", executor=OTHERS)
    assert (tuned.runs.finished, tuned.failed) == (2, {})
    check_same(tune, uninterrupted)
    (engine,) = engines  # warm from the controls to the winners' runs
    kinds = [type(assignment).__name__ for assignment in engine.given]
    assert kinds == ["CellAssignment", "Participation", *["CellAssignment"] * (2 + 1)]
    again = tune("trials=3", executor=OTHERS)
    assert (again.runs.finished, again.runs.already) == (0, 2)
    assert len(engines) == 1  # there was nothing to start a worker for


@pytest.mark.usefixtures("engines")
def test_several_models_are_searched_within_the_same_budget(tune: Tune) -> None:
    models = ["narrow", "two_widths"]
    tuned = tune("iterations=8", models=models, executor=OTHERS)
    assert (tuned.runs.finished, tuned.failed) == (3, {})
    spending = {model: sum(map(iterations, tune.trials(model))) for model in models}
    assert spending == {"narrow": 8, "two_widths": 8}


@pytest.fixture
def at_validation(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Kills the worker at a validation, so many times, before the study knows it or afterwards."""

    def set_up(number: int, times: int, *, before: bool = True) -> None:
        real = Watch.__call__
        left = [times]

        def call(self: Watch, history: Any) -> None:
            dies = bool(left[0]) and len(history) == number
            if not (dies and before):
                real(self, history)
            if dies:
                left[0] -= 1
                raise KilledError

        monkeypatch.setattr(Watch, "__call__", call)

    return set_up


@pytest.mark.usefixtures("engines")
def test_a_queued_trial_is_ended_where_the_budget_is_spent_already(
    tune: Tune, at_validation: Callable[..., None]
) -> None:
    """Its worker was killed after its last validation: the study has the cost and no end."""
    at_validation(3, 1, before=False)
    tune("iterations=6", executor=OTHERS)
    states = [trial.state.name for trial in tune.trials()]
    assert states[:2] in (["FAIL", "COMPLETE"], ["FAIL", "PRUNED"])


def test_each_part_begins_with_another_search(
    tune: Tune, engines: list[OneThread], at_validation: Callable[..., None]
) -> None:
    at_validation(2, 2)
    tune("trials=1", models=["narrow", "two_widths"], controls=[], executor=OTHERS)
    parts = [given for given in engines[0].given if isinstance(given, Participation)]
    firsts = [part.searches[0][1].base.models for part in parts]
    assert firsts == [("narrow",), ("two_widths",), ("narrow",)]


@pytest.fixture
def at_training(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException, int], None]:
    """Raises something instead of the first trainings of trials."""

    def set_up(error: BaseException, times: int) -> None:
        real, left = CellRunner.train, [times]

        def train(self: CellRunner, cell: Cell, *args: Any, **options: Any) -> Any:
            if left[0] and cell.seed == TRIAL_SEED:
                left[0] -= 1
                raise error
            return real(self, cell, *args, **options)

        monkeypatch.setattr(CellRunner, "train", train)

    return set_up


@pytest.mark.usefixtures("engines")
def test_a_trial_that_kills_its_workers_fails_and_the_others_are_trained(
    tune: Tune, at_training: Callable[..., None]
) -> None:
    """As where memory runs out."""
    at_training(KilledError(), MOST_DEATHS)
    tuned = tune("trials=2", controls=[], executor=OTHERS)
    assert tuned.failed == {}
    record = tune.record()
    assert (record.spent.trials, record.spent.finished, record.spent.failed) == (2, 1, 1)
    failed = [trial for trial in tune.trials() if FAILED in trial.user_attrs]
    assert [each.user_attrs[FAILED] for each in failed] == [
        "its worker was killed 3 times at the same point"
    ]


def test_a_trial_that_is_stopped_again_and_again_has_killed_nobody(
    tune: Tune, at_training: Callable[..., None]
) -> None:
    """Before its first checkpoint, as while a network is compiled."""
    at_training(signals.Stopped(signal.SIGTERM), MOST_DEATHS + 1)
    for _ in range(MOST_DEATHS + 1):
        with pytest.raises(signals.Stopped):
            tune("trials=1")
    tune("trials=1")
    assert (tune.record().spent.finished, tune.record().spent.failed) == (1, 0)


@pytest.mark.usefixtures("engines")
@pytest.mark.parametrize(
    ("executor", "times"),
    [
        (OTHERS, 1),
        (Executor(), 2),
        pytest.param(OTHERS, 2, marks=pytest.mark.slow),
        pytest.param(Executor(), 1, marks=pytest.mark.slow),
    ],
)
def test_a_fault_of_the_device_is_tried_once_more(
    tune: Tune,
    uninterrupted: Tune,
    at_training: Callable[..., None],
    executor: Executor,
    times: int,
) -> None:
    at_training(RuntimeError("CUDA error: an illegal memory access was encountered"), times)
    tune("trials=3", executor=executor)
    if times == 1:
        check_same(tune, uninterrupted)
        return
    (failed,) = (trial for trial in tune.trials() if FAILED in trial.user_attrs)
    assert "CUDA error: an illegal memory access" in failed.user_attrs[FAILED]
    assert (tune.record().spent.finished, tune.record().spent.failed) == (2, 1)


@pytest.mark.usefixtures("engines")
def test_workers_that_die_before_they_begin_end_the_tuning(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KilledError

    monkeypatch.setattr(Participation, "run", die)
    with pytest.raises(InputError, match="3 workers in a row died before they began"):
        tune("trials=3", executor=OTHERS)


@pytest.mark.usefixtures("engines")
def test_the_trial_of_a_worker_killed_at_a_journal_goes_on_from_its_checkpoint(
    tune: Tune, uninterrupted: Tune, tmp_path: Path, at_validation: Callable[..., None]
) -> None:
    """The lock beside the journal tells that the worker is gone."""
    at_validation(2, 1)
    journal = str(tmp_path / "studies.journal")
    tune("trials=3", plan={"storage": journal}, executor=OTHERS)
    check_same(tune, uninterrupted, journal)
    assert tune.record().storage == "journal"
    first, second, *_ = tune.trials(url=journal)
    assert (was_interrupted(first), iterations(first), iterations(second)) == (True, 2, 4)


@pytest.mark.usefixtures("engines")
def test_postgresql_holds_the_same_search_as_a_file(
    tune: Tune, uninterrupted: Tune, postgres: str
) -> None:
    tune("trials=3", plan={"storage": postgres}, executor=OTHERS)
    check_same(tune, uninterrupted, postgres)
    assert tune.record().storage == "postgresql"
    assert uninterrupted.record().storage == "sqlite"
    password = postgres.split(":")[2].split("@")[0].encode()
    written = [path for path in tune.out.rglob("*") if path.is_file()]
    assert not [path for path in written if password in path.read_bytes()]
    assert not (tune.out / "tuning" / "studies.db").exists()
    with stored_studies(Store(tune.out), postgres) as studies:
        assert [len(stored.trials) for stored in studies] == [3]


def test_a_password_is_in_no_text_of_an_assignment(tmp_path: Path, tune: Tune) -> None:
    from bench.execute.slurm import SingleWorker
    from bench.execute.work import ExpectedData, describe_work
    from bench.tuning import Plan, parse_budget

    plan = Plan(budget=parse_budget("trials=1"), storage="postgresql://me:hush@host/db")
    part = Participation(
        plan=plan,
        searches=(),
        data=ExpectedData(level=tune.experiment(), fingerprint="", split=""),
        events=tmp_path / "1.jsonl",
        name="worker-1",
    )
    work = describe_work(out=tmp_path, device="cpu")
    for text in (repr(plan), repr(part), str(SingleWorker(work, part))):
        assert "hush" not in text
