"""The CBR family: small networks for medical images, by name and size after Raghu et al. (2019).

"Transfusion: Understanding Transfer Learning for Medical Imaging", NeurIPS 2019, arXiv:1902.07208.
Its authors built them to show that networks of a third to a twentieth of a ResNet-50's size do as
well on retinal photographs and chest X-rays. Each is a few blocks of convolution, batch norm, ReLU
and max pooling (3×3, stride 2), a global average and a linear classifier:

==========  ======  ======================  ==========
network     kernel  channels                parameters
==========  ======  ======================  ==========
CBR-LargeT  7×7     32, 64, 128, 256, 512    8,532,480
CBR-LargeW  7×7     64, 128, 256, 512        8,432,128
CBR-Small   7×7     32, 64, 128, 256         2,108,672
CBR-Tiny    5×5     32, 64, 128, 256         1,076,480
==========  ======  ======================  ==========

The numbers are those of the paper's table. They come out exactly if one counts the kernels of all
convolutions but the first, and a classifier of five classes without bias; batch norm is left out.

What could not be reconciled:

- The list in the appendix gives CBR-Tiny the channels 64 to 512. That makes 4.3 million parameters,
  more than CBR-Small and four times the table's number. Taken here are the channels that give the
  table's number, which is also the "twentieth" of the text.
- In that list CBR-LargeT has no pooling after its last block, and the others have. So it is here.
- Padding, and bias in the convolutions, are not stated. Here images are padded by half a kernel and
  half a pooling window, so that images of any size can be taken; convolutions have no bias, because
  batch norm follows. Initial weights are torch's.
- The paper itself could not be opened when this was written. The list is from copies in public
  notes and code, the numbers are from memory; that all four come out to the last digit speaks for
  them. Check both before you rest an argument on them.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

__all__ = ["cbr_large_t", "cbr_large_w", "cbr_small", "cbr_tiny"]


def cbr_large_t(*, in_channels: int, outputs: int) -> nn.Sequential:
    """CBR-LargeT(all): five blocks, the last without pooling.

    Args:
        in_channels: 1 (grayscale) or 3.
        outputs: number of logits.

    Returns:
        A module from float (images, in_channels, side, side) to logits (images, outputs).
    """
    channels = (32, 64, 128, 256, 512)
    return _cbr(channels, in_channels, outputs, kernel=7, last_pooling=False)


def cbr_large_w(*, in_channels: int, outputs: int) -> nn.Sequential:
    """CBR-LargeW(ide): four blocks; arguments as of :func:`cbr_large_t`."""
    return _cbr((64, 128, 256, 512), in_channels, outputs, kernel=7)


def cbr_small(*, in_channels: int, outputs: int) -> nn.Sequential:
    """CBR-Small: four blocks of half the channels; arguments as of :func:`cbr_large_t`."""
    return _cbr((32, 64, 128, 256), in_channels, outputs, kernel=7)


def cbr_tiny(*, in_channels: int, outputs: int) -> nn.Sequential:
    """CBR-Tiny: CBR-Small with 5×5 kernels; arguments as of :func:`cbr_large_t`."""
    return _cbr((32, 64, 128, 256), in_channels, outputs, kernel=5)


def _cbr(
    channels: Sequence[int],
    in_channels: int,
    outputs: int,
    *,
    kernel: int,
    last_pooling: bool = True,
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in zip((in_channels, *channels), channels, strict=False):
        layers += [
            nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        ]
    if not last_pooling:
        layers.pop()
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], outputs)]
    return nn.Sequential(*layers)
