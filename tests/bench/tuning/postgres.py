"""A real PostgreSQL server on the loopback, from Debian's packages, for the time of the tests."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.absent import absent

DEBIAN = Path("/usr/lib/postgresql")
USER = "tuner"


@contextmanager
def server() -> Iterator[str]:
    """Start a server with a database, and stop it.

    Yields:
        Its URL, with user and password.
    """
    found = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        absent(f"PostgreSQL: no {DEBIAN}/*/bin/initdb")
    binaries = found[-1].parent
    # The server refuses to run as root; Debian's package brings a user for it.
    as_server: list[str | Path] = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    # Under /tmp itself: a test's own folder may be closed to other users.
    home = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
    password = secrets.token_urlsafe(12)
    try:
        secret = home / "password"
        secret.write_text(password)
        if as_server:
            shutil.chown(home, "postgres")
            shutil.chown(secret, "postgres")
        data = home / "data"
        initdb: list[str | Path] = [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            USER,
            "-A",
            "scram-sha-256",
        ]
        _call([*as_server, *initdb, f"--pwfile={secret}", "-E", "UTF8", "--no-sync"])
        port = _free_port()
        options = f"-h 127.0.0.1 -p {port} -k {home} -c fsync=off"
        control: list[str | Path] = [*as_server, binaries / "pg_ctl", "-D", data, "-w"]
        _call([*control, "-l", home / "log", "-o", options, "start"])
        try:
            yield f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port}/postgres"
        finally:
            _call([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(home)


def _call(command: list[str | Path]) -> None:
    # No pipe: the server would inherit it, and keep its reader waiting.
    subprocess.run(
        command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
