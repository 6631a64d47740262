"""``python -m tools.gpu_check FOLDER``: every part in turn, while the time suffices."""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench.environment import describe_environment
from tools.gpu_check import correctness, rates
from tools.gpu_check.profile import profile_steps

MINUTES = 8.5
DEEP = ("densenet121", "efficientnet_b0")
TABLE = ("cxnet_m1", "resnet18", "mobilenetv3_small_100", *DEEP, "resnet50")

Part = Callable[[torch.device], Any]
PARTS: dict[str, Part] = {
    # The first ones decide whether the others mean anything.
    "placements": correctness.placements,
    "graphs": correctness.graphs,
    "precision": correctness.precision,
    "phantom": correctness.phantom,
    "against_eager": partial(rates.against, models=(*DEEP, "cxnet_m1", "resnet18"), rival="eager"),
    "against_bare": partial(
        rates.against,
        models=("cxnet_m1", "resnet18", "mobilenetv3_small_100", "densenet121"),
        rival="bare",
    ),
    "speed": partial(rates.table, models=TABLE),
    "compiled": partial(rates.compiled, models=("cxnet_m1", "densenet121")),
    "profile": partial(profile_steps, models=("cxnet_m1", "densenet121")),
}


def main() -> int:
    """Run the parts; 0 where all is well, 1 where a check or a part failed, 2 without a GPU."""
    parser = argparse.ArgumentParser(prog="tools/gpu_check.sh", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go; made if it is not there")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="no part begins after these")
    parser.add_argument("--part", action="append", choices=sorted(PARTS), help="this one alone")
    parser.add_argument(
        "--device", default="cuda", choices=["cuda", "cpu"], help="cpu rehearses the script"
    )
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("error: no CUDA device here: this script measures one", file=sys.stderr)
        return 2
    device = torch.device(arguments.device)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * arguments.minutes
    parts = {
        name: run_part(name, PARTS[name], device, folder=arguments.folder, end=end)
        for name in arguments.part or PARTS
    }
    environment = describe_environment(device)
    write(arguments.folder / "summary.json", {"environment": environment, "parts": parts})
    bad = [name for name, state in parts.items() if state["state"] != "done"]
    print(f"not done: {', '.join(bad)}" if bad else "all is well")
    return 1 if bad else 0


def run_part(
    name: str, part: Part, device: torch.device, *, folder: Path, end: float
) -> dict[str, Any]:
    """Run a part and write what it found at once, so that a later one that hangs loses nothing.

    Args:
        name: of the part, and of its file.
        part: answers with JSON values; what it holds for wrong it says under ``failed``.
        device: where.
        folder: where its file goes.
        end: when no part begins any more, in seconds of the monotonic clock.
    """
    began = time.monotonic()
    if began > end:
        print(f"{name}: left out, the time is used up", flush=True)
        return {"state": "left out"}
    try:
        found = part(device)
    except Exception as error:
        (folder / f"{name}.error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        found = {"failed": [f"{type(error).__name__}: {error}"]}
    write(folder / f"{name}.json", found)
    failed = found.get("failed", [])
    seconds = round(time.monotonic() - began, 1)
    print(
        f"{name}: {'FAILED ' + '; '.join(failed) if failed else 'done'} in {seconds} s", flush=True
    )
    return {"state": "failed" if failed else "done", "seconds": seconds, "failed": failed}


def write(path: Path, found: Any) -> None:
    """As JSON, NaN refused."""
    path.write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
