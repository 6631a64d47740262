"""What the paper's networks are compared with: timm's, and how they are fine-tuned.

``backbones`` makes the networks, ``weights`` finds and fetches pretrained ones, ``finetune``
freezes parts of them. Each module lists its public names; none is imported here, because
``weights`` must not wait for torch and timm. Never imports the harness.
"""
