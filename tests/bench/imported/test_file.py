"""The file of predictions: what is read, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.data.tasks import make_task
from bench.errors import InputError
from bench.imported.columns import task_probabilities
from bench.imported.file import read_file

FINDINGS = ("Mass", "Pleural_Thickening", "Hernia")


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "preds.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("column", ["image", "Image Index", "path"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_an_image_is_an_id_or_a_path_that_ends_in_it(
    tmp_path: Path, column: str, line_end: str
) -> None:
    lines = [f"﻿{column}, probability,note", "a.png,0.25,x", "", "their/b.png,1,", "C:\\c.png, 0 ,"]
    file = read_file(written(tmp_path, line_end.join([*lines, "sub/d.png,5e-1,", ""])))
    assert file.ids({"a.png", "b.png", "c.png", "sub/d.png"}) == [
        "a.png",
        "b.png",
        "c.png",
        "sub/d.png",
    ]
    assert file.probabilities("probability").tolist() == [0.25, 1.0, 0.0, 0.5]
    assert list(file.texts) == ["probability"]
    assert file.table.lines == [2, 4, 5, 6]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ("preds.csv", "empty")),
        ("image,probability\n", ("preds.csv", "no predictions")),
        ("name,probability\na,0\n", ("a column 'image'", "'path'", "name, probability")),
        ("image,p\na,0\n", ("a column 'probability'", "'prob_'", "image, p")),
        ("image,probability,probability\na,0,0\n", ("more than one column 'probability'",)),
        ("image,probability\na,0\nb,0,1\n", ("preds.csv, line 3", "3 cells", "has 2")),
        ("image,probability\na\n", ("preds.csv, line 2", "1 cells")),
        ('image,probability\n"a,0\n', ("preds.csv, line 2",)),
        (b"image,probability\n\x81\xff,0.5\n", ("preds.csv", "UTF-8")),
    ],
)
def test_what_is_no_such_file(tmp_path: Path, text: str | bytes, parts: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as refused:
        read_file(written(tmp_path, text))
    assert "\n" not in str(refused.value)
    for part in parts:
        assert part in str(refused.value)


def test_an_image_is_known_by_its_name_with_or_without_suffix(tmp_path: Path) -> None:
    known = {"train/a.png", "test/b.png", "c.1.jpg", "d", "test/e.png", "train/e.png"}
    file = read_file(written(tmp_path, "image,probability\na,0\nx/b.png,0\nc.1,0\ny\\d,0\n"))
    assert file.ids(known) == ["train/a.png", "test/b.png", "c.1.jpg", "d"]
    file = read_file(written(tmp_path, "image,probability\ntrain/e.png,0\ne.png,0\n"))
    with pytest.raises(InputError, match=r"line 3 .*may be test/e\.png, train/e\.png"):
        file.ids(known)


def test_columns_that_the_user_names(tmp_path: Path) -> None:
    path = written(tmp_path, ",file,score,prob_x,logit\n0,a,0.25,1,-3\n1,b,0.5,1,7\n")
    file = read_file(path, image_column="file", score_column="score")
    assert file.ids({"a", "b"}) == ["a", "b"]
    found = task_probabilities(file, make_task("m1"), FINDINGS, combine=None)
    assert found[:, 1].tolist() == [0.25, 0.5]
    other = read_file(path, image_column="file", score_column="logit")
    with pytest.raises(InputError, match=r"line 2 .*logit is '-3'"):
        task_probabilities(other, make_task("m1"), FINDINGS, combine=None)
    with pytest.raises(InputError, match="--score-column"):
        task_probabilities(file, make_task("findings14", FINDINGS), FINDINGS, combine=None)
    with pytest.raises(InputError, match="without --combine"):
        task_probabilities(file, make_task("m1"), FINDINGS, combine="max")
    with pytest.raises(InputError, match=r"no column 'files' \(--image-column\).*mean file"):
        read_file(path, image_column="files")


def test_a_decimal_comma_is_named(tmp_path: Path) -> None:
    file = read_file(written(tmp_path, "image;probability\na;0,5\nb;1\n"))
    with pytest.raises(InputError, match=r"line 2 .*'0,5'.*decimal comma"):
        file.probabilities("probability")


def test_other_delimiters_and_encodings_are_read(tmp_path: Path) -> None:
    file = read_file(written(tmp_path, "image;probability\nä;0\n".encode("cp1252")))
    assert file.ids({"ä"}) == ["ä"]


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "-0.001", "1.0000001", "3.7", "1_0", "0_1", "x"]
)
def test_what_is_no_probability_is_named_with_its_line(tmp_path: Path, text: str) -> None:
    file = read_file(written(tmp_path, f"image,probability\na,0.5\nb,{text}\nc,-4\n"))
    with pytest.raises(InputError) as refused:
        file.probabilities("probability")
    message = str(refused.value)
    assert message.startswith("preds.csv, line 3 (image 'b'): probability is " + repr(text))
    assert "2 such" in message
    assert "logits" in message


def test_unknown_and_repeated_images_are_refused(tmp_path: Path) -> None:
    file = read_file(written(tmp_path, "image,probability\na,0\nx,0\nx/y,0\nz,0\nu,0\n"))
    with pytest.raises(InputError, match="not in the labels: x, x/y, z and 1 more"):
        file.ids({"a"})
    file = read_file(written(tmp_path, "image,probability\na,0\nb,0\nx/a,0\n"))
    with pytest.raises(InputError, match=r"line 2 \(image 'a'\) is there 2 times"):
        file.ids({"a", "b"})


HEAD = "image,prob_hernia,Prob_pleural thickening,prob_Mass\n"


def test_columns_of_findings_are_put_in_order_and_combined(tmp_path: Path) -> None:
    file = read_file(written(tmp_path, HEAD + "a,0.5,0.2,0.1\nb,0,1,0.3\n"))
    kept = np.array([[0.1, 0.2, 0.5], [0.3, 1.0, 0.0]])
    task = make_task("findings14", FINDINGS)
    assert (task_probabilities(file, task, FINDINGS, combine=None) == kept).all()
    m1 = make_task("m1")
    noisy_or = [1 - (1 - 0.1) * (1 - 0.2) * (1 - 0.5), 1.0]
    found = task_probabilities(file, m1, FINDINGS, combine="noisy_or")
    np.testing.assert_allclose(found[:, 1], noisy_or, rtol=0, atol=1e-15)
    assert (found.sum(axis=1) == 1).all()
    assert task_probabilities(file, m1, FINDINGS, combine="max")[:, 1].tolist() == [0.5, 1.0]


@pytest.mark.parametrize("column", ["probability", "Probability", "prob_abnormal", "Prob_Abnormal"])
def test_one_column_answers_two_classes(tmp_path: Path, column: str) -> None:
    file = read_file(written(tmp_path, f"image,{column}\na,0.25\n"))
    found = task_probabilities(file, make_task("m1"), FINDINGS, combine=None)
    assert found.tolist() == [[0.75, 0.25]]


def test_classes_that_exclude_one_another_add_up_to_one(tmp_path: Path) -> None:
    task = make_task("m4", FINDINGS)
    file = read_file(written(tmp_path, HEAD + "a,0.333,0.333,0.333\nb,0,0,1\n"))
    assert task_probabilities(file, task, FINDINGS, combine=None).tolist()[1] == [1.0, 0.0, 0.0]
    file = read_file(written(tmp_path, HEAD + "a,0.3,0.3,0.4\nb,0.9,0.8,0\n"))
    with pytest.raises(InputError, match=r"line 3 \(image 'b'\).*add up to 1\.700.*softmax"):
        task_probabilities(file, task, FINDINGS, combine=None)


@pytest.mark.parametrize(
    ("head", "task", "combine", "parts"),
    [
        (HEAD, "m1", None, ("one column 'probability'", "--combine noisy_or or max")),
        (HEAD, "m2", None, ("m2", "one column 'probability' or 'prob_several'")),
        (HEAD, "findings14", "max", ("findings14", "leave --combine out")),
        ("image,probability\n", "m1", "max", ("without --combine",)),
        ("image,probability\n", "findings14", None, ("prob_Mass", "(probability)")),
        ("image,prob_Mass,prob_Lump\n", "findings14", None, (
            "lacks columns (prob_Pleural_Thickening, prob_Hernia)", "unknown columns (prob_Lump)")),
        ("image,prob_Mass,prob_hernia,prob_Hernia,prob_Pleural-Thickening\n", "m1", "max",
         ("'prob_hernia' and 'prob_Hernia'", "same finding")),
    ],
)  # fmt: skip
def test_columns_that_do_not_answer_the_task(
    tmp_path: Path, head: str, task: str, combine: str | None, parts: tuple[str, ...]
) -> None:
    row = ",".join(["a", *["0.5"] * head.count(",")])
    file = read_file(written(tmp_path, f"{head}{row}\n"))
    with pytest.raises(InputError) as refused:
        task_probabilities(file, make_task(task, FINDINGS), FINDINGS, combine=combine)  # type: ignore[arg-type]
    for part in parts:
        assert part in str(refused.value)
