"""Rivals of the paper's networks: timm's with their weights and fine-tuning, and the CBR family.

``backbones`` makes the networks, ``weights`` finds and fetches pretrained ones, ``packages`` knows
those of the package index, ``finetune`` freezes parts of them, ``frozen`` gives their features;
``cbr`` makes small networks. Each module lists its public names; none is imported here, because
``weights`` must not wait for torch and timm. Never imports the harness.
"""
