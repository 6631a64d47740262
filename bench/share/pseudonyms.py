"""Hashes in place of the names of images and patients.

Their key is made of the names of all images of the split. So whoever has the same images finds the
names again, without a secret that would have to be sent, and the hashes of one split are the same
in every bundle. Nobody else can try names out one by one: the key wants all of them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping

import pandas as pd

DIGITS = 24


class Pseudonyms:
    """Hashes of the names of one split, whose images are given by part."""

    def __init__(self, images: Mapping[str, Iterable[str]]) -> None:
        lines = sorted(f"{image}\t{part}\n" for part, names in images.items() for image in names)
        self._key = hashlib.sha256(("names of a split\n" + "".join(lines)).encode()).digest()

    def image(self, name: str) -> str:
        """Hash of an image's id."""
        return self._hash("image", name)

    def patient(self, name: str) -> str:
        """Hash of a patient's id; "" stays "", which is a patient who is not known."""
        return self._hash("patient", name) if name else ""

    def hide(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """A table of predictions with hashes for names, sorted by part and by them.

        In their own order, names could be read off a sorted list of files.
        """
        hidden = predictions.assign(
            image=predictions["image"].map(self.image),
            patient=predictions["patient"].map(self.patient),
        )
        return hidden.sort_values(["part", "image"])

    def _hash(self, kind: str, name: str) -> str:
        message = f"{kind}\t{name}".encode()
        return hmac.new(self._key, message, "sha256").hexdigest()[:DIGITS]
