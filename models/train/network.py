"""The detectors that this folder trains, narrow forms of Pelee, with what turns bytes into their input."""

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

from fetch import CACHE

MODELS = Path(__file__).parent.parent
sys.path.append(str(MODELS))

import ssd
from pelee import Config, Pelee, rows


@dataclass(frozen=True)
class Network:
    """What sets one detector and its training apart from another."""

    folder: Path
    """Where its description is, and where its export goes."""

    cache: Path
    """Where its scenes, checkpoint and log are."""

    config: Config
    work: int
    """Side in pixels at which its scenes are put together: the input's, or a multiple, which is then scaled down."""

    batch: int
    steps: int
    """Batches in an epoch."""

    fresh: int
    """Scenes on disk that an epoch replaces."""

    bfloat16: bool
    """Whether convolutions are trained in bfloat16; weights and losses are f32 all the same."""

    float16: bool
    """Whether the export has the convolutions' weights in f16."""

    taken: int
    """Scenes of each test set that the export has beside it."""

    @cached_property
    def setting(self):
        """Its model.toml."""
        return ssd.read_config(self.folder / "model.toml")

    @property
    def size(self):
        """Side of its input in pixels."""
        return self.config.size[0]

    @property
    def checkpoint(self):
        return self.cache / "checkpoint.pt"

    @property
    def body(self):
        """Where the weights of a body lie that `pretrain.py` trained."""
        return self.cache / "body.pt"

    @property
    def log(self):
        return self.cache / "log.csv"

    def detector(self):
        """The network with weights from PyTorch's generator."""
        return Detector(self.config)

    def normalised(self, images):
        """The input [N, 3, side, side] for bytes [N, side, side, 3]: (x - mean) * scale."""
        mean, scale = (torch.tensor(self.setting["frame"][key]).view(3, 1, 1) for key in ("mean", "scale"))
        return ((images.permute(0, 3, 1, 2) - mean) * scale).contiguous(memory_format=torch.channels_last)


CLASSES = 6
NETWORKS = {
    "small": Network(
        folder=MODELS / "detector-small",
        cache=CACHE,
        config=Config((160, 160), CLASSES, stem=12, growth=16, layers=(1, 3, 5, 3), bottleneck=(1, 2, 3, 2), head=48),
        work=320,
        batch=32,
        steps=100,
        fresh=250,
        bfloat16=True,
        float16=False,
        taken=20,
    ),
    "large": Network(
        folder=MODELS / "large" / "detector",
        cache=CACHE / "large",
        config=Config((304, 304), CLASSES, stem=16, growth=16, head=128),
        work=304,
        batch=16,
        steps=200,
        fresh=600,
        bfloat16=True,
        float16=True,
        taken=3,
    ),
}


def add_option(parser):
    """The option that chooses a network."""
    parser.add_argument("--network", choices=NETWORKS, default="small")


class Detector(Pelee):
    """Pelee, whose scores one can also have before the softmax, as the loss wants them."""

    def logits(self, x):
        maps = self.body(x)
        for block in self.extras:
            maps.append(block(maps[-1]))
        maps = [residual(x) for residual, x in zip(self.residuals, maps)]
        maps.insert(0, maps[0])
        return rows(self.loc, maps, 4), rows(self.conf, maps, self.classes)


def read_weights(detector, path):
    """Takes weights and statistics from an ONNX model that keeps their names, as export.py writes it; f16 becomes f32."""
    tensors = {tensor.name.removesuffix(".stored"): numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    stored = {name: torch.from_numpy(array.copy()) for name, array in tensors.items()}
    found = detector.load_state_dict(stored, strict=False)
    missing = [name for name in found.missing_keys if not name.endswith("num_batches_tracked")]
    if missing or found.unexpected_keys:
        raise ValueError(f"{path}: without {missing}, and with {found.unexpected_keys}")
