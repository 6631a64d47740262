"""Pages that the system hands out, counted by it, in processes of their own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's heap")

BLOCKS, BYTES = 10, 2**26
MEASURE = f"""
import json, resource, sys
from bench.train.heap import give_back, keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident_bytes():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()

kept = keep_freed_memory() if sys.argv[1] == "keep" else None
bytearray({BYTES})
before = faults()
for _ in range({BLOCKS}):
    bytearray({BYTES})
taken = faults() - before
held = resident_bytes()
give_back()
print(json.dumps(dict(kept=kept, faults=taken, given_back=held - resident_bytes())))
"""


def measure(what: str, **environment: str) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, what],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_what_was_freed_is_used_again_until_it_is_given_back() -> None:
    kept, plain = measure("keep"), measure("leave")
    assert kept["kept"]
    # Of each block's pages none is asked for again, but for a few of Python's own.
    assert kept["faults"] < plain["faults"] / 10
    assert kept["given_back"] >= BYTES
    assert plain["given_back"] < BYTES


@pytest.mark.parametrize(
    ("name", "value"),
    [("MALLOC_TRIM_THRESHOLD_", "131072"), ("GLIBC_TUNABLES", "glibc.malloc.mmap_max=65536")],
)
def test_who_has_set_the_heap_up_is_left_alone(name: str, value: str) -> None:
    left = measure("keep", **{name: value})
    assert left["kept"] is False
    assert left["faults"] > BLOCKS * 10
    assert left["given_back"] < BYTES
