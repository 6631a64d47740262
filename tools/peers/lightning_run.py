"""A Lightning Trainer over an image folder, as its users write it.

What costs time and is not needed is off: logger, progress bar, model summary, sanity check.
Checkpoints are written, as by the others. Prints ``step N`` at the ends of the first and the
last step of every epoch.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import lightning
import timm
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder


class Classifier(lightning.LightningModule):
    """A network of timm's with cross-entropy and SGD."""

    def __init__(self, model: str, *, lr: float, momentum: float) -> None:
        super().__init__()
        self.network = timm.create_model(model, in_chans=1, num_classes=2)
        self.loss = nn.CrossEntropyLoss()
        self.lr, self.momentum = lr, momentum

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """The loss of a batch."""
        images, targets = batch
        loss: Tensor = self.loss(self.network(images), targets)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        """Log loss and accuracy."""
        images, targets = batch
        logits = self.network(images)
        self.log("validation_loss", self.loss(logits, targets))
        self.log("accuracy", (logits.argmax(1) == targets).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD."""
        return torch.optim.SGD(self.parameters(), lr=self.lr, momentum=self.momentum)


class SaysSteps(lightning.Callback):
    """Prints the steps that ``programs.py`` looks for."""

    def on_train_batch_end(
        self, trainer: lightning.Trainer, _module: Any, _outputs: Any, _batch: Any, index: int
    ) -> None:
        """After the optimiser's step."""
        if index in (0, trainer.num_training_batches - 1):
            print(f"step {trainer.global_step}", flush=True)


def grayscale(path: str) -> Image.Image:
    """Open an image as one channel."""
    with Image.open(path) as image:
        return image.convert("L")


def loader(folder: Path, *, size: int, batch_size: int, workers: int, train: bool) -> Any:
    """The images of a folder, decoded in worker processes that live as long as the training."""
    changes = transforms.Compose(
        [
            transforms.Resize((size, size)),
            transforms.ToTensor(),
            transforms.Normalize([0.5], [0.5]),
        ]
    )
    return DataLoader(
        ImageFolder(str(folder), changes, loader=grayscale),
        batch_size=batch_size,
        shuffle=train,
        drop_last=train,
        num_workers=workers,
        persistent_workers=workers > 0,
    )


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    for name in ("model", "precision", "device"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("image-size", "batch-size", "epochs", "workers"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("lr", "momentum"):
        parser.add_argument(f"--{name}", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    train, validation = (
        loader(
            arguments.images / part,
            size=arguments.image_size,
            batch_size=arguments.batch_size,
            workers=arguments.workers,
            train=part == "train",
        )
        for part in ("train", "validation")
    )
    trainer = lightning.Trainer(
        accelerator=arguments.device,
        devices=1,
        max_epochs=arguments.epochs,
        precision="bf16-mixed" if arguments.precision == "bfloat16" else "32-true",
        default_root_dir=arguments.out,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[SaysSteps()],
    )
    trainer.fit(
        Classifier(arguments.model, lr=arguments.lr, momentum=arguments.momentum), train, validation
    )


if __name__ == "__main__":
    main()
