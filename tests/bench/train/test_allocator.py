"""Pages that the system hands out, counted by it, in processes of their own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import pytest
import torch

from bench.train.allocator import USER_SETTINGS, keep_freed_memory

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's heap")

BLOCKS, BYTES, HUGE = 10, 2**26, 3 * 2**30
CODE = f"""
import ctypes, json, resource, sys, types
sys.modules["torch"] = types.ModuleType("torch")  # which takes seconds, and no part in this
from bench.train.allocator import keep_freed_memory

libc = ctypes.CDLL(None)
cpu = types.SimpleNamespace(type="cpu")
kept = keep_freed_memory(cpu) if sys.argv[1] == "keep" else None
# Small pages whatever the machine's setting (PR_SET_THP_DISABLE), so that each one counts.
libc.prctl(41, 1, 0, 0, 0)

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident_bytes():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()

bytearray({BYTES})
before = faults()
for _ in range({BLOCKS}):
    bytearray({BYTES})
taken = faults() - before
held = resident_bytes()
libc.malloc_trim(ctypes.c_size_t(0))
given_back = held - resident_bytes()

# A block that is never touched takes no memory; where the heap ends tells whether it was kept.
libc.malloc.restype = libc.sbrk.restype = ctypes.c_void_p
before = libc.sbrk(0)
libc.free(ctypes.c_void_p(libc.malloc(ctypes.c_size_t({HUGE}))))
grown = libc.sbrk(0) - before
print(json.dumps(dict(kept=kept, faults=taken, given_back=given_back, grown=grown)))
"""


def measure(what: str) -> dict[str, int]:
    others = {name: value for name, value in os.environ.items() if name not in USER_SETTINGS}
    done = subprocess.run(
        [sys.executable, "-c", CODE, what],
        env=others,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_what_was_freed_is_used_again_until_it_is_given_back() -> None:
    kept, plain = measure("keep"), measure("leave")
    assert kept["kept"]
    # Every block's pages are asked for once: ten times as many are touched.
    assert kept["faults"] < plain["faults"] / 4
    assert kept["given_back"] > BYTES / 2
    assert plain["given_back"] < BYTES / 2
    # Blocks of gigabytes are kept too.
    assert kept["grown"] >= HUGE * 0.99
    assert plain["grown"] < HUGE / 10


@pytest.mark.parametrize("name", USER_SETTINGS)
def test_the_environment_and_the_device_are_looked_at_first(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "")
    assert keep_freed_memory(torch.device("cpu")) is False
    monkeypatch.delenv(name)
    assert keep_freed_memory(torch.device("meta")) is False
