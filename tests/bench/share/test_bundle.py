"""The file of a bundle, whole and hostile."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InputError
from bench.share.bundle import BUNDLE, FORMAT, is_bundle, pack, unpack
from bench.share.pseudonyms import Pseudonyms

FILES = {"a-1/run.json": b"{}", "splits/s.csv": b"image,part\n", "README.md": b"# x\n"}


def record(files: Mapping[str, bytes], **changes: Any) -> bytes:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    made = {"format": FORMAT, "version": "1", "names": "plain", "runs": ["a-1"], "files": digests}
    return json.dumps(made | changes).encode()


def write(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def test_files_come_back_and_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    bundles = [tmp_path / "new" / name for name in ("1.zip", "2.zip")]
    for bundle in bundles:
        pack(folder, bundle, version="0.1.0", names="hashed", runs=("a-1",))
    assert bundles[0].read_bytes() == bundles[1].read_bytes()
    found = unpack(bundles[0], tmp_path)
    assert (found.version, found.names, found.runs) == ("0.1.0", "hashed", ("a-1",))
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == FILES


@pytest.mark.parametrize(
    "name", ["../out", "/etc/x", "a/b/c", "a\\..\\b", "..", "a/../../b", "a//b", "x/"]
)
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    files = {name: b"x"}
    bundle = write(tmp_path / "b.zip", {BUNDLE: record(files), **files})
    target = tmp_path / "in" / "folder"
    target.mkdir(parents=True)
    with pytest.raises(InputError, match="which no bundle does"):
        unpack(bundle, target)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [bundle]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({BUNDLE: record(FILES), **FILES, "README.md": b"else"}, "README.md was changed"),
        ({BUNDLE: record(FILES), **FILES, "more.txt": b""}, "more.txt is not as its record"),
        ({BUNDLE: record(FILES)}, "README.md is not as its record"),
        ({BUNDLE: record({}, format=9, version="7.1")}, r"format 9.*wrote it \(7.1\)"),
        ({BUNDLE: b"[" * 100_000}, "damaged"),
        ({BUNDLE: b"{}"}, "damaged"),
        ({BUNDLE: record({}, runs="a")}, "damaged"),
        (FILES, f"no {BUNDLE}"),
    ],
)
def test_a_bundle_that_was_changed_is_refused(
    files: Mapping[str, bytes], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        unpack(write(tmp_path / "b.zip", files), tmp_path)


@given(at=st.integers(0, 400), value=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_file_is_refused_or_whole(
    at: int, value: int, cut: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bundle")
    bundle = write(folder / "b.zip", {BUNDLE: record(FILES), **FILES})
    content = bytearray(bundle.read_bytes())
    at %= len(content)
    content[at] = value
    bundle.write_bytes(content[:at] if cut else content)
    target = folder / "target"
    target.mkdir()
    try:
        unpack(bundle, target)
    except InputError:
        return
    assert {name: (target / name).read_bytes() for name in FILES} == FILES


def test_other_files_are_no_bundles(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("image,probability\n")
    assert not is_bundle(tmp_path / "p.csv")
    assert not is_bundle(tmp_path / "gone.zip")
    assert not is_bundle(write(tmp_path / "table.xlsx", {"xl/workbook.xml": b""}))
    assert is_bundle(write(tmp_path / "b.zip", {BUNDLE: b""}))


def test_hashes_are_those_of_the_split_and_of_no_other() -> None:
    images = {"train": ["a", "b"], "test": ["c"]}
    names = Pseudonyms(images)
    assert names.image("a") == Pseudonyms({"test": ["c"], "train": ["b", "a"]}).image("a")
    for other in ({"train": ["a"], "test": ["b", "c"]}, {"train": ["a", "b"], "test": ["d"]}):
        assert names.image("a") != Pseudonyms(other).image("a")
    assert names.image("a") != names.patient("a")
    assert names.patient("") == ""
