"""Synthetic frontal chest radiographs, for trying the harness without data.

**Not radiographs.** The images are drawn from a few hundred numbers each; anatomy and findings
only resemble what their names say, by our own taste. A result on them says whether software
works and nothing about patients, and no ranking of networks on them carries over to real images.

``cohort`` decides who is imaged and what is found, ``anatomy`` the shape of a chest,
``findings`` the appearance of each finding, and ``render`` the pixels.
"""

from bench.data.phantom.cohort import Visit, draw_cohort
from bench.data.phantom.export import write_nih_layout
from bench.data.phantom.render import GENERATOR_VERSION, PhantomReader, render

__all__ = [
    "GENERATOR_VERSION",
    "PhantomReader",
    "Visit",
    "draw_cohort",
    "render",
    "write_nih_layout",
]
