"""``bench audit``: Markdown alone on standard output, a figure on request."""

from __future__ import annotations

from pathlib import Path

from tests.bench.cli.conftest import TINY, Command


def test_an_audit_and_its_figure(bench: Command, tiny_plugin: Path) -> None:
    assert bench("run", "tiny", "--plugin", tiny_plugin, *TINY).code == 0
    (folder,) = Path("results/runs").glob("tiny-sin-s0-*")
    Path("results/runs").rename("elsewhere")
    call = ("audit", folder.name, "--out", "elsewhere", "--plugin", tiny_plugin)
    outcome = bench(*call, "--figure", "curve.svg")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith(f"## tiny sin seed 0 ({folder.name})\n")
    for title in ("Subgroups", "Decision curve", "Near-duplicates across parts"):
        assert f"### {title}\n" in outcome.out
    assert "| sex " in outcome.out
    assert Path("curve.svg").read_text().startswith("<?xml")
    assert bench(*call, "prior-*", "--figure", "curve.svg").code == 2
    refused = bench(*call, "--figure", "curve.gif")
    assert "--figure FILE ends in .png, .pdf or .svg" in refused.err
    both = bench(*call, "prior-*")
    assert both.out.count("### Subgroups") == 2
