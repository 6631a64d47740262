"""The file of a bundle: a ZIP with a record of every file in it."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from bench.config.frozen import Frozen
from bench.errors import InputError
from bench.files import make_folder, write_bytes

BUNDLE = "bundle.json"
"""The record of a bundle, a file in it."""
FORMAT = 1
MOST_BYTES = 4 * 2**30
"""Size of a bundle's files, unpacked, above which it is refused."""
_MEMBER = re.compile(r"[\w.+-]+(/[\w.+-]+)?")
# So that the same runs give the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)

Names = Literal["plain", "hashed"]
"""Names of images and patients in a bundle: as they are, or :mod:`bench.share.pseudonyms`."""


class BundleRecord(Frozen):
    """Content of a bundle."""

    format: int
    version: str  # of cxnet-bench
    names: Names  # kind of the names of images and patients
    runs: tuple[str, ...]  # names of their folders
    files: dict[str, str]  # SHA-256 of each other file, by its name


def is_bundle(path: Path) -> bool:
    """Whether a file is a ZIP file with a bundle's record; Excel's files are ZIP files too."""
    try:
        with zipfile.ZipFile(path) as file:
            return BUNDLE in file.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def pack(folder: Path, path: Path, *, version: str, names: Names, runs: tuple[str, ...]) -> None:
    """Write a bundle of all files in a folder of runs; the same files give the same bytes."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    record = BundleRecord(
        format=FORMAT,
        version=version,
        names=names,
        runs=runs,
        files={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        text = json.dumps(record.model_dump(mode="json"), indent=2) + "\n"
        for name, data in {BUNDLE: text.encode(), **files}.items():
            packed.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)
    make_folder(path.parent)
    write_bytes(path, content.getbuffer())


def unpack(path: Path, folder: Path) -> BundleRecord:
    """Unpack a bundle, every file checked, into an empty folder; nothing else is written."""
    try:
        with zipfile.ZipFile(path) as packed:
            record, files = _read(packed)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"bundle {str(path)!r} is damaged ({error}): fetch it again") from None
    except _BadBundleError as error:
        raise InputError(f"bundle {str(path)!r}: {error}") from None
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(content)
    return record


class _BadBundleError(Exception):
    """Something is wrong with a bundle; the message says what, and what to do."""


def _read(packed: zipfile.ZipFile) -> tuple[BundleRecord, Mapping[str, bytes]]:
    members = packed.infolist()
    for member in members:
        # A name could otherwise lead out of the folder.
        if not _MEMBER.fullmatch(member.filename) or ".." in member.filename:
            raise _BadBundleError(f"it holds {member.filename!r}, which no bundle does: leave it")
    if sum(member.file_size for member in members) > MOST_BYTES:
        raise _BadBundleError("its files are larger than any bundle's: leave it")
    if BUNDLE not in packed.namelist():
        raise _BadBundleError(f"it has no {BUNDLE}: it is none that `bench share` wrote")
    try:
        found = json.loads(packed.read(BUNDLE))
        if isinstance(found, dict) and found.get("format") not in (FORMAT, None):
            raise _BadBundleError(
                f"it has format {found['format']}, and this version reads {FORMAT}: use the "
                f"version of cxnet-bench that wrote it ({found.get('version')})"
            )
        record = BundleRecord.model_validate(found)
    except (ValueError, ValidationError, RecursionError):
        raise _BadBundleError(f"its {BUNDLE} is damaged: fetch it again") from None
    files = {m.filename: packed.read(m) for m in members if m.filename != BUNDLE}
    if files.keys() != record.files.keys():
        name = min(files.keys() ^ record.files.keys())
        raise _BadBundleError(f"{name} is not as its record says: fetch it again")
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != record.files[name]:
            raise _BadBundleError(f"{name} was changed after it was packed: fetch it again")
    return record, files
