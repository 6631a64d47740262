"""Searches by workers: each takes part in all of them, by the storage that they share.

No worker is told which trial to run. Each begins trials while the budgets allow it, as several
``bench tune`` on one storage do, and ends when there is none to begin. The parent looks at the
storage, and gives out parts as long as anything can be begun; it trains nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import signals
from bench.errors import InputError
from bench.events import Note
from bench.execute.channel import EventFile
from bench.execute.dispatch import SECONDS_BETWEEN_LOOKS, NoRoom
from bench.execute.executors import Others
from bench.execute.matrix import DeviceFault, WorkerDiedError
from bench.execute.work import ExpectedData
from bench.runs.store import Store
from bench.tuning.context import TuningContext
from bench.tuning.plan import Plan
from bench.tuning.space import Space
from bench.tuning.storage import lock_of, opened, parse_url
from bench.tuning.study import Search, make_search, worker_name
from bench.tuning.trials import MOST_DEATHS, WORKER

if TYPE_CHECKING:
    from bench.execute.worker import Worker


SECONDS_BETWEEN_QUERIES = 1.0
"""The parent asks the storage as seldom as a worker does that waits."""


@dataclass(frozen=True, kw_only=True)
class Participation:
    """A part in the searches of a tuning, as an assignment for a worker."""

    plan: Plan = field(repr=False)  # of the tuning; its storage may have a password
    # The space of each study, by its name, in the order in which they are taken.
    searches: tuple[tuple[str, Space], ...]
    data: ExpectedData
    events: Path
    name: str  # of the worker in this part, which its trials bear

    def run(self, worker: Worker) -> None:
        """Run trials of one search after the other, until none can be begun.

        Raises:
            DeviceFault: the device failed; its trial is queued again.
            DiskFullError: there is no room for results.
        """
        progress, store = EventFile(self.events), Store(worker.work.out)
        url = parse_url(self.plan.storage, store)
        lock = lock_of(url, store)
        with opened(url, lock=lock) as storage:
            context = TuningContext(
                plan=self.plan,
                prepared=worker.prepare(self.data, progress),
                environment=worker.environment,
                store=store,
                lock=lock,
                placements=worker.placements,
                progress=progress,
            )
            for name, space in self.searches:
                make_search(context, space, storage, name=name).take_part(self.name)


def search_by(others: Others, searches: Sequence[Search]) -> None:
    """Let workers run the trials of searches until their budgets are used up.

    Raises:
        DiskFullError: there is no room for results.
        Stopped: a signal asked for it.
    """
    if searches:
        _Participations(others, searches).run()


class _Participations:
    """The parts that workers take, and have taken."""

    def __init__(self, others: Others, searches: Sequence[Search]) -> None:
        self._others, self._searches = others, searches
        self._running: dict[Future[None], Participation] = {}
        self._given, self._in_vain = 0, 0
        self._waits = False

    def run(self) -> None:
        """Give out parts until nothing is left in any search."""
        while True:
            left = {search.left() for search in self._searches}
            if "a trial" in left:
                self._fill()
            elif left == {"nothing"} and not self._running:
                return
            elif not self._running:
                self._tell_waiting()
            self._wait()

    def _fill(self) -> None:
        """Give a part to every worker that is free, as long as there is work for it."""
        most = sum(search.most_workers() for search in self._searches)
        while len(self._running) < most:
            part = self._part()
            try:
                with signals.deferred():  # the engine's books and ours are to agree
                    future, _ = self._others.engine.submit(part, avoid=None)
                    self._others.channel.read(part.events)
                    self._running[future] = part
            except NoRoom:
                return
            self._given += 1

    def _part(self) -> Participation:
        """The next part.

        Each begins with another search: trials of one search learn from those that ended before.
        """
        context, first = self._searches[0].context, self._given % len(self._searches)
        data, base = context.prepared.record, self._searches[0].space.base
        url = parse_url(context.plan.storage, context.store)
        return Participation(
            plan=replace(context.plan, storage=url.render_as_string(hide_password=False)),
            searches=tuple(
                (search.study.study_name, search.space)
                for search in (*self._searches[first:], *self._searches[:first])
            ),
            data=ExpectedData(level=base, fingerprint=data.fingerprint, split=data.split.hash),
            events=self._others.channel.new_file().resolve(),
            name=worker_name(),
        )

    def _wait(self) -> None:
        """Wait a moment, or until a part has ended."""
        deadline = time.monotonic() + SECONDS_BETWEEN_QUERIES
        done: set[Future[None]] = set()
        while not done and time.monotonic() < deadline:
            if self._running:
                done, _ = wait(self._running, SECONDS_BETWEEN_LOOKS, return_when=FIRST_COMPLETED)
            else:
                time.sleep(SECONDS_BETWEEN_LOOKS)
            self._others.channel.follow()
            signals.check()
        for future in done:
            self._take(future, self._running.pop(future))

    def _take(self, future: Future[None], part: Participation) -> None:
        self._others.channel.close(part.events)
        try:
            future.result()
        except (WorkerDiedError, DeviceFault) as error:
            self._tell(f"a worker has ended ({error}); its trial is tried again")
            if isinstance(error, DeviceFault) or self._has_begun(part) or not self._is_wanted():
                self._in_vain = 0
                return
            self._in_vain += 1
            if self._in_vain >= MOST_DEATHS:
                raise InputError(
                    f"{MOST_DEATHS} workers in a row died before they began a trial ({error}): try "
                    "--executor local, which says more"
                ) from error
        else:
            self._in_vain = 0

    def _is_wanted(self) -> bool:
        return any(search.left() == "a trial" for search in self._searches)

    def _has_begun(self, part: Participation) -> bool:
        return any(
            trial.user_attrs.get(WORKER, {}).get("name") == part.name
            for search in self._searches
            for trial in search.trials()
        )

    def _tell_waiting(self) -> None:
        if not self._waits:
            self._tell("waiting for trials of other commands")
        self._waits = True

    def _tell(self, text: str) -> None:
        self._searches[0].context.progress.event(Note(text))
