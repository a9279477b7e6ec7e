"""The small detector: a narrow Pelee for pictures of 160x160, with what turns bytes into its input."""

import sys
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

MODELS = Path(__file__).parent.parent
sys.path.append(str(MODELS))

import ssd
from pelee import Config, Pelee, rows

FOLDER = MODELS / "detector-small"
SETTING = ssd.read_config(FOLDER / "model.toml")
CONFIG = Config(
    size=(160, 160),
    classes=len(SETTING["labels"]),
    stem=12,
    growth=16,
    layers=(1, 3, 5, 3),
    bottleneck=(1, 2, 3, 2),
    head=48,
)


class Detector(Pelee):
    """Pelee, whose scores one can also have before the softmax, as the loss wants them."""

    def __init__(self):
        super().__init__(CONFIG)

    def logits(self, x):
        maps = self.body(x)
        for block in self.extras:
            maps.append(block(maps[-1]))
        maps = [residual(x) for residual, x in zip(self.residuals, maps)]
        maps.insert(0, maps[0])
        return rows(self.loc, maps, 4), rows(self.conf, maps, self.classes)


def read_weights(network, path):
    """Takes weights and statistics from an ONNX model that keeps their names, as export.py writes it."""
    stored = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in onnx.load(path).graph.initializer}
    found = network.load_state_dict(stored, strict=False)
    missing = [name for name in found.missing_keys if not name.endswith("num_batches_tracked")]
    if missing or found.unexpected_keys:
        raise ValueError(f"{path}: without {missing}, and with {found.unexpected_keys}")


def normalised(images):
    """The input [N, 3, 160, 160] for bytes [N, 160, 160, 3]: (x - mean) * scale."""
    mean, scale = (torch.tensor(SETTING["frame"][key]).view(3, 1, 1) for key in ("mean", "scale"))
    return ((images.permute(0, 3, 1, 2) - mean) * scale).contiguous(memory_format=torch.channels_last)
