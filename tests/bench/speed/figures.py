"""Figures of speed made by hand."""

from __future__ import annotations

from bench.speed.against import Comparison
from bench.speed.case import Case
from bench.speed.measure import Measured
from bench.speed.repeats import Repeats
from bench.speed.run import Counted, Failed, Figures, Machine
from bench.speed.work import Ceilings, Product, Work

CASE = Case(model="small", image_size=32, batch_size=4, loss="ce", device="cpu")
# For an image in training 1,200 flop and 248 bytes; 6 ns of arithmetic, 24.8 ns of traffic.
WORK = Work(
    products=(Product(multiply_adds=200, activations=3, weights=8, reads_image=False),),
    parameters=8,
)
MEASURED = Measured(
    model="small",
    precision="float32",
    work=WORK,
    training=Repeats((4e6, 5e6, 6e6)),
    inference=Repeats((2e7,)),
    answered_at_once=2,
    latency=Repeats((0.001,) * 8 + (0.002, 0.004)),
    peak_memory=123_456_789,
    capture_seconds=2.25,
    compile_seconds=None,
    notes=("steps are replayed",),
    joules=Repeats((0.5, 0.25)),
)
COMPARISON = Comparison(
    model="small", rival="bare", precision="float32", steps=7,
    harness=Repeats((98.0, 120.0, 99.0)), other=Repeats((100.0, 100.0, 90.0)),
)  # fmt: skip
FAILED = Failed(model="large", reason="needs more | than there is")
ENVIRONMENT = {
    "versions": {"cxnet-bench": "0.1.0", "python": "3.11", "torch": "2.6", "timm": "1.0"},
    "device": "CPU, 2 cores (toy)",
    "cpu_count": 2,
    "threads": 2,
    "platform": "Linux",
    "commit": None,
    "date": "2026-01-02T03:04:05+00:00",
}


def machine(*, ceilings: Ceilings | None, given: bool = False) -> Machine:
    return Machine(
        environment=ENVIRONMENT,
        precision="float32",
        memory_format="contiguous",
        ceilings=ceilings,
        given=given,
    )


CEILINGS = Ceilings(flops=2e11, bandwidth=1e10)
MEASURED_FIGURES = Figures(
    machine=machine(ceilings=CEILINGS), setting=CASE, rows=(MEASURED, FAILED)
)
COMPARED_FIGURES = Figures(machine=machine(ceilings=None), setting=CASE, rows=(COMPARISON, FAILED))
COUNTED_FIGURES = Figures(
    machine=machine(ceilings=CEILINGS, given=True),
    setting=CASE,
    rows=(Counted(model="small", work=WORK), FAILED),
)
