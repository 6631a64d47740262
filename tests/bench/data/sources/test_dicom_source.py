"""A folder of DICOM files: the rows of a label table find their images, and nobody is named."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.config import load_experiment
from bench.data.load import decode_study, open_study
from bench.data.pixel_store import open_pixels
from bench.data.sources import pseudonyms
from bench.data.study import StudyTable
from bench.errors import InputError
from bench.progress import QuietProgress
from bench.registry import DATASETS

pydicom = pytest.importorskip("pydicom", reason="the extra dicom is not installed")

from tests.bench.data.dicom_files import write_dicom  # noqa: E402

# Two patients, three studies, four images; the names of the files hold the patient's.
IMAGES = {
    "Meier_Hans/IM0001.dcm": {"SOPInstanceUID": "1.2.1", "StudyInstanceUID": "1.2", "PatientID":
        "0007", "AccessionNumber": "A1", "PatientSex": "M", "PatientAge": "058Y",
        "ViewPosition": "PA"},
    "Meier_Hans/IM0002.dcm": {"SOPInstanceUID": "1.2.2", "StudyInstanceUID": "1.2", "PatientID":
        "0007", "AccessionNumber": "A1", "PatientSex": "M", "PatientAge": "058Y",
        "ViewPosition": "LL"},
    "Meier_Hans/IM0003": {"SOPInstanceUID": "1.3.1", "StudyInstanceUID": "1.3", "PatientID":
        "0007", "AccessionNumber": "A2", "PatientSex": "M", "PatientAge": "059Y",
        "ViewPosition": "AP"},
    "Huber_Eva/IM0001.dcm": {"SOPInstanceUID": "1.4.1", "StudyInstanceUID": "1.4", "PatientID":
        "0008", "AccessionNumber": "A3", "PatientSex": "F", "PatientAge": "006M",
        "ViewPosition": ""},
}  # fmt: skip
SMALL = np.arange(16, dtype=np.uint8).reshape(4, 4)


def export(root: Path, labels: str, **others: dict[str, Any]) -> Path:
    """The four images, with other elements by the file's name, and ``labels.csv``."""
    for number, (name, elements) in enumerate(IMAGES.items()):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        more = others.get(Path(name).stem.lower() + Path(name).parent.name[0], {})
        window = {"WindowCenter": 128, "WindowWidth": 256}
        write_dicom(root / name, SMALL + number, **(window | elements | more))
    (root / "labels.csv").write_text(labels)
    return root


def open_dicom(root: Path, **options: Any) -> StudyTable:
    return DATASETS.get("dicom").open(root=root, image_size=4, options=options)


def found(root: Path, **options: Any) -> dict[str, tuple[str, ...]]:
    """The findings of each file."""
    rows = open_dicom(root, patient_ids="as_written", **options).rows
    return dict(zip(rows["image"], rows["findings"], strict=True))


M1, M2, M3, H1 = IMAGES
EACH = {M1: ("Mass",), M2: ("Mass",), M3: (), H1: ("Edema",)}


@pytest.mark.parametrize(
    ("labels", "key"),
    [
        ("uid,label\n1.2.1,Mass\n1.2.2,Mass\n1.3.1,normal\n1.4.1,Edema\n", "SOPInstanceUID"),
        ("study,label\n1.2,Mass\n1.3,normal\n1.4,Edema\n", "StudyInstanceUID"),
        ("Accession no.,label\nA1,Mass\na2,normal\nA3,Edema\nA9,Mass\n", "AccessionNumber"),
        ("f,label\nMeier_Hans/IM0001,Mass\nim0002,Mass\nMeier_Hans\\IM0003.dcm,No Finding\n"
         "./Huber_Eva/IM0001.dcm,Edema\n", "file"),
        ("n,pid,acc,label\n1,0007,A1,Mass\n2,0007,A2,normal\n3,0008,A3,Edema\n",
         "AccessionNumber"),
    ],
)  # fmt: skip
def test_rows_find_their_images_by_whatever_key_they_have(
    labels: str, key: str, tmp_path: Path
) -> None:
    export(tmp_path, labels)
    assert found(tmp_path) == EACH
    notes = open_dicom(tmp_path).notes
    assert any(key in note or (key == "file" and "names of the files" in note) for note in notes)


def test_a_row_of_a_patient_is_about_all_images_of_that_patient(tmp_path: Path) -> None:
    """Excel has dropped the zeros."""
    export(tmp_path, "patient,label\n7,Mass\n8,normal\n9,Mass\n")
    assert found(tmp_path) == {M1: ("Mass",), M2: ("Mass",), M3: ("Mass",), H1: ()}
    (note,) = [note for note in open_dicom(tmp_path).notes if "PatientID" in note]
    assert note == (
        "labels.csv: column 'patient' holds the PatientID of the headers; 2 of its 3 rows are "
        "about images here, 2 of them without leading zeros or in other case; 1 of them about "
        "several, 3 in all, and say the same of all images of the patient"
    )


