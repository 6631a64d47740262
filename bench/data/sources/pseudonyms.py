"""Names for patients and images that say nothing of them to whoever lacks this user's salt.

A name is a keyed hash (HMAC-SHA256, cut to 64 bits) of what the files say. The key, the salt, is
made once and lies in the user's configuration folder, readable by the user alone: so names, and
with them splits and fingerprints, are the same in every run of one user, and cannot be found by
hashing likely ids. Another machine gives other names, unless the file is copied to it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from filelock import FileLock

from bench.errors import InputError
from bench.files import make_folder, write_bytes

LENGTH = 32  # bytes of the salt


def salt_file() -> Path:
    """``$XDG_CONFIG_HOME/cxnet-bench/salt``, else ``~/.config/cxnet-bench/salt``."""
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "cxnet-bench" / "salt"


def read_salt() -> bytes:
    """The user's salt, which is made where there is none."""
    file = salt_file()
    try:
        if not file.exists():
            make_folder(file.parent)
            with FileLock(file.with_suffix(".lock")):
                if not file.exists():  # another process may have made it meanwhile
                    salt = secrets.token_hex(LENGTH).encode("ascii")
                    write_bytes(file, salt, mode=0o600)
        salt = bytes.fromhex(file.read_text(encoding="ascii"))
    except OSError as error:
        raise InputError(
            f"the salt that hides patients cannot be kept in {str(file)!r} "
            f"({(error.strerror or str(error)).lower()}): set XDG_CONFIG_HOME to a folder that can "
            "be written, or data.options.patient_ids=as_written"
        ) from None
    except ValueError:
        salt = b""
    if len(salt) != LENGTH:
        raise InputError(
            f"{str(file)!r} is damaged: put it back, or delete it, which gives all patients other "
            "names"
        )
    return salt


def pseudonym(kind: str, text: str, *, salt: bytes) -> str:
    """The name that stands for a patient or an image, as "patient-0123456789abcdef"; "" for ""."""
    if not text:
        return ""
    digest = hmac.new(salt, f"{kind} {text}".encode(), hashlib.sha256).hexdigest()
    return f"{kind}-{digest[:16]}"
