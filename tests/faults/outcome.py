"""All that has to be the same after a fault, as one comparable value."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd
import torch


def results_in(out: Path) -> dict[str, str]:
    """Everything that the finished runs in a folder found, by ``RUN/FILE``.

    Predictions as they are, the weights' bits, the history but for its seconds, and what was
    tuned but for its seconds.
    """
    found = {}
    for end in sorted(out.glob("*/run.json")):
        folder, content = end.parent, json.loads(end.read_text())
        found[f"{folder.name}/state"] = content["state"]
        for name in ("predictions.csv", "others.csv"):
            if (folder / name).exists():
                found[f"{folder.name}/{name}"] = (folder / name).read_text()
        if (folder / "history.csv").exists():
            history = pd.read_csv(folder / "history.csv").drop(columns="train_seconds")
            found[f"{folder.name}/history.csv"] = history.to_csv()
        if (folder / "best.pt").exists():
            found[f"{folder.name}/best.pt"] = _bits(folder / "best.pt")
    for record in sorted((out / "tuning").glob("*.json")):
        content = json.loads(record.read_text())
        kept = {key: content[key] for key in ("winner", "validation_auc", "runs", "seeds")}
        found[f"tuning/{record.name}"] = json.dumps(kept, sort_keys=True)
    return found


def _bits(path: Path) -> str:
    state = torch.load(path, weights_only=True)["network"]
    hashed = hashlib.sha256()
    for name, tensor in state.items():
        hashed.update(name.encode())
        hashed.update(tensor.numpy().tobytes())
    return hashed.hexdigest()
