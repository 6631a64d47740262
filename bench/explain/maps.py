"""Maps of the evidence for an output: class activation maps, or Grad-CAM where there are none.

A network with a method ``class_maps`` (:meth:`cxnet.CXNetM1.class_maps`) gives its own, whose mean
is the logit. All others get Grad-CAM (Selvaraju et al., "Grad-CAM: Visual Explanations from Deep
Networks via Gradient-based Localization", ICCV 2017), by captum, at the last layer with positions.

Of two classes that exclude each other the evidence is the difference of their logits, on which
alone the probability depends; of other outputs it is the logit. The paper knows no such difference:
it is ours.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from bench.errors import InputError
from bench.explain.spatial import find_spatial_layer
from bench.runs.predictions import Outputs

CLASS_MAPS = "class activation map"
GRAD_CAM = "Grad-CAM"


class Mapper(Protocol):
    """Maker of the maps of a network."""

    method: str  # its name, in words

    def __call__(self, x: Tensor, outputs: Tensor) -> Tensor:
        """The map of one output of each image.

        Args:
            x: the network's input, float32 (n, channels, side, side), on its device.
            outputs: numbers of the outputs, int64 (n,), on that device.

        Returns:
            Float32 (n, rows, columns); larger where there is more evidence for the output.
        """


def make_mapper(network: nn.Module, outputs: Outputs, *, example: Tensor, name: str) -> Mapper:
    """The maker of the maps of a network in evaluation mode.

    The example is some input of it, of at least two images; the model's name is for the message.
    """
    if callable(getattr(network, "class_maps", None)):
        return _ClassMaps(network, outputs)
    return _GradCam(network, outputs, example=example, name=name)


def evidence(values: Tensor, outputs: Outputs) -> Tensor:
    """Evidence for each output from logits (n, outputs), or from their maps (n, outputs, …)."""
    return values - values.flip(1) if outputs.binary else values


class _ClassMaps:
    method = CLASS_MAPS

    def __init__(self, network: nn.Module, outputs: Outputs) -> None:
        self._network, self._outputs = network, outputs

    @torch.inference_mode()
    def __call__(self, x: Tensor, outputs: Tensor) -> Tensor:
        maps = evidence(self._network.class_maps(x), self._outputs)  # type: ignore[operator]
        return maps[torch.arange(len(x), device=x.device), outputs].float()


class _GradCam:
    method = GRAD_CAM

    def __init__(self, network: nn.Module, outputs: Outputs, *, example: Tensor, name: str) -> None:
        try:
            from captum.attr import LayerGradCam
        except ImportError:
            raise InputError(
                f"Grad-CAM of model {name!r} needs captum: pip install 'cxnet-bench[explain]'"
            ) from None
        layer = find_spatial_layer(network, example)
        if layer is None:
            raise InputError(
                f"model {name!r} has no layer with positions, and so no heat map: explain a "
                "convolutional network or a transformer"
            )
        self._network, self._outputs, self._layer = network, outputs, layer
        # captum takes the features of a module's output with their channels first: of this one,
        # which the layer's output goes through.
        self._spot = nn.Identity()
        self._grad_cam = LayerGradCam(self._evidence, self._spot)

    def __call__(self, x: Tensor, outputs: Tensor) -> Tensor:
        with self._layer.module.register_forward_hook(self._through_spot):
            maps: Tensor = self._grad_cam.attribute(
                x.detach().requires_grad_(), target=outputs, relu_attributions=True
            )
        return maps.detach()[:, 0].float()

    def _evidence(self, x: Tensor) -> Tensor:
        return evidence(self._network(x), self._outputs)

    def _through_spot(self, _: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> Tensor:
        features, others = self._layer.split(output)
        return self._layer.join(self._spot(features), others)
