"""The formats of an exported network: each is written, and run as its users run it."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import nn

from bench.errors import InputError
from bench.export.deployed import DeployedNetwork
from bench.files import write_bytes, write_text
from bench.registry import NetworkShape, find_model

Format = Literal["onnx", "torchscript", "safetensors"]
Squares = NDArray[np.uint8]
Predict = Callable[[Squares], NDArray[np.float32]]

INPUT, OUTPUT = "pixels", "probabilities"
"""Names of the graph's input and output."""
CONFIG = "config.json"
"""File with the settings that the network of a safetensors file is built from."""


@dataclass(frozen=True, kw_only=True)
class NetworkFile:
    """A network's file in one of the formats.

    Attributes:
        load: reads it from a folder, as a function from gray squares, uint8 (n, side, side), to
            probabilities, float32 (n, classes).
    """

    name: str
    write: Callable[[Path, DeployedNetwork, str, NetworkShape], None]
    load: Callable[[Path, DeployedNetwork], Predict]


def _write_onnx(folder: Path, deployed: DeployedNetwork, _model: str, shape: NetworkShape) -> None:
    try:
        import onnxruntime  # noqa: F401 - it checks the file
        import onnxscript  # noqa: F401 - torch's exporter is written in it
    except ImportError as error:
        raise InputError(
            f"ONNX needs package {error.name}: pip install 'cxnet-bench[onnx]'"
        ) from None
    # Two images, since a batch of one would be taken for a constant.
    program = torch.onnx.export(
        deployed,
        (_blank(2, shape),),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("images")},),
        dynamo=True,
        verbose=False,
    )
    assert program is not None, "the exporter of torch.export gives one"
    write_bytes(folder / "model.onnx", program.model_proto.SerializeToString())


def _load_onnx(folder: Path, _deployed: DeployedNetwork) -> Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        folder / "model.onnx", providers=["CPUExecutionProvider"]
    )

    def predict(squares: Squares) -> NDArray[np.float32]:
        (probabilities,) = session.run([OUTPUT], {INPUT: squares})
        return np.asarray(probabilities)

    return predict


def _write_torchscript(
    folder: Path, deployed: DeployedNetwork, _model: str, shape: NetworkShape
) -> None:
    with _deprecations_silenced(), torch.inference_mode():
        # Traced again by torch, it would be compared on the blank images alone.
        trace: Callable[..., torch.jit.ScriptModule] = torch.jit.trace
        traced = trace(deployed, (_blank(2, shape),), check_trace=False)
        buffer = io.BytesIO()
        torch.jit.save(traced, buffer)
    write_bytes(folder / "model.pt", buffer.getbuffer())


def _load_torchscript(folder: Path, _deployed: DeployedNetwork) -> Predict:
    with _deprecations_silenced():
        load: Callable[..., nn.Module] = torch.jit.load
        network = load(folder / "model.pt", map_location="cpu")
    return _predict_with(network)


def _write_safetensors(
    folder: Path, deployed: DeployedNetwork, model: str, shape: NetworkShape
) -> None:
    # Copies: the format holds no tensor whose memory another one shares.
    weights = {
        name: value.detach().clone().contiguous()
        for name, value in deployed.network.state_dict().items()
    }
    write_bytes(folder / "model.safetensors", save(weights))
    config = {
        "model": model,
        "in_channels": shape.in_channels,
        "outputs": shape.outputs,
        "image_size": shape.image_size,
        "options": dict(shape.options),
    }
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")


def _load_safetensors(folder: Path, deployed: DeployedNetwork) -> Predict:
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    network = find_model(config.pop("model")).build(NetworkShape(**config))
    network.load_state_dict(load_file(folder / "model.safetensors"))
    return _predict_with(deployed.around(network))


FORMATS: dict[Format, NetworkFile] = {
    "onnx": NetworkFile(name="model.onnx", write=_write_onnx, load=_load_onnx),
    "torchscript": NetworkFile(name="model.pt", write=_write_torchscript, load=_load_torchscript),
    "safetensors": NetworkFile(
        name="model.safetensors", write=_write_safetensors, load=_load_safetensors
    ),
}


def _blank(images: int, shape: NetworkShape) -> torch.Tensor:
    return torch.zeros((images, shape.image_size, shape.image_size), dtype=torch.uint8)


def _predict_with(network: nn.Module) -> Predict:
    def predict(squares: Squares) -> NDArray[np.float32]:
        with torch.inference_mode():
            probabilities: torch.Tensor = network(torch.from_numpy(squares))
        return probabilities.numpy()

    return predict


@contextmanager
def _deprecations_silenced() -> Iterator[None]:
    """Without torch's advice to take torch.export's own files instead; these still work.

    Nor does it warn of what a trace may take for constant: the file is tried on other images, and
    on another number of them.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.", FutureWarning)
        warnings.filterwarnings("ignore", r"(?s).*\btrace\b")
        yield
