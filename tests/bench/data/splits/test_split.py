"""The file of a split: written, read back, and refused where it was changed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bench.data.splits import Split
from bench.errors import InputError
from tests.bench.data.splits.tables import made_rows, split_of


def _strange_rows() -> pd.DataFrame:
    rows = made_rows([f"p{number}" for number in range(12)])
    names = ['a,"b".png', "# c.png", "ä\u2028é.png", "line\r\nbreak.png", *rows["image"][4:]]
    return rows.assign(image=names).sort_values("image").reset_index(drop=True)


def test_a_written_split_is_read_back_for_rows_in_another_order(tmp_path: Path) -> None:
    rows = _strange_rows()
    split = split_of(rows, "patient", seed=5)
    path = split.write(tmp_path / "splits", rows)
    assert path.name == f"patient-seed5-{split.hash[:12]}.csv"
    assert list(path.parent.iterdir()) == [path]
    turned = rows.iloc[::-1].reset_index(drop=True)
    again = Split.read(path, turned)
    for part, numbers in split.parts.items():
        assert set(turned["image"].iloc[again.parts[part]]) == set(rows["image"].iloc[numbers])
    assert (again.name, again.seed, again.claims_disjoint, again.how, again.hash) == (
        split.name,
        split.seed,
        split.claims_disjoint,
        split.how,
        split.hash,
    )
    assert again.write(tmp_path / "again", turned).read_bytes() == path.read_bytes()


def test_a_written_split_keeps_what_it_leaves_out(tmp_path: Path) -> None:
    rows = made_rows([f"p{number}" for number in range(30)])
    split = split_of(rows, "patient", sizes=(10, 5, 5))
    path = split.write(tmp_path, rows)
    assert path.read_text(encoding="utf-8").count(",left_out\n") == 10
    again = Split.read(path, rows)
    assert again.left_out.tolist() == split.left_out.tolist()
    assert again.hash == split.hash
    # The same three parts of a smaller table are another split.
    placed = rows.drop(index=split.left_out.tolist()).reset_index(drop=True)
    assert split_of(placed, "image", sizes=(10, 5, 5)).hash != split.hash


def test_a_split_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    rows = _strange_rows()
    path = split_of(rows, "image").write(tmp_path, rows)
    text = path.read_text(encoding="utf-8")
    for changed, message in [
        (text.replace(",validation", ",train"), "was changed after it was written"),
        (text.replace("# seed", "# sead"), "is no split"),
        (text.replace("# seed: 0", "# seed: zero"), "is no split"),
        (text.replace("image,part\n", ""), "is no split"),
        (text.replace('"a,""b"".png"', "a,b.png"), "is no split"),
        ("", "is no split"),
    ]:
        path.write_text(changed, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            Split.read(path, rows)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        Split.read(path, rows)
    with pytest.raises(InputError, match="cannot be read"):
        Split.read(tmp_path / "absent.csv", rows)
