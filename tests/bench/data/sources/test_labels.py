"""Columns of label files: every row is read, counted as a repeat, or its image is named."""

from __future__ import annotations

import re

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from bench.data.sources.labels import join_rows, parse_ages, parse_labels

rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(
            [
                "Mass",
                "Mass|Nodule",
                "nodule|mass ",
                "Nodule|normal",
                "Normal_",
                "",
                "nan",
                "Mas",
                "|",
            ]
        )
        | st.text(max_size=4),
        st.sampled_from(["", "p1", "p2"]),
    )
)


@given(rows)
def test_images_read_and_images_named_add_up_to_the_rows(
    rows: list[tuple[str, str, str]],
) -> None:
    images, texts, patients = ([row[column] for row in rows] for column in (0, 1, 2))
    parsed, names, notes = parse_labels(
        texts, separator="|", normal={"normal"}, known=("Mass", "Nodule"), unlabelled={"nan"}
    )
    beside = {"patient": patients}
    labels = join_rows(images, parsed, names=names, beside=beside, several_rows=None, notes=notes)
    read = [image for image, usable in zip(images, labels.usable, strict=True) if usable]
    named = {problem.image: problem for problem in labels.problems}
    assert sorted([*read, *named]) == sorted(set(images))
    assert len(named) == len(labels.problems)
    contradicting = [p.detail for p in labels.problems if p.kind == "contradictory"]
    rows_of_these = sum(int(re.findall(r"in (\d+) rows", detail)[0]) for detail in contradicting)
    repeats = sum(int(note.split()[0]) for note in labels.notes if " row" in note)
    others = len(read) + len(named) - len(contradicting)
    assert others + rows_of_these + repeats == len(rows)


def test_ages_with_decimal_commas() -> None:
    ages, notes = parse_ages(["58,5", "0,25", "6M", "130,0", "5,5,5", ""])
    np.testing.assert_array_equal(ages, [58.5, 0.25, 0.5, np.nan, np.nan, np.nan])
    assert len(notes) == 2


def test_cells_that_are_lists_of_python() -> None:
    texts = ["['effusion', 'mass']", '["normal"]', "[]", "effusion", "[ 'a, b' ]"]
    labels, names, notes = parse_labels(texts, separator=",", normal={"normal"}, known=None)
    findings = [label.findings for label in labels]
    assert findings == [("effusion", "mass"), (), (), ("effusion",), ("a, b",)]
    assert [label.problem for label in labels] == [None, None, "unlabelled", None, None]
    assert names == ("a, b", "effusion", "mass")
    assert notes == ("labels read as lists of names, such as ['a', 'b']: 4",)
