"""Configs, manifests and contact sheets that are made by looking at a folder."""

from __future__ import annotations

import csv
import gzip
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from bench.config import DataConfig, load_experiment
from bench.data.load import open_study
from bench.data.make.layout import recognise
from bench.data.make.make import make
from bench.data.sources.manifest import ManifestOptions
from bench.errors import InputError
from bench.registry import DATASETS
from tests.shared_data import shared

Rows = list[list[str]]


def images(folder: Path, *names: str) -> Path:
    """Images of 16 px, each with other pixels."""
    random = np.random.default_rng(0)
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (16, 16), dtype=np.uint8)).save(file)
    return folder


def listed(
    folder: Path, header: list[str] | None, *rows: list[str], name: str = "list.csv"
) -> Path:
    """A table beside the images that its first cells name, which are made."""
    images(folder, *(row[0] for row in rows))
    with (folder / name).open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows] if header else rows)
    return folder


def many(labels: str, *more: str) -> list[list[str]]:
    """Rows of 12 images with labels in turns, and more cells."""
    names = labels.split()
    return [[f"img/{n}.png", names[n % len(names)], *more] for n in range(12)]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another folder than the images."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def is_ready(lines: tuple[str, ...]) -> bool:
    """Whether there are labels, so that a run can be started."""
    return not any(line.startswith("fill in the labels in ") for line in lines)


def made(root: Path, *settings: str, to: str | None = None) -> tuple[str, ...]:
    cache = Path("cache")
    return make(root, to=None if to is None else Path(to), settings=settings, cache=cache)


def data(config: str = "set.yaml") -> DataConfig:
    return load_experiment(config).data


@pytest.mark.usefixtures("small_sheets")
def test_class_folders_are_read_as_they_are(tmp_path: Path) -> None:
    names = [f"{part}/{label}/{n}.png" for part in ("train", "test") for label in ("normal", "TB")
             for n in range(8)]  # fmt: skip
    root = images(tmp_path / "set", *names)
    lines = made(root)
    assert data().model_dump(include={"source", "root", "image_size", "split", "options"}) == {
        "source": "folders",
        "root": root,
        "image_size": 16,
        "split": "fixed",
        "options": {},
    }
    assert {
        "folders: 32 images can be used, 0 cannot",
        "class folders: normal: normal (16); findings: TB (16)",
        "patients: unknown",
        "data.split=fixed: the parts that the data gives",
        "parts: train 14, validation 2, test 16",
    } <= set(lines)
    assert sorted(path.name for path in Path().iterdir()) == ["cache", "set.png", "set.yaml"]
    text = Path("set.yaml").read_text()
    assert all(f"# - {line}\n" in text for line in lines[:8])
    with pytest.raises(InputError, match=r"'set\.yaml' is there already"):
        made(root)
    made(root, to=str(root / "mine.csv"))  # and what is written there is not read as images
    study = DATASETS.get("folders").open(root=root, image_size=4, options={})
    assert (len(study.rows), study.problems) == (32, ())


def test_class_folders_around_the_present_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images(tmp_path / "set", *(f"in/{c}/{n}.png" for c in ("normal", "TB") for n in range(8)))
    monkeypatch.chdir(tmp_path / "set")
    made(Path())
    assert len(open_study(data()).rows) == 16
    assert Path("set.png").exists()


def test_patients_in_file_names_are_pointed_at(tmp_path: Path) -> None:
    names = [f"{part}/{label}/{who}{n % 8}_{part[:2]}{n}.png"
             for label, who in (("NORMAL", "IM-"), ("TB", "person"))
             for part in ("train", "test") for n in range(8)]  # fmt: skip
    root = images(tmp_path / "set", *names)
    lines = made(root)
    (advice,) = [line for line in lines if "'data.options.patient_pattern=(person\\d+)'" in line]
    assert advice.startswith("16 paths may hold a patient (person0)")
    lines = made(root, r"data.options.patient_pattern=(person\d+)_", to="with.csv")
    assert "patients: 8 in 16 of 32 images, unknown in the others" in lines
    assert not any("paths may hold" in line for line in lines)


