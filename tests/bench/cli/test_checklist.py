"""``bench checklist``: Markdown alone on standard output."""

from __future__ import annotations

from pathlib import Path

from tests.bench.cli.conftest import TINY, Command


def test_checklists_of_a_folder(bench: Command, tiny_plugin: Path) -> None:
    assert bench("run", "tiny", "--plugin", tiny_plugin, *TINY).code == 0
    outcome = bench("checklist")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("## CLAIM 2024: phantom, split patient")
    assert "## TRIPOD+AI: phantom" in outcome.out
    nothing = bench("checklist", "--out", "nowhere")
    assert (nothing.code, nothing.out) == (2, "")
