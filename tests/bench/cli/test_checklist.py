"""``bench checklist``: Markdown alone on standard output."""

from __future__ import annotations

import pytest

from tests.bench.cli.conftest import Command


@pytest.mark.usefixtures("tiny_runs")
def test_checklists_of_a_folder(bench: Command) -> None:
    outcome = bench("checklist")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("## CLAIM 2024: phantom, split patient")
    assert "## TRIPOD+AI: phantom" in outcome.out
    nothing = bench("checklist", "--out", "nowhere")
    assert (nothing.code, nothing.out) == (2, "")