def test_a_manifest_where_one_is_named(tmp_path: Path) -> None:
    root = images(tmp_path / "here" / "set", *(f"{c}/p{n}_{c}.png" for c in ("0", "1")
                                               for n in range(6)))  # fmt: skip
    with pytest.raises(InputError, match=r"which class is normal\? .* 0, 1"):
        made(root, to="manifest.csv")
    assert not Path("manifest.csv").exists()
    settings = ("data.options.normal_labels=[0]", "data.options.patient_pattern=(p\\d+)_")
    lines = made(root, *settings, to="manifest.csv")
    with Path("manifest.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[:2] == [["path", "label", "patient"], ["set/0/p0_0.png", "normal", "p0"]]
    assert rows[7] == ["set/1/p0_1.png", "1", "p0"]
    assert "data.split=patient: patients are known, and nobody is in two parts" in lines
    study = open_study(data("manifest.yaml"))
    assert study.name == "manifest"
    assert (study.finding_names, study.problems) == (("1",), ())
    assert (study.rows["findings"].map(len) == 0).sum() == 6


def test_a_table_with_columns_by_name_and_by_content(tmp_path: Path) -> None:
    rows = [[path, f"s{n // 2}", str(40 + n), label, f"free text {n}", "FM"[n % 2]]
            for n, (path, label) in enumerate(many("normal TB"))]  # fmt: skip
    header = ["Bild", "Subject ID", "Age (years)", "Gruppe", "Bemerkung", "Gender"]
    root = listed(tmp_path / "set", header, *rows)
    lines = made(root)
    assert data().options == {
        "path_column": "Bild",
        "patient_column": "Subject ID",
        "sex_column": "Gender",
        "age_column": "Age (years)",
        "label_column": "Gruppe",
    }
    assert (data().source, data().root, data().split) == ("manifest", root / "list.csv", "patient")
    assert lines[1:6] == (
        "path: column 'Bild', whose cells name files",
        "patient: column 'Subject ID', by its name",
        "sex: column 'Gender', by its name",
        "age: column 'Age (years)', by its name",
        "label: column 'Gruppe', the only one of few texts: TB, normal",
    )
    assert open_study(data()).rows["findings"].map(len).sum() == 6


def test_a_german_table_whose_patients_are_not_recognised(tmp_path: Path) -> None:
    rows = many("Normal TB", "1,5")
    rows = [[path, f"K{n // 2}", age, label] for n, (path, label, age) in enumerate(rows)]
    header = ["Datei", "Pat.-Kürzel", "Alter (Jahre)", "Befund"]
    root = listed(tmp_path / "set", header, *rows)
    lines = made(root)
    (line,) = [line for line in lines if line.startswith("patients: unknown")]
    assert "data.options.patient_column" in line
    assert "age: column 'Alter (Jahre)', by its name" in lines
    assert open_study(data()).rows["age"].tolist() == [1.5] * 12
    lines = made(root, "data.options.patient_column=Pat.-Kürzel", to="again.csv")
    assert "patients: 6" in lines
    assert data("again.yaml").split == "patient"


def test_a_table_in_a_folder_of_its_own(tmp_path: Path) -> None:
    root = listed(tmp_path / "set", ["image", "label"], *many("normal TB"))
    (root / "labels").mkdir()
    (root / "list.csv").rename(root / "labels" / "list.csv")
    made(root)
    assert data().root == root / "labels" / "list.csv"
    assert data().options["image_folder"] == str(root)
    assert len(open_study(data()).rows) == 12


def test_the_choice_among_several_columns_is_the_users(tmp_path: Path) -> None:
    root = listed(tmp_path / "set", ["file", "group", "site"], *many("normal TB", "A"))
    lines = (root / "list.csv").read_text().splitlines()
    changed = [line.replace(",A", ",B") if n % 3 else line for n, line in enumerate(lines)]
    (root / "list.csv").write_text("\n".join(changed))
    with pytest.raises(InputError) as caught:
        made(root)
    assert "'group' (TB, normal); 'site' (A, B)" in str(caught.value)
    assert "--set data.options.label_column=NAME" in str(caught.value)
    assert [path.name for path in Path().iterdir()] == []
    assert is_ready(made(root, "data.options.label_column=group"))
    assert data().options == {"path_column": "file", "label_column": "group"}


def test_findings_in_columns(tmp_path: Path) -> None:
    names = ("1", "", ""), ("", "1", "-1"), ("", "", "1")
    rows = [[f"{n}.png", f"p{n}", *names[n % 3]] for n in range(12)]
    header = ["Path", "PatientID", "No Finding", "Edema", "Lung Opacity"]
    made(listed(tmp_path / "set", header, *rows))
    assert data().options["finding_columns"] == ["No Finding", "Edema", "Lung Opacity"]
    two = listed(tmp_path / "two", ["Path", "Edema", "Mass"], *([*r[:1], *r[3:]] for r in rows))
    with pytest.raises(InputError, match=r"finding_columns=\[\"Edema\", \"Mass\"\]"):
        made(two)
    made(listed(tmp_path / "one", ["Path", "Mass"], *([r[0], r[4]] for r in rows)))
    assert data("one.yaml").options == {"path_column": "Path", "finding_columns": ["Mass"]}


@pytest.mark.parametrize(
    ("labels", "settings", "message"),
    [
        ("covid other", (), "which label is normal? They are covid (6), other (6)"),
        ("covid other", ("data.options.normal_labels=[other]",), ""),
        ("unauffällig TB", ("data.options.normal_labels=[]",), ""),
        ("normal TB", ("train.lr=1",), "only keys of data"),
        ("normal TB", ("data.options.lable=1",), "unknown key 'lable'"),
        ("0 1", (), ""),
    ],
)
def test_labels_of_which_none_is_known_to_be_normal(
    labels: str, settings: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    root = listed(tmp_path / "set", ["image", "label"], *many(labels))
    if message:
        with pytest.raises(InputError) as caught:
            made(root, *settings)
        assert message in str(caught.value)
        assert not list(Path().glob("set.*"))
    else:
        assert is_ready(made(root, *settings))


def test_a_table_without_header(tmp_path: Path) -> None:
    root = listed(tmp_path / "set", None, *many("normal TB"))
    made(root)
    assert data().options == {"header": "none", "path_column": "1", "label_column": "2"}
    assert len(open_study(data()).rows) == 12


def test_a_table_that_cannot_be_read_is_no_folder_without_labels(tmp_path: Path) -> None:
    root = listed(tmp_path / "set", ["image", "label"], *many("normal TB"))
    (root / "list.csv").write_bytes(b"\0\1\2" * 99)
    with pytest.raises(InputError, match=r"may hold the labels: list\.csv"):
        made(root)
    same = listed(tmp_path / "two", None, ["a.png", "normal", "normal"], ["b.png", "TB", "TB"])
    with pytest.raises(InputError, match=r"header=none"):
        made(same)
    made(same, "data.options.header=none", "data.options.label_column=2")
    options = {"path_column": "1", "header": "none", "label_column": "2"}
    assert data("two.yaml").options == options


@pytest.mark.usefixtures("small_sheets")
def test_images_without_labels_are_listed_for_someone_to_fill_in(tmp_path: Path) -> None:
    root = images(tmp_path / "set", "a.png", "b/c.png", "__MACOSX/x.png")
    (root / "b" / "notes.csv").write_text("a,b\n1,2\n")
    found = made(root)
    assert not is_ready(found)
    assert Path("set_to_label.csv").read_text() == f"path,label\n{root}/a.png,\n{root}/b/c.png,\n"
    assert any("fill in the column label of set_to_label.csv" in line for line in found)
    assert "system files and folders that are not read: 1 (__MACOSX)" in found
    assert Path("set.png").exists()
    text = Path("set_to_label.csv").read_text()
    Path("set_to_label.csv").write_text(
        text.replace("a.png,", "a.png,normal").replace("c.png,", "c.png,TB")
    )
    assert open_study(data()).rows["findings"].tolist() == [(), ("TB",)]


def test_images_that_cannot_be_used_are_named_and_skipped(tmp_path: Path) -> None:
    root = listed(tmp_path / "set", ["image", "label"], *many("normal TB"))
    (root / "img/3.png").write_bytes(b"no image")
    with (root / "list.csv").open("a") as table:
        table.write("img/0.png,TB\n")
    lines = made(root)
    assert "manifest: 10 images can be used, 2 cannot" in lines
    assert any(line.startswith("  img/0.png: listed in 2 rows that differ") for line in lines)
    assert data().on_bad == "skip"


def test_arrays_and_the_layout_of_nih(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    arrays = {}
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = np.zeros((4, 12, 12), np.uint8)
        arrays[f"{split}_labels"] = np.array([[0], [1], [0], [1]])
    np.savez(folder / "mine.npz", **arrays)
    made(folder / "mine.npz", to="mine.csv")
    mine = data("mine.yaml")
    assert (mine.source, mine.image_size, mine.split) == ("medmnist", 12, "fixed")
    assert not Path("mine.csv").exists()  # the images are no files

    nih = images(tmp_path / "nih", *(f"images/{n:08d}_000.png" for n in range(12)))
    rows = [[f"{n:08d}_000.png", ("No Finding", "Mass")[n % 2], "0", f"{n}", "50", "M", "PA"]
            for n in range(12)]  # fmt: skip
    names = ["Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age",
             "Patient Gender", "View Position"]  # fmt: skip
    with (nih / "Data_Entry_2017.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    made(nih)
    assert (data("nih.yaml").source, data("nih.yaml").split) == ("nih", "patient")


@pytest.mark.parametrize(
    ("files", "to", "message"),
    [
        ((), None, "no PNG, JPEG, TIFF or DICOM image"),
        (("a.png",), "out.txt", "end in .csv"),
        (("a.png",), "absent/out.csv", "no folder 'absent'"),
    ],
)
def test_what_cannot_be_made_is_one_line(
    files: tuple[str, ...], to: str | None, message: str, tmp_path: Path
) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(InputError) as caught:
        made(images(tmp_path / "set", *files), to=to)
    assert message in str(caught.value)
    with pytest.raises(InputError, match="is not there"):
        made(tmp_path / "nowhere")


def test_files_of_other_kinds_are_named(tmp_path: Path) -> None:
    for name in ("JPCLN001.IMG", "scan.nii", "list.csv"):
        (tmp_path / name).write_bytes(b"1,2\n")
    with pytest.raises(InputError, match=r"\(files: \.img, \.nii\): convert them"):
        made(tmp_path)


def test_a_name_that_is_not_utf8_is_one_line_and_nothing_stays(tmp_path: Path) -> None:
    folder = os.fsencode(images(tmp_path / "set", "a.png"))
    shutil.copy(folder + b"/a.png", folder + b"/\xe4.png")
    with pytest.raises(InputError, match=r"not UTF-8: rename it: .*udce4\.png"):
        made(tmp_path / "set")
    assert not list(Path().glob("*set*"))


def test_two_tables_are_a_question_and_naming_one_answers_it(tmp_path: Path) -> None:
    root = listed(tmp_path / "set", ["image", "label"], *many("normal TB"))
    listed(root, ["image", "label"], *many("TB normal"), name="second.csv")
    with pytest.raises(InputError, match=r"2 tables name the images \(list.csv, second.csv\)"):
        made(root)
    made(root / "second.csv")
    assert data("second.yaml").root == root / "second.csv"
    Path("second.csv").write_text("a table of the user's")
    for file in ("second.yaml", "second.png"):
        Path(file).unlink()
    made(root / "second.csv")
    assert Path("second.csv").read_text() == "a table of the user's"


HEADS = st.sampled_from(["path", "label", "Class", "Patient ID", "sex", "Age", "Edema", "x", ""])
CELLS = st.sampled_from(
    [
        "a.png",
        "b/c.png",
        "a",
        "..\\\\a.PNG",
        "normal",
        "TB",
        "0",
        "1",
        "-1",
        "",
        "nan",
        "train",
        "p1",
    ]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@given(
    st.lists(HEADS, min_size=1, max_size=5).flatmap(
        lambda heads: st.tuples(
            st.just(heads), st.lists(st.lists(CELLS, min_size=len(heads), max_size=len(heads)))
        )
    ),
    st.sampled_from([{}, {"label_column": "x"}, {"path_column": "path"}, {"header": "none"}]),
)
def test_any_table_beside_images_is_a_layout_or_one_line(
    table: tuple[list[str], Rows], given_options: dict[str, object]
) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("a.png", "b/c.png"):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).touch()
        with (root / "list.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([table[0], *table[1]])
        try:
            layout = recognise(root, given_options)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017 -- either is right
            return
        assert layout.source in ("", "manifest")
        assert all(len(line.splitlines()) == 1 for line in layout.lines)
        assert layout.options.keys() <= ManifestOptions.model_fields.keys()


def test_real_radiographs_with_a_semicolon_table_of_windows(tmp_path: Path) -> None:
    """Bare names of files in a subfolder would be a question of paths: here they are whole."""
    kermany = shared("kermany")
    with (kermany / "manifest.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    some = rows[:20] + rows[-20:]
    table = "Datei;Patient;Befund;Größe\n" + "".join(
        f"images/{Path(row['path']).name};{row['patient']};"
        f"{'Normal' if row['label'] == 'NORMAL' else 'Lungenentzündung'};1,5\n"
        for row in some
    )
    root = tmp_path / "Ärzte"
    (root / "images").mkdir(parents=True)
    for row in some:
        (root / "images" / Path(row["path"]).name).write_bytes((kermany / row["path"]).read_bytes())
    (root / "Befunde.csv").write_bytes(table.encode("cp1252"))
    lines = made(root)
    study = open_study(data("Ärzte.yaml"))
    assert len(study.rows) == 40
    assert set(study.finding_names) <= {"Lungenentzündung"}
    assert data("Ärzte.yaml").image_size == 128
    assert "label: column 'Befund', by its name" in lines


def beside(folder: Path, name: str, header: list[str], *rows: list[str]) -> None:
    """A table that names no image of its own, compressed where its name says so."""
    text = "".join(",".join(row) + "\n" for row in [header, *rows])
    file = folder / name
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())


def test_a_row_for_each_finding_is_a_question(tmp_path: Path) -> None:
    rows = [
        [f"{n:02d}.png", label]
        for n in range(12)
        for label in (["Mass", "Edema"], ["Normal"])[n % 2]
    ]
    root = listed(tmp_path / "set", ["image", "class"], *rows)
    with pytest.raises(InputError, match=r"^6 images have several rows .*several_rows=union"):
        made(root)
    assert not list(Path().glob("set*"))
    made(root, "data.options.several_rows=union")
    assert open_study(data()).rows["findings"].tolist() == [("Edema", "Mass"), ()] * 6
    made(root, "data.options.several_rows=agree", to="agree.csv")
    assert len(open_study(data("agree.yaml")).rows) == 6


def test_labels_that_are_blank_where_normal_are_pointed_at(tmp_path: Path) -> None:
    rows = [[f"{n:02d}.png", ("cancer", "tuberculoma", "")[n % 3]] for n in range(12)]
    root = listed(tmp_path / "set", ["image", "diagnosis"], *rows)
    with pytest.raises(InputError, match=r"; 4 images have no label; data\.options\.label_column"):
        made(root)


def test_labels_in_a_table_that_names_no_image_are_to_be_joined(tmp_path: Path) -> None:
    """The forms of MIMIC-CXR-JPG and of Indiana's set: labels by study, beside another table."""
    studies = [[f"p1/s{n}/x.png", f"ID{n}"] for n in range(12)]
    root = listed(tmp_path / "set", ["image", "study"], *studies, name="metadata.csv")
    beside(root, "labels.csv.gz", ["study", "Edema"], *([f"ID{n}", f"{n % 2}"] for n in range(12)))
    with pytest.raises(InputError, match=r"^metadata\.csv names .* join .* be labels\.csv\.gz;"):
        made(root)
    assert not is_ready(made(root / "metadata.csv"))
    listed(
        root, ["image", "study", "split"], *([*row, "train"] for row in studies), name="split.csv"
    )
    with pytest.raises(
        InputError,
        match=r"^2 tables name the images \(metadata\.csv, split\.csv\).*labels\.csv\.gz",
    ):
        made(root)


def test_a_table_of_something_else_is_none_to_join(tmp_path: Path) -> None:
    rows = [[f"{n:02d}.png", f"ID{n}"] for n in range(12)]
    root = listed(tmp_path / "set", ["image", "study"], *rows)
    beside(root, "prices.csv", ["device", "price"], ["CR", "9"])
    found = made(root)
    assert not is_ready(found)
    assert "layout: 12 images without labels" in found


@pytest.mark.parametrize("where", ["images", "sample/images"])
def test_the_sample_of_nih_with_its_images_beside_the_table_or_deeper(
    where: str, tmp_path: Path
) -> None:
    rows = [[f"{n:08d}_000.png", ("No Finding", "Mass|Edema")[n % 2], f"{n}"] for n in range(12)]
    root = tmp_path / "set"
    images(root / "download" / where, *(row[0] for row in rows))
    beside(root / "download", "sample_labels.csv",
           ["Image Index", "Finding Labels", "Patient ID"], *rows)  # fmt: skip
    made(root)
    assert data().source == ("nih" if where == "images" else "manifest")
    study = open_study(data())
    assert study.rows["findings"].tolist() == [(), ("Edema", "Mass")] * 6
    assert study.rows["patient"].tolist() == [f"{n}" for n in range(12)]


@pytest.mark.filterwarnings("error")
@pytest.mark.usefixtures("small_sheets")
def test_class_folders_in_other_writing(tmp_path: Path) -> None:
    root = images(tmp_path / "set", *(f"{('正常', '肺炎')[n % 2]}/{n}.png" for n in range(12)))
    with pytest.raises(InputError, match=r"which class is normal.* 正常, 肺炎"):
        made(root)
    made(root, "data.options.normal_labels=[正常]")
    assert set(open_study(data()).rows["findings"]) == {(), ("肺炎",)}


def test_a_part_without_classes_beside_class_folders_has_no_labels(tmp_path: Path) -> None:
    """The form of TBX11K: imgs/health, imgs/sick, imgs/tb, imgs/test."""
    names = [f"imgs/{('health', 'sick', 'tb')[n % 3]}/{n}.png" for n in range(12)]
    root = images(tmp_path / "set", *names, "imgs/test/0.png")
    with pytest.raises(InputError, match=r"which class is normal.* health, sick, tb:"):
        made(root)
    made(root, "data.options.normal_labels=[health]")
    study = open_study(data())
    assert sorted(study.rows["findings"]) == [()] * 4 + [("sick",)] * 4 + [("tb",)] * 4
    assert [(p.kind, p.image) for p in study.problems] == [("unlabelled", "test/0.png")]


def test_a_part_of_the_images_of_a_large_table(tmp_path: Path) -> None:
    rows = many("normal TB")
    root = listed(tmp_path / "set", ["image", "label"], *rows)
    absent = [[f"img/{n}.png", "TB"] for n in range(100, 140)]
    beside(root, "list.csv", ["image", "label"], *rows, *absent)
    assert "manifest: 12 images can be used, 40 cannot" in made(root)
    numbers = images(tmp_path / "numbers", *(f"{n}.png" for n in range(12)))
    beside(numbers, "ages.csv", ["age", "note"], *([f"{n}", "x"] for n in range(52)))
    assert not is_ready(made(numbers))
