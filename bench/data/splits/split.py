"""A split of the images into train, validation and test, and the small file that keeps it."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import InputError
from bench.files import make_folder, write_text

RowNumbers = NDArray[np.int64]
"""Row numbers of a study table."""

PARTS = ("train", "validation", "test")
LEFT_OUT = "left_out"  # of every part, because exact sizes were wanted
_PART_NAMES = (*PARTS, LEFT_OUT)

_HEADER = ("name", "seed", "claims_disjoint", "how", "hash")
_COLUMNS = ("image", "part")


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """The images of train, validation and test, and those left out, as sorted row numbers."""

    name: str  # ``data.split`` of the config
    seed: int  # what random choices were drawn from, >= 0
    train: RowNumbers  # row numbers of the study table, as are the next three
    validation: RowNumbers
    test: RowNumbers
    left_out: RowNumbers  # of the images that exact sizes leave over; most often empty
    claims_disjoint: bool  # whether it promises that no patient is in two parts
    how: str  # one line saying how it was made
    # SHA-256 (hex) of the sorted lines "image,part", where the part of an image that was left out
    # is "left_out": the same on every machine and for every order of the rows.
    hash: str

    @classmethod
    def of(
        cls,
        part_of_row: NDArray[np.int64],
        *,
        rows: pd.DataFrame,
        name: str,
        seed: int,
        claims_disjoint: bool,
        how: str,
    ) -> Split:
        """Build a split from each row's part, (n,).

        It is the part's index in :data:`PARTS`, or ``len(PARTS)`` where the row is left out.
        """
        train, validation, test, left_out = (
            np.flatnonzero(part_of_row == p) for p in range(len(_PART_NAMES))
        )
        lines = zip(rows["image"], (_PART_NAMES[p] for p in part_of_row), strict=True)
        return cls(
            name=name,
            seed=seed,
            train=train,
            validation=validation,
            test=test,
            left_out=left_out,
            claims_disjoint=claims_disjoint,
            how=how,
            hash=_hash(lines),
        )

    @property
    def parts(self) -> dict[str, RowNumbers]:
        """The row numbers by the name of the part, in the order of :data:`PARTS`."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def parts_and_left_out(self) -> dict[str, RowNumbers]:
        """:attr:`parts`, and "left_out" where any image was left out: together every image."""
        return self.parts | ({LEFT_OUT: self.left_out} if len(self.left_out) else {})

    def write(self, folder: Path, rows: pd.DataFrame) -> Path:
        """Write the split as ``NAME-seedSEED-HASH.csv``; others in the folder are left alone."""
        make_folder(folder)
        path = folder / file_name(name=self.name, seed=self.seed, digest=self.hash)
        part_of_row = np.empty(len(rows), dtype=object)
        for part, numbers in self.parts_and_left_out.items():
            part_of_row[numbers] = part
        head = "".join(f"# {key}: {getattr(self, key)}\n" for key in _HEADER)
        table = pd.DataFrame({"image": rows["image"], "part": part_of_row}).sort_values("image")
        write_text(path, head + table.to_csv(index=False, lineterminator="\n"))
        return path

    @staticmethod
    def read_images(path: Path, *, digest: str) -> dict[str, frozenset[str]]:
        """The ids of the images of each part, "left_out" too, of a split that :meth:`write` wrote.

        Raises:
            InputError: the file is not there or no split, was changed after it was written, or
                is another split.
        """
        header, pairs = _read(path)
        if header["hash"] != digest:
            raise InputError(
                f"split file {str(path)!r} is another split than that of the runs: run "
                "`bench run` once more, which writes it anew"
            )
        return {part: frozenset(i for i, p in pairs if p == part) for part in _PART_NAMES}

    @classmethod
    def read(cls, path: Path, rows: pd.DataFrame) -> Split:
        """Read what :meth:`write` wrote, for a study table of the same images in any order.

        Raises:
            InputError: the file is not there or no split, or was changed after it was written.
        """
        header, pairs = _read(path)
        part_of_image = {pair[0]: pair[1] for pair in pairs}
        return cls.of(
            np.array(
                [_PART_NAMES.index(part_of_image[image]) for image in rows["image"]], np.int64
            ),
            rows=rows,
            name=header["name"],
            seed=int(header["seed"]),
            claims_disjoint=header["claims_disjoint"] == "True",
            how=header["how"],
        )


def file_name(*, name: str, seed: int, digest: str) -> str:
    """Name of the file that :meth:`Split.write` writes, from a split's attributes."""
    return f"{name}-seed{seed}-{digest[:12]}.csv"


def _read(path: Path) -> tuple[dict[str, str], list[tuple[str, ...]]]:
    """The header and the lines of a split's file, which is as it was written."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header = dict(_header_line(file.readline()) for _ in _HEADER)
            listed = [tuple(line) for line in csv.reader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"split file {str(path)!r} cannot be read: {error}") from None
    columns, pairs = listed[:1], listed[1:]
    if (
        tuple(header) != _HEADER
        or not header["seed"].isdecimal()
        or columns != [_COLUMNS]
        or any(len(pair) != len(_COLUMNS) for pair in pairs)
    ):
        raise InputError(f"split file {str(path)!r} is no split: let bench write it anew")
    if _hash(pairs) != header["hash"]:
        raise InputError(
            f"split file {str(path)!r} was changed after it was written (its hash differs): "
            "run `bench run` once more, which writes it anew"
        )
    return header, pairs


def _header_line(line: str) -> tuple[str, str]:
    key, _, value = line.removeprefix("# ").rstrip("\n").partition(": ")
    return key, value


def _hash(pairs: Iterable[tuple[str, ...]]) -> str:
    lines = sorted(",".join(pair) + "\n" for pair in pairs)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
