"""Patient ids as they come out of pandas and Excel."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from bench.data.sources.patients import parse_patients

IDS = ["7", "007", "7.0", "7.", "0", "000", "0.0", "10", "100", "p7", "P007", "7.5", "٧", "1e1"]


@pytest.mark.parametrize("text", ["nan", "NaN", "NA", "n/a", "None", "null", "?", "-", "<NA>", ""])
def test_what_says_nothing_is_no_patient(text: str) -> None:
    patients, notes = parse_patients(["p1", text, text], ids="text")
    assert patients == ["p1", "", ""]
    assert notes == (("2 entries of the patient column were taken as unknown",) if text else ())


def test_numbers_in_several_spellings_are_noted_and_joined_where_asked() -> None:
    patients, notes = parse_patients(IDS, ids="text")
    assert patients == IDS
    # No patient's own number: notes are part of reports.
    found = "patient column: numbers written in several ways, such as 7, 007 and 7.0: 2"
    joins = "data.options.patient_ids=number joins them"
    assert notes == (f"{found}; taken for different patients: {joins}",)
    patients, notes = parse_patients(IDS, ids="number")
    assert patients == [*"7777000", "10", "100", *IDS[9:]]
    assert notes == (f"{found}; each is one patient",)


@given(st.lists(st.text(max_size=5)), st.integers(min_value=0), st.integers(0, 20))
def test_other_ids_stay_and_any_number_is_joined(ids: list[str], number: int, zeros: int) -> None:
    assert parse_patients(["p" + text for text in ids], ids="number") == (
        ["p" + text for text in ids],
        (),
    )
    texts = [str(number), "0" * zeros + str(number), f"{number}.0"]
    assert parse_patients(texts, ids="number")[0] == [str(number)] * 3
