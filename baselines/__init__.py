"""Rivals of the paper's networks: timm's, their pretrained weights and their fine-tuning.

``backbones`` makes the networks, ``weights`` finds and fetches pretrained ones, ``packages`` knows
those of the package index, ``finetune`` freezes parts of them. Each module lists its public names;
none is imported here, because ``weights`` must not wait for torch and timm. Never imports the
harness.
"""
