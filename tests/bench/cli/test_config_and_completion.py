"""``bench config show``, wrong keys anywhere, and completion in the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from bench.cli.main import main
from bench.config import shipped_names
from tests.bench.cli.conftest import Command, assert_refused


def test_a_config_is_shown_with_values_defaults_and_meanings(bench: Command) -> None:
    done = bench("config", "show", "demo", "--set", "train.patience=3")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    at = lines.index("train.lr = 0.001  (default 0.01)")
    assert lines[at + 1] == "    First learning rate (paper: 0.01)."
    assert "train.patience = 3  (default 2)" in lines
    assert "train.momentum = 0.9" in lines
    assert "data.source = phantom  (required)" in lines
    assert "data.options.images = 2400  (default 2000)" in lines


def test_without_a_name_the_schema_is_shown(bench: Command) -> None:
    lines = bench("config", "show").out.splitlines()
    assert {"data.source  (required)", "train.lr = 0.01", "data.sizes.train  (required)"} <= {
        *lines
    }
    keys = json.loads(bench("config", "show", "--json").out)
    assert {"name", "required", "default", "value", "meaning"} == {*keys[0]}
    assert next(key["default"] for key in keys if key["name"] == "train.batch_size") == 32


def test_a_file_of_ones_own_is_shown(bench: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ndescription: d\ndata: {source: manifest}\nmodels: [a]\nlosses: [ce]\n"
    )
    out = bench("config", "show", "mine.yaml").out
    assert "data.options.label_column = label\n    The column of labels" in out
    refused = bench("config", "show", "--set", "train.lr=1")
    assert (refused.code, refused.out) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (("run", "cxnet_m1", "--lr", "0.1"), "--set train.lr=VALUE"),
        (("tune", "cxnet_m1", "--batch-size", "8"), "--set train.batch_size=VALUE"),
        (
            ("run", "cxnet_m1", "--epochs", "30"),
            "train.max_iterations=VALUE (in steps, not epochs)",
        ),
        (("run", "cxnet_m1", "--set", "lr=0.1"), "train.lr"),
        (("run", "cxnet_m1", "--set", "train.epochs=3"), "train.max_iterations"),
        (("report", "markdown", "--where", "lr=0.1"), "train.lr"),
    ],
)
def test_a_wrong_key_ends_in_one_line_with_the_right_one(
    bench: Command, arguments: tuple[str, ...], key: str
) -> None:
    assert_refused(bench(*arguments), key)


def completed(*words: str) -> list[str]:
    *before, incomplete = words
    items = ShellComplete(main, {}, "bench", "_BENCH_COMPLETE").get_completions(before, incomplete)
    return [item.value for item in items]


def test_runs_are_completed_beside_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("results/runs/net-ce-s0-1", "theirs/net-ce-s0-2"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "config.yaml").touch()
    assert completed("predict", "net") == ["net-ce-s0-1"]
    assert completed("predict", "a.png", "--out", "new.csv", "net") == ["net-ce-s0-1"]
    assert completed("predict", "--runs", "theirs", "net") == ["net-ce-s0-2"]
    assert completed("predict", "net-ce-s0-1", "im") == ["im"]  # the shell offers files


def test_models_losses_configs_and_keys_are_completed() -> None:
    assert completed("run", "cxn") == ["cxnet_m1", "cxnet_m1_v2"]
    assert completed("run", "cxnet_m1", "--loss", "wei") == ["weighted_ce"]
    assert completed("run", "--config", "") == shipped_names()
    assert completed("run", "--set", "train.lr") == ["train.lr="]
    assert completed("list", "losses", "w") == ["weighted_ce"]
    assert completed("list", "tasks", "m") == []
    assert completed("config", "show", "dem") == ["demo"]
    # No shipped experiment begins so: the shell offers files.
    assert completed("run", "--config", "./my") == ["./my"]
