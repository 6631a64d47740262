"""The database that holds the studies: opened with one plain line where it cannot be had."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import optuna
import sqlalchemy
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning, OptunaError, StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from bench.errors import InputError, first_line
from bench.runs.store import Store

HEARTBEAT_SECONDS = 60
"""A worker at a trial says this often that it lives."""
STALE_SECONDS = 300
"""A trial of another machine that has been silent for so long is begun anew."""
POSTGRESQL_EXTRA = "cxnet-bench[postgresql]"
"""What installs the driver of PostgreSQL."""
# Another worker may be writing to the file; it holds it for milliseconds.
SQLITE_PATIENCE_SECONDS = 60


def default_url(store: Store) -> str:
    """SQLite, beside the trials."""
    return URL.create(
        "sqlite", database=str(store.tuning.resolve() / "studies.db")
    ).render_as_string()


def kind(url: str) -> str:
    """``sqlite``, ``postgresql``: what may be told of a storage without its address.

    Raises:
        InputError: it is no database URL.
    """
    return _parse(url).get_backend_name()


def is_missing_file(url: str) -> bool:
    """Whether it is an SQLite file that is not there, and would be made by opening it.

    Raises:
        InputError: it is no database URL.
    """
    parsed = _parse(url)
    file = parsed.database
    return parsed.get_backend_name() == "sqlite" and bool(file) and not Path(str(file)).exists()


def lock_of(url: str, store: Store) -> Path:
    """A file that those hold who make tables or ask for trials, one at a time.

    Beside an SQLite file, so that all who write to it share the lock; otherwise in the store.

    Raises:
        InputError: it is no database URL.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return Path(f"{parsed.database}.lock")
    return store.tuning / "asking.lock"


@contextmanager
def opened(url: str, *, lock: Path | None) -> Iterator[RDBStorage]:
    """Connect to a database, and make Optuna's tables where they are not there.

    Args:
        url: as SQLAlchemy writes it.
        lock: :func:`lock_of` it, so that of several processes that start at once one makes the
            tables; None where nothing is to be written.

    Raises:
        InputError: it cannot be reached or used, or is lost later; no password is told.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sqlite = _parse(url).get_backend_name() == "sqlite"
    with _named_errors(url):
        with _opening(url), warnings.catch_warnings(), FileLock(lock) if lock else nullcontext():
            warnings.simplefilter("ignore", ExperimentalWarning)  # of heartbeats
            storage = RDBStorage(
                url,
                engine_kwargs={
                    **({"connect_args": {"timeout": SQLITE_PATIENCE_SECONDS}} if sqlite else {}),
                    # A server may have closed a connection while a trial was trained for hours.
                    "pool_pre_ping": True,
                },
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=STALE_SECONDS,
            )
        try:
            yield storage
        finally:
            storage.remove_session()
            storage.engine.dispose()


@contextmanager
def _named_errors(url: str) -> Iterator[None]:
    """Turn what a database raises into one line that names the storage, without its password."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else None
        raise _unusable(url, cause or error) from None


@contextmanager
def _opening(url: str) -> Iterator[None]:
    """Turn what only the opening raises into such a line; later it can be of a plugin as well."""
    try:
        yield
    except ImportError as error:  # the database's driver
        raise _unusable(url, error.__cause__ or error) from None
    except RuntimeError as error:
        if "table schema" not in str(error):
            raise
        raise _unusable(url, error) from None


def shown(url: str) -> str:
    """A storage's address without its password.

    Raises:
        InputError: it is no database URL.
    """
    # A password can be in the query too.
    return _parse(url).set(query={}).render_as_string(hide_password=True)


def _unusable(url: str, cause: BaseException) -> InputError:
    parsed = _parse(url)
    reason = first_line(cause)
    if parsed.password:
        reason = reason.replace(str(parsed.password), "***")
    way_out = "check --storage"
    if isinstance(cause, ImportError) and parsed.get_backend_name() == "postgresql":
        way_out = f"pip install {POSTGRESQL_EXTRA!r}, and write postgresql+psycopg://…"
    return InputError(
        f"storage {shown(url)} cannot be used ({reason}): {way_out}; finished trials are kept"
    )


@contextmanager
def heartbeat(storage: RDBStorage, trial_id: int) -> Iterator[None]:
    """Say every minute that the worker at a trial lives, from a thread of its own."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            try:
                storage.record_heartbeat(trial_id)
            except (SQLAlchemyError, OptunaError):
                # The trial's next report meets the same database and tells of it.
                continue

    storage.record_heartbeat(trial_id)
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except sqlalchemy.exc.NoSuchModuleError:
        raise InputError(
            f"storage: no database {parsed.drivername!r} is known here: write sqlite:///FILE or "
            "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
        ) from None
    except (SQLAlchemyError, ValueError):
        # The text is not repeated: what cannot be parsed may hold a password anywhere.
        raise InputError(
            "storage: not a database URL: write sqlite:///FILE or "
            "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
        ) from None
    return parsed