def test_a_wrong_label_column_of_a_table_without_header(tmp_path: Path) -> None:
    """Its names are numbers, and no advice is given that was followed."""
    export(tmp_path, "1.2.1,Mass\n1.2.2,Mass\n1.3.1,normal\n1.4.1,Edema\n")
    assert found(tmp_path, header="none", label_column="2") == EACH
    with pytest.raises(InputError, match=r"has no column 'label'") as caught:
        open_dicom(tmp_path, header="none")
    assert "header=none" not in str(caught.value)
    assert str(caught.value).endswith("(labels.csv: no header, columns numbered 1 to 2)")


def test_rows_that_differ_about_one_image_are_named(tmp_path: Path) -> None:
    export(tmp_path, "patient,label\n7,Mass\n7,normal\n8,normal\n")
    study = open_dicom(tmp_path, patient_ids="as_written")
    assert [(p.kind, p.image) for p in study.problems] == [
        ("contradictory", image) for image in (M1, M2, M3)
    ]
    assert study.rows["image"].tolist() == [H1]


def test_columns_that_identify_different_images_are_refused_until_the_user_says(
    tmp_path: Path,
) -> None:
    """A running number that happens to be a patient's."""
    export(tmp_path, "no,acc,label\n8,A1,Mass\n9,A2,normal\n7,A3,Edema\n")
    columns = r"'acc' taken for AccessionNumber .* 'no' taken for PatientID"
    with pytest.raises(InputError, match=rf"{columns} .*data.options.key_column") as caught:
        open_dicom(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert found(tmp_path, key_column="acc") == EACH
    assert found(tmp_path, key="AccessionNumber") == EACH
    with pytest.raises(InputError, match=r"no row identifies"):
        open_dicom(tmp_path, key_column="acc", key="SOPInstanceUID")
    with pytest.raises(InputError, match=r"data.options.key_column"):
        open_dicom(tmp_path, key_column="accession")


def test_a_row_of_another_folder_is_not_about_a_file_that_has_its_own_row(tmp_path: Path) -> None:
    """By its name alone the third row would be about Huber's image too."""
    export(
        tmp_path,
        f"file,label\n{M1},Mass\n{H1},Edema\nelsewhere/im0002,normal\nelsewhere/IM0002,Mass\n"
        "Meier_Hans/IM0003,normal\nSchmid/IM0003.dcm,Mass\n",
    )
    assert found(tmp_path) == {M1: ("Mass",), H1: ("Edema",), M3: ()}
    notes = open_dicom(tmp_path).notes
    assert any("3 of its 6 rows are about images here" in note for note in notes)


def test_numbers_of_patients_that_are_accession_numbers_too_do_not_contradict(
    tmp_path: Path,
) -> None:
    """A column may hold two keys; one of them agrees with the narrowest key of all."""
    numbers = {"Meier_Hans": ("001", "01"), "Huber_Eva": ("002", "03")}
    for name, elements in IMAGES.items():
        patient, accession = numbers[Path(name).parent.name]
        accession = "02" if elements["AccessionNumber"] == "A2" else accession
        (tmp_path / name).parent.mkdir(exist_ok=True)
        values = elements | {"PatientID": patient, "AccessionNumber": accession}
        write_dicom(tmp_path / name, SMALL, **values)
    (tmp_path / "labels.csv").write_text("pid,acc,label\n1,1,Mass\n1,2,normal\n2,3,Edema\n")
    assert found(tmp_path) == EACH


def test_the_headers_fill_the_study_table(tmp_path: Path) -> None:
    export(tmp_path, "acc,label\nA1,Mass\nA2,normal\nA3,Edema\n")
    rows = open_dicom(tmp_path, patient_ids="as_written").rows
    assert rows["image"].tolist() == [H1, M1, M2, M3]
    assert rows["patient"].tolist() == ["0008", "0007", "0007", "0007"]
    assert rows["sex"].tolist() == ["F", "M", "M", "M"]
    assert rows["age"].tolist() == [0.5, 58, 58, 59]
    assert rows["view"].tolist() == ["", "PA", "LL", "AP"]


def test_views_are_counted_and_left_to_the_user(tmp_path: Path) -> None:
    export(tmp_path, "acc,label\nA1,Mass\nA2,normal\nA3,Edema\n")
    notes = open_dicom(tmp_path).notes
    assert "views: AP 1, LL 1, PA 1, unknown 1 (data.options.views keeps some of them)" in notes
    assert found(tmp_path, views=["PA", "ap"]) == {M1: ("Mass",), M3: ()}
    assert found(tmp_path, views=["PA", "unknown"]) == {M1: ("Mass",), H1: ("Edema",)}
    notes = open_dicom(tmp_path, views=["PA", "AP"]).notes
    assert "views: AP 1, LL 1, PA 1, unknown 1; data.options.views leaves out 2" in notes
    with pytest.raises(InputError, match=r"data.options.views=\['RL'\]: there are AP, LL, PA, u"):
        open_dicom(tmp_path, views=["RL"])


def test_odd_images_and_other_files_are_counted(tmp_path: Path) -> None:
    export(
        tmp_path,
        "acc,label\nA1,Mass\nA2,normal\nA3,Edema\n",
        im0001M={"BurnedInAnnotation": "YES", "Modality": "OT",
                 "SOPClassUID": pydicom.uid.SecondaryCaptureImageStorage},
        im0002M={"NumberOfFrames": 2, "WindowWidth": None, "WindowCenter": None},
    )  # fmt: skip
    shutil.copy(tmp_path / M3, tmp_path / "copy of IM0003")
    (tmp_path / "readme.md").write_text("read me")
    (tmp_path / ".DS_Store").write_text("")
    report = pydicom.Dataset()
    report.file_meta = pydicom.dataset.FileMetaDataset()
    report.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    report.SOPClassUID, report.SOPInstanceUID, report.Modality = "1.2.3", "1.2.3.4", "SR"
    report.save_as(tmp_path / "report", enforce_file_format=True)
    notes = open_dicom(tmp_path, patient_ids="as_written").notes
    assert notes[0] == (
        "4 DICOM images, 4 of 8 bits; files not read: 1 repeat the SOP Instance UID of another "
        "(copy of IM0003), 1 DICOM without an image, 1 of other kinds, 1 of systems or masks"
    )
    assert (
        f"among the images: 1 with burned-in text ({M1}); 1 secondary captures ({M1}); 1 of "
        f"several frames ({M2}); 1 of other modalities, OT ({M1}); 1 without a window, which take "
        f"the whole range of their bits ({M2})"
    ) in notes
    assert "Meier" not in str(open_dicom(tmp_path).notes)


def test_images_without_a_row_and_broken_files_are_problems_that_name_the_file(
    tmp_path: Path,
) -> None:
    export(tmp_path, "acc,label\nA1,Mass\n,Mass\n")
    (tmp_path / "broken").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\0\x10\0??garbage")
    cut = (tmp_path / M2).read_bytes()
    (tmp_path / M2).write_bytes(cut[:-4])
    study = open_dicom(tmp_path)
    assert [p.kind for p in study.problems] == ["unlabelled", "unlabelled", "unreadable"]
    assert [p.detail for p in study.problems[:2]] == [
        f"{file}: no row of labels.csv" for file in (H1, M3)
    ]
    assert study.problems[2].detail.startswith("broken: ")
    store = open_pixels(study, image_size=4, cache=tmp_path / "cache")
    (problem,) = store.problems
    assert (problem.kind, problem.detail) == ("truncated", f"{M2}: the file ends too early")
    assert problem.image in set(study.rows["image"])


def test_a_file_that_may_not_be_read_is_a_problem_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path, "acc,label\nA1,Mass\nA2,normal\nA3,Edema\n")
    opened = Path.open

    def open_others(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "IM0003":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", open_others)
    study = open_dicom(tmp_path, patient_ids="as_written")
    assert [(p.image, p.detail) for p in study.problems] == [(M3, "permission denied")]
    assert len(study.rows) == 3


def test_finding_columns_and_excel(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="the extra excel is not installed")
    export(tmp_path, "")
    (tmp_path / "labels.csv").unlink()
    book = openpyxl.Workbook()
    for row in (["Patient", "Accession", "Mass", "Edema", "No Finding"], [7, "A1", 1, 0, 0],
                [7, "A2", None, None, 1], [8, "A3", 0, 1, None]):  # fmt: skip
        book.active.append(row)
    book.save(tmp_path / "labels.xlsx")
    (tmp_path / "~$labels.xlsx").write_text("Excel's lock")
    assert found(tmp_path, finding_columns=["*"]) == EACH


def test_which_table_holds_the_labels(tmp_path: Path) -> None:
    labels = "acc,label\nA1,Mass\nA2,normal\nA3,Edema\n"
    export(tmp_path, labels)
    (tmp_path / "Meier_Hans" / "notes.csv").write_text("a,b\n1,2\n")  # the outermost is taken
    assert found(tmp_path) == EACH
    (tmp_path / "other.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match=r"labels.csv, other.tsv.*data.options.labels"):
        open_dicom(tmp_path)
    assert found(tmp_path, labels="labels.csv") == EACH
    for table in tmp_path.rglob("*.[ct]sv"):
        table.unlink()
    with pytest.raises(InputError, match=r"no label table .*data.options.labels"):
        open_dicom(tmp_path)
    (tmp_path / "labels.txt").write_text(labels.replace(",", "\t"))
    assert found(tmp_path) == EACH
    elsewhere = tmp_path.parent / f"{tmp_path.name}.csv"
    elsewhere.write_text(labels)
    assert found(tmp_path, labels=str(elsewhere)) == EACH


def test_a_folder_without_dicom_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("acc,label\nA1,Mass\n")
    with pytest.raises(InputError, match="no DICOM image among the 1 files"):
        open_dicom(tmp_path)


def test_twelve_bits_in_16_without_a_window_are_refused_until_their_white_is_stated(
    tmp_path: Path,
) -> None:
    pixels = np.array([[0, 4095], [2047, 1]], np.uint16)
    for name, uid in (("a", "1"), ("b", "2")):
        write_dicom(tmp_path / name, pixels, SOPInstanceUID=uid)
    (tmp_path / "labels.csv").write_text("file,label\na,Mass\nb,normal\n")
    with pytest.raises(InputError, match=r"data.options.full_scale=4095"):
        open_pixels(open_dicom(tmp_path), image_size=2, cache=tmp_path / "cache")
    study = open_dicom(tmp_path, full_scale=4095)
    store = open_pixels(study, image_size=2, cache=tmp_path / "cache")
    assert store.pixels[0].tolist() == [[0, 255], [127, 0]]


def test_a_table_of_labels_alone_is_refused(tmp_path: Path) -> None:
    export(tmp_path, "label\nMass\n")
    with pytest.raises(InputError, match="no column beside the labels"):
        open_dicom(tmp_path)


# --- names -----------------------------------------------------------------------------------


def test_nothing_of_a_patient_reaches_the_record_of_a_run(tmp_path: Path) -> None:
    names = ("Meier", "Huber", "0007", "0008", "1.2.1", "1.3.1", "IM000", "A1", "A2")
    export(tmp_path / "export", "acc,label\nA1,Mass\nA2,normal\nA3,Edema\n",
           im0001H={"PatientName": "Huber^Eva", "PatientBirthDate": "19700101"})  # fmt: skip
    (tmp_path / "export" / "Huber_broken").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\0\x10\0??x")
    config = load_experiment("dicom").data.model_copy(
        update={"root": tmp_path / "export", "image_size": 4, "on_bad": "skip", "split": "image",
                "validation_fraction": 0.25, "test_fraction": 0.25}
    )  # fmt: skip
    study = open_study(config)
    usable, _ = decode_study(study, config, QuietProgress())
    columns = usable.rows.drop(columns="digest").to_csv()
    stored = columns + json.dumps([study.notes, [p.image for p in study.problems]])
    assert [name for name in names if name in stored] == []
    assert len(study.problems) == 1
    assert study.rows["image"].str.fullmatch(r"image-[0-9a-f]{16}").all()
    assert study.rows["patient"].str.fullmatch(r"patient-[0-9a-f]{16}").all()
    assert study.rows["patient"].nunique() == 2


def test_names_are_the_same_with_one_salt_and_others_with_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path / "export", "acc,label\nA1,Mass\nA2,normal\nA3,Edema\n")
    tables = {}
    for home in ("one", "one", "two"):
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / home))
        rows = open_dicom(tmp_path / "export").rows
        assert rows.equals(tables.setdefault(home, rows))
        salt = tmp_path / home / "cxnet-bench" / "salt"
        assert stat.S_IMODE(salt.stat().st_mode) == 0o600
        assert len(salt.read_text()) == 64
    assert not set(tables["one"]["image"]) & set(tables["two"]["image"])
    assert not set(tables["one"]["patient"]) & set(tables["two"]["patient"])


def test_a_salt_that_cannot_be_kept_or_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match=r"XDG_CONFIG_HOME.*data.options.patient_ids=as_written"):
        pseudonyms.read_salt()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for damaged in ("", "abc", "é" * 64, "0" * 62):
        (tmp_path / "cxnet-bench").mkdir(exist_ok=True)
        (tmp_path / "cxnet-bench" / "salt").write_text(damaged)
        with pytest.raises(InputError, match="is damaged"):
            pseudonyms.read_salt()
    (tmp_path / "cxnet-bench" / "salt").unlink()
    assert pseudonyms.read_salt() == pseudonyms.read_salt()
