"""Writes field/: small exports of networks of the field; `field.py` for all, `field.py NAME ...` for some.

Weights and inputs come from seeds, batch-norm statistics from random pictures, expected outputs from onnxruntime without optimisations.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import onnx
import torch

import classifiers as c
import detectors as d
import rewrite
from blocks import EdgePool
from export import seeded, store, write_asked

HERE = Path(__file__).parent / "field"
SCORES, BOXES = ("scores",), ("loc", "conf")


def traced(model, picture, opset, names):
    """The tracing exporter."""
    buffer = io.BytesIO()
    torch.onnx.export(model, (picture,), buffer, opset_version=opset, dynamo=False, **names)
    return onnx.load_from_string(buffer.getvalue())


def dynamo(model, picture, opset, names):
    """The exporter on top of torch.export."""
    result = torch.onnx.export(model, (picture,), opset_version=opset, dynamo=True, verbose=False, **names).model_proto
    rewrite.slim_metadata(result, kept=())
    return result


@dataclass(frozen=True)
class Export:
    """A stored network: what builds it, the shape of its input, through which exporter."""

    network: Callable
    shape: tuple[int, ...]
    exporter: Callable
    opset: int
    outputs: tuple[str, ...] = SCORES
    tolerance: float = 1e-4


YOLO8 = (3, 32, 48)
EXPORTS = {
    "mobilenet-v1-11": Export(c.mobilenet_v1, (3, 29, 27), traced, 11),
    "mobilenet-v2-18": Export(c.mobilenet_v2, (3, 27, 27), dynamo, 18),
    "mobilenet-v3-small-17": Export(c.mobilenet_v3, (3, 28, 28), traced, 17),
    "mobilenet-v3-small-13": Export(c.mobilenet_v3, (3, 28, 28), traced, 13),
    "shufflenet-v1-13": Export(c.shufflenet_v1, (3, 30, 26), traced, 13),
    "shufflenet-v2-11": Export(c.shufflenet_v2, (3, 27, 29), traced, 11),
    "shufflenet-v2-20": Export(c.shufflenet_v2, (3, 27, 29), dynamo, 20),
    "densenet-11": Export(c.densenet, (3, 32, 24), traced, 11),
    "googlenet-13": Export(c.googlenet, (3, 30, 34), traced, 13),
    "alexnet-18": Export(c.alexnet, (3, 35, 31), dynamo, 18),
    "squeezenet-13": Export(c.squeezenet, (3, 30, 26), traced, 13),
    "resnet-basic-20": Export(c.resnet_basic, (3, 27, 27), dynamo, 20),
    "resnet-bottleneck-17": Export(c.resnet_bottleneck, (3, 25, 29), traced, 17),
    "efficientnet-lite-13": Export(c.efficientnet_lite, (3, 27, 29), traced, 13),
    "mcunet-20": Export(c.mcunet, (3, 28, 28), dynamo, 20),
    "ds-cnn-17": Export(c.ds_cnn, (1, 49, 10), traced, 17),
    "unet-20": Export(c.UNet, (1, 20, 28), dynamo, 20, ("mask",)),
    "convnext-17": Export(c.convnext, (3, 20, 28), traced, 17),
    "convnext-20": Export(c.convnext, (3, 20, 28), dynamo, 20),
    "vit-18": Export(c.Vit, (3, 24, 24), dynamo, 18),
    "mixer-17": Export(c.Mixer, (3, 18, 30), traced, 17),
    "ssd-vgg-11": Export(d.ssd_vgg, (3, 34, 34), traced, 11, BOXES),
    "ssd-mobilenet-18": Export(d.ssd_mobilenet, (3, 36, 28), dynamo, 18, BOXES),
    "tiny-yolov2-11": Export(d.tiny_yolov2, (3, 32, 64), traced, 11, ("grid",)),
    "tiny-yolov2-13": Export(lambda: d.tiny_yolov2(EdgePool), (3, 32, 32), traced, 13, ("grid",)),
    "tiny-yolov3-18": Export(d.TinyYolo3, (3, 32, 32), dynamo, 18, ("coarse", "fine")),
    # Boxes are in pixels: numbers up to 48, of distances times 8 or 16.
    "yolov8-17": Export(lambda: d.Yolo8(YOLO8[1:]), YOLO8, traced, 17, ("boxes",), 1e-3),
    "yolov8-18": Export(lambda: d.Yolo8(YOLO8[1:]), YOLO8, dynamo, 18, ("boxes",), 1e-3),
    "retinanet-11": Export(d.RetinaNet, (3, 37, 27), traced, 11, BOXES),
}


def write(name, seed):
    """Exports one network, checks it against PyTorch and stores it."""
    export = EXPORTS[name]
    model = seeded(export.network, export.shape, seed)
    picture = torch.randn(1, *export.shape)
    with torch.no_grad():
        names = {"input_names": ["input"], "output_names": list(export.outputs)}
        result = export.exporter(model, picture, export.opset, names)
        expected = model(picture)
    store(HERE / name, result, picture, expected, export.tolerance, optimised=False)


if __name__ == "__main__":
    write_asked(__doc__, EXPORTS, write)
