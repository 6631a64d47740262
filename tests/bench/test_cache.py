"""The cache lies where the environment or the system says."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cache import add_facts, cache_dir, read_facts


def test_the_folder_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CXNET_BENCH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_dir() == tmp_path / ".cache" / "cxnet-bench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "cxnet-bench"
    monkeypatch.setenv("CXNET_BENCH_CACHE", "~/own")
    assert cache_dir() == tmp_path / "own"


def test_facts_are_added_to_those_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXNET_BENCH_CACHE", str(tmp_path))
    assert read_facts("some") == {}
    add_facts("some", {"a": 1, "b": 2})
    add_facts("some", {"b": 3})
    assert read_facts("some") == {"a": 1, "b": 3}
