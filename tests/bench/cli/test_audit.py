"""``bench audit``: Markdown alone on standard output, a figure on request."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.cli.conftest import Command


@pytest.mark.usefixtures("tiny_runs")
def test_an_audit_and_its_figure(bench: Command, tiny_plugin: Path) -> None:
    (folder,) = Path("results/runs").glob("tiny-ce-s0-*")
    Path("results/runs").rename("elsewhere")
    call = ("audit", folder.name, "--out", "elsewhere", "--plugin", tiny_plugin)
    outcome = bench(*call, "--figure", "curve.svg")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith(f"## tiny ce seed 0 ({folder.name})\n")
    for title in ("Subgroups", "Decision curve", "Near-duplicates across parts"):
        assert f"### {title}\n" in outcome.out
    assert "| sex " in outcome.out
    assert Path("curve.svg").read_text().startswith("<?xml")
    assert bench(*call, "prior-*", "--figure", "curve.svg").code == 2
    refused = bench(*call, "--figure", "curve.gif")
    assert "--figure FILE ends in .png, .pdf or .svg" in refused.err
    both = bench(*call, "prior-*")
    assert both.out.count("### Subgroups") == 2
