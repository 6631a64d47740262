"""A pixel store in the making, which outlasts whatever ends the process or the machine.

``pixels.npy`` (see :mod:`bench.data.pixels`) grows image by image, and ``journal.jsonl`` says for
how many of them that is certain: a line is written only when the pixels it speaks of have reached
the disk. Its first line names the decoder, each other one is the record of an image, in the order
of the rows. So the journal's whole lines are what there is to go on from, and all that may be
damaged behind them is cut off.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL

from bench.data.decode import Decoded, Record
from bench.data.study import Problem

# At most so much decoding is lost. Twice as often, waiting for the disk took 1.5 % of the time (two
# cores, 224 px).
SECONDS_BETWEEN_MARKS = 2.0

WRITTEN_AT_ONCE = 2**20

JOURNAL = "journal.jsonl"
PIXELS = "pixels.npy"


class UnfinishedStore:
    """The folder of a store in the making; held by one process at a time.

    Attributes:
        records: of the images that are there for certain, in the order of the rows.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int]) -> None:
        """Look what is there; nothing is written.

        Args:
            folder: need not be there.
            shape: of all pixels, (images, size, size).
        """
        self._folder = folder
        self._shape = shape
        self._header = _header(shape)
        # The decoder is part of the journal: two versions' pixels may differ, and one store's
        # never come from both.
        self._first_line = json.dumps({"decoder": f"Pillow {PIL.__version__}"}).encode() + b"\n"
        self.records: list[Record] = []
        self._journal_bytes = 0
        self._recover()

    @property
    def missing_bytes(self) -> int:
        """What the pixels that are not there yet will take on the disk."""
        return (self._shape[0] - len(self.records)) * self._image_bytes

    def fill(self, decoded: Iterable[Decoded], *, progress: Callable[[int], None]) -> None:
        """Go on behind ``records``, to the end.

        Args:
            decoded: the images that are missing, in order.
            progress: called with how many images there are, after each.

        Raises:
            OSError: the folder cannot be written; what was certain before still is.
        """
        self._folder.mkdir(exist_ok=True)
        with (
            (self._folder / JOURNAL).open("ab") as journal,
            # Written in large pieces: while it writes, Python hands its lock to the threads that
            # decode, and has to wait until it comes back.
            (self._folder / PIXELS).open("ab", buffering=WRITTEN_AT_ONCE) as pixels,
        ):
            self._cut(journal, pixels)
            marked, last = len(self.records), time.monotonic()
            for image in decoded:
                pixels.write(image.pixels.data)
                self.records.append(image.record)
                if time.monotonic() - last >= SECONDS_BETWEEN_MARKS:
                    self._mark(journal, pixels, marked)
                    marked, last = len(self.records), time.monotonic()
                progress(len(self.records))
            self._mark(journal, pixels, marked)

    def _recover(self) -> None:
        """Find the journal's whole lines that have their pixels."""
        try:
            with (self._folder / PIXELS).open("rb") as file:
                if file.read(len(self._header)) != self._header:
                    return
                size = file.seek(0, os.SEEK_END)
            first, *lines = (self._folder / JOURNAL).read_bytes().splitlines(keepends=True) or [b""]
        except OSError:
            return
        if first != self._first_line:
            return
        self._journal_bytes = len(first)
        with_pixels = (size - len(self._header)) // self._image_bytes
        for line in lines[: min(with_pixels, self._shape[0])]:
            record = _record(line)
            if record is None:
                return
            self.records.append(record)
            self._journal_bytes += len(line)

    def _cut(self, journal: BinaryIO, pixels: BinaryIO) -> None:
        """Cut both files to ``records``; the journal first, so that it never says too much."""
        end = len(self._header) + len(self.records) * self._image_bytes
        for file, head, size in (
            (journal, self._first_line, self._journal_bytes),
            (pixels, self._header, end),
        ):
            file.truncate(size if self.records else 0)
            if not self.records:
                file.write(head)
            _sync(file)

    def _mark(self, journal: BinaryIO, pixels: BinaryIO, marked: int) -> None:
        """Make certain of the pixels since ``marked``, and only then say so."""
        _sync(pixels)
        journal.writelines(map(_line, self.records[marked:]))
        _sync(journal)

    @property
    def _image_bytes(self) -> int:
        return self._shape[1] * self._shape[2]


def _header(shape: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def _line(record: Record) -> bytes:
    problem = record.problem and asdict(record.problem)
    return json.dumps([record.digest, record.enlarged, problem]).encode() + b"\n"


def _record(line: bytes) -> Record | None:
    """What :func:`_line` made a line of; None where it is torn or damaged."""
    try:
        digest, enlarged, problem = json.loads(line)
        record = Record(digest, enlarged, problem and Problem(**problem))
        # The same to the byte, line end included: the last one may be torn.
        return record if _line(record) == line else None
    except (ValueError, TypeError):
        return None


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
