"""Writes field/: small exports of networks of the field; `field.py` for all, `field.py NAME ...` for some.

Weights and inputs come from seeds, batch-norm statistics from random pictures, expected outputs from onnxruntime without optimisations.
"""

import argparse
import io
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import onnx
import torch
from torch import nn

import classifiers as c
import detectors as d
import rewrite
import vectors
from blocks import EdgePool
from export import compare, randomise

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


def seeded(export, seed, rounds=4, inputs=16):
    """The network with random weights and batch-norm statistics of `rounds` times `inputs` random inputs, ready for inference."""
    torch.manual_seed(seed)
    model = export.network()
    for layer in model.modules():
        randomise(layer)
    with torch.no_grad():
        for _ in range(rounds):
            model.train()(torch.randn(inputs, *export.shape))
    return model.eval()


def write(name, seed):
    """Exports one network, checks it against PyTorch and stores it."""
    export = EXPORTS[name]
    model = seeded(export, seed)
    picture = torch.randn(1, *export.shape)
    with torch.no_grad():
        names = {"input_names": ["input"], "output_names": list(export.outputs)}
        result = export.exporter(model, picture, export.opset, names)
        expected = model(picture)
    onnx.checker.check_model(result, full_check=True)
    outputs = vectors.run(result.SerializeToString(), [picture.numpy()], optimised=False)
    compare(name, expected, outputs, export.tolerance)
    vectors.write_case(HERE / name, result, {"input": picture.numpy()}, outputs)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="networks to write; all without one")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    for seed, name in enumerate(EXPORTS):
        if name in (arguments.names or EXPORTS):
            write(name, seed)
            print(name, flush=True)


if __name__ == "__main__":
    main()
