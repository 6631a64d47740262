"""The database or journal that holds the studies, and one-line errors where it cannot be used."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import optuna
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from sqlalchemy import create_engine, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from bench.errors import InputError, first_line
from bench.execute.executors import Executor
from bench.files import is_disk_full
from bench.runs.store import Store
from bench.tuning.journal import Journal

HEARTBEAT_SECONDS = 60
"""Seconds between two heartbeats of a worker in its trial."""
STALE_SECONDS = 300
"""A trial without a heartbeat for so long is failed and queued again."""
# Another worker may be writing to the file; it holds it for milliseconds.
SQLITE_PATIENCE_SECONDS = 60
ADVISORY_LOCK = 0x62656E6368
"""Key of PostgreSQL's advisory lock under which tables are made."""
EXAMPLES = (
    "write sqlite:///FILE, postgresql+psycopg://USER:PASSWORD@HOST/DATABASE or journal:///FILE"
)
JOURNAL = "journal"


def parse_url(text: str | None, store: Store) -> URL:
    """The address of a storage; that of a file is absolute.

    Args:
        text: as SQLAlchemy writes it, ``journal:///FILE``, or the path of a file that ends in
            ``.journal``; None is an SQLite file beside the trials.
    """
    if text is None:
        return URL.create("sqlite", database=str(store.tuning.resolve() / "studies.db"))
    if text.endswith(f".{JOURNAL}") and "://" not in text:
        return URL.create(JOURNAL, database=str(Path(text).resolve()))
    try:
        url = make_url(text)
        if url.drivername != JOURNAL:
            url.get_dialect()
    except NoSuchModuleError:
        raise InputError(
            f"storage: no database {url.drivername!r} is known here: {EXAMPLES}"
        ) from None
    except (SQLAlchemyError, ValueError):
        # The text is not repeated: what cannot be parsed may hold a password anywhere.
        raise InputError(f"storage: not a database URL: {EXAMPLES}") from None
    if url.drivername == JOURNAL and not url.database:
        raise InputError(f"storage: a journal is a file: {EXAMPLES}")
    file = file_of(url)
    return url if file is None else url.set(database=str(file.resolve()))


def file_of(url: URL) -> Path | None:
    """The file of a journal or an SQLite database; None of another one, or one in memory."""
    is_file = url.get_backend_name() in ("sqlite", JOURNAL)
    return Path(url.database) if is_file and url.database not in (None, "", ":memory:") else None


def journal_file(url: URL) -> Path | None:
    """The file of a journal; None of any other storage."""
    return file_of(url) if url.drivername == JOURNAL else None


def check_shared(url: URL, executor: Executor) -> None:
    """Refuse a storage that the workers of an executor cannot share."""
    if url.get_backend_name() != "sqlite" or executor.name == "local":
        return
    if file_of(url) is None:
        raise InputError("storage: other workers cannot share a database in memory: leave it out")
    if executor.reaches_others:
        raise InputError(
            f"storage: workers on other machines cannot share an SQLite file (--executor "
            f"{executor.name}): give --storage FILE.journal in a folder that they share, or "
            "postgresql+psycopg://USER@HOST/DATABASE"
        )


def lock_of(url: URL, store: Store) -> Path:
    """Lock file of a storage, held while tables or studies are made or records written.

    Beside a file, so that all who write to it share the lock; otherwise in the store.
    """
    file = file_of(url)
    if file is None:
        return store.tuning / "studies.lock"
    return Path(f"{file}.studies.lock" if journal_file(url) else f"{file}.lock")


def shown(url: URL) -> str:
    """A database's address without its password, which can be in the query too."""
    return url.set(query={}).render_as_string(hide_password=True)


@contextmanager
def opened(url: URL, *, lock: Path | None) -> Iterator[BaseStorage]:
    """Connect to a storage, and make it where it is not there.

    Args:
        lock: :func:`lock_of` it, so that of several processes that start at once one makes the
            tables; None where nothing is to be written.

    Raises:
        InputError: it cannot be reached or used, or is lost later; never with its password.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    journal = journal_file(url)
    try:
        with FileLock(lock) if lock else nullcontext(), _alone(url):
            storage = JournalStorage(Journal(journal)) if journal else _database(url)
    except (
        OSError, ImportError, RuntimeError, SQLAlchemyError, StorageInternalError
    ) as error:  # fmt: skip
        if is_disk_full(error):
            raise
        # No driver, tables of another version of Optuna, or no connection.
        raise _unusable(url, error) from None
    try:
        yield storage
    except (SQLAlchemyError, StorageInternalError) as error:
        raise _unusable(url, error) from None
    finally:
        if isinstance(storage, RDBStorage):
            storage.remove_session()
            storage.engine.dispose()


@contextmanager
def _alone(url: URL) -> Iterator[None]:
    """Hold a lock of the server's own: machines may have no folder, and so no lock, in common."""
    if url.get_backend_name() != "postgresql":
        yield
        return
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
        yield  # it is free when the transaction is over


def _database(url: URL) -> RDBStorage:
    # A server may have closed a connection while a trial was trained for hours.
    engine: dict[str, object] = {"pool_pre_ping": True}
    if url.get_backend_name() == "sqlite":
        engine["connect_args"] = {"timeout": SQLITE_PATIENCE_SECONDS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # of heartbeats
        return RDBStorage(
            url.render_as_string(hide_password=False),
            engine_kwargs=engine,
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=STALE_SECONDS,
        )


def _unusable(url: URL, error: BaseException) -> InputError:
    cause = error
    if isinstance(error, ImportError | StorageInternalError) and error.__cause__:
        cause = error.__cause__
    reason = first_line(cause)
    if url.password:
        reason = reason.replace(str(url.password), "***")
    hint = "check --storage"
    if isinstance(cause, ImportError) and url.get_backend_name() == "postgresql":
        hint = "pip install 'cxnet-bench[postgresql]', and write postgresql+psycopg://…"
    return InputError(
        f"storage {shown(url)} cannot be used ({reason}): {hint}; finished trials are kept"
    )
