"""The data fingerprint: part of every run's key."""

from __future__ import annotations

import hashlib

import pandas as pd

from bench.data.pixel_store import PIXEL_VERSION


def fingerprint(rows: pd.DataFrame, image_size: int) -> str:
    """SHA-256 of the data on which a result depends: labels, pixels, image size.

    Pixels enter as the digests of the originals, with :data:`PIXEL_VERSION`, the version of the
    code that brings them to size. Neither paths nor the order of files enter, so the same data
    has the same fingerprint in every folder and on every machine.

    Args:
        rows: the study table with ``digest``.
        image_size: side in pixels.
    """
    columns = ["image", "digest", "patient", "view", "sex", "age", "follow_up", "given_split"]
    hasher = hashlib.sha256(f"image_size={image_size} format={PIXEL_VERSION}\n".encode())
    ordered = rows.sort_values("image")
    for values, findings in zip(
        ordered[columns].itertuples(index=False, name=None), ordered["findings"], strict=True
    ):
        hasher.update(("\t".join(map(str, values)) + "\t" + "|".join(findings) + "\n").encode())
    return hasher.hexdigest()
