"""Writes the stored models, one directory each: `export.py` for all, `export.py NAME ...` for some.

Weights and inputs come from seeds, batch-norm statistics from random pictures, expected outputs from onnxruntime.
"""

import argparse
import io
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import onnx
import torch
from torch import nn

import caffe
import rewrite
import vectors
from pelee import Config, Pelee, PeleeNet

HERE = Path(__file__).parent
OUTPUTS = {PeleeNet: ["logits"], Pelee: ["loc", "conf"]}


def torchscript(model, picture, opset, **options):
    """The tracing exporter."""
    buffer = io.BytesIO()
    names = {"input_names": ["input"], "output_names": OUTPUTS[type(model)]}
    torch.onnx.export(model, (picture,), buffer, opset_version=opset, dynamo=False, **names, **options)
    return onnx.load_from_string(buffer.getvalue())


def folded(model, picture, opset, *changes):
    """Batch normalisation in the convolutions, then the changes."""
    result = torchscript(model, picture, opset)
    for change in changes:
        change(result)
    return result


def kept(model, picture, opset, initializers_as_inputs, *changes):
    """BatchNormalization kept, no constants folded, then the changes."""
    result = torchscript(
        model,
        picture,
        opset,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        keep_initializers_as_inputs=initializers_as_inputs,
    )
    for change in changes:
        change(result)
    return result


def dynamic(model, picture, opset):
    """A symbolic batch from the tracing exporter."""
    names = ["input", *OUTPUTS[type(model)]]
    return torchscript(model, picture, opset, dynamic_axes={name: {0: "batch"} for name in names})


def dynamo(model, picture, opset, **options):
    """The exporter on top of torch.export."""
    names = {"input_names": ["input"], "output_names": OUTPUTS[type(model)]}
    program = torch.onnx.export(
        model, (picture,), opset_version=opset, dynamo=True, verbose=False, **names, **options
    )
    result = program.model_proto
    rewrite.slim_metadata(result)
    return result


def dynamo_dynamic(model, picture, opset):
    """A symbolic batch from the same."""
    return dynamo(model, picture.repeat(2, 1, 1, 1), opset, dynamic_shapes=({0: torch.export.Dim("batch")},))


def converted(model, picture, opset, unsqueezed_scales):
    """From a Caffe converter's hands."""
    outputs = model(picture)
    outputs = [outputs] if isinstance(model, PeleeNet) else outputs
    names = ["prob"] if isinstance(model, PeleeNet) else OUTPUTS[Pelee]
    shapes = {name: list(output.shape) for name, output in zip(names, outputs)}
    return caffe.convert(model, picture.shape[2:], shapes, opset, unsqueezed_scales)


@dataclass(frozen=True)
class Export:
    """A stored model: which network, of what widths, through which exporter."""

    network: type
    config: Config
    exporter: Callable
    opset: int
    arguments: tuple = ()


def small(size, **widths):
    """A network with every structure of the full one and few channels."""
    narrow = dict(classes=10, stem=8, growth=8, layers=(1, 1, 1, 1), head=12)
    return Config(size=size, **(narrow | widths))


PLAIN = small((36, 36), layers=(1, 1, 2, 1))
NARROW = small((36, 36), bottleneck=(1, 2, 2, 2))
WIDE = small((28, 28), stem=12, growth=12, bottleneck=(1, 1, 2, 2), classes=7)
LONG = small((32, 40), layers=(2, 1, 1, 1), bottleneck=(1, 2, 2, 2), classes=5)
BOXES = small((36, 52), classes=4)
WIDE_BOXES = small((44, 36), stem=12, growth=12, bottleneck=(1, 1, 2, 2), classes=3)
MANY_MAPS = small((132, 132), layers=(1, 2, 1, 1), classes=3)


def as_f16(model):
    rewrite.behind_cast(model, np.float16)


def as_f64(model):
    rewrite.behind_cast(model, np.float64)


EXPORTS = {
    "peleenet-folded-13": Export(PeleeNet, PLAIN, folded, 13),
    "pelee-folded-17": Export(Pelee, MANY_MAPS, folded, 17, (rewrite.kept_batch,)),
    "peleenet-bn-kept-9": Export(PeleeNet, WIDE, kept, 9, (True,)),
    "pelee-bn-kept-11": Export(Pelee, BOXES, kept, 11, (False, rewrite.padded_pools)),
    "peleenet-dynamo-20": Export(PeleeNet, LONG, dynamo, 20),
    "pelee-dynamo-18": Export(Pelee, WIDE_BOXES, dynamo, 18),
    "peleenet-dynamic-batch-20": Export(PeleeNet, NARROW, dynamo_dynamic, 20),
    "pelee-dynamic-batch-17": Export(Pelee, BOXES, dynamic, 17),
    "peleenet-caffe-7": Export(PeleeNet, NARROW, converted, 7, (False,)),
    "pelee-caffe-8": Export(Pelee, BOXES, converted, 8, (True,)),
    "peleenet-float-data-13": Export(PeleeNet, NARROW, folded, 13, (rewrite.typed_fields,)),
    "peleenet-f16-weights-17": Export(PeleeNet, WIDE, folded, 17, (as_f16,)),
    "peleenet-f64-weights-17": Export(PeleeNet, NARROW, folded, 17, (as_f64,)),
}


def seeded(network, shape, seed, rounds=4, inputs=16):
    """What `network` makes with random weights and batch-norm statistics of `rounds` times `inputs` random inputs, ready for inference."""
    torch.manual_seed(seed)
    model = network()
    for layer in model.modules():
        randomise(layer)
    with torch.no_grad():
        for _ in range(rounds):
            model.train()(torch.randn(inputs, *shape))
    return model.eval()


def randomise(layer):
    """Scales and shifts for batch norms, and layers without one get outputs as wide as their inputs."""
    if isinstance(layer, nn.BatchNorm2d):
        layer.momentum = None
        nn.init.uniform_(layer.weight, 0.5, 1.5)
        nn.init.normal_(layer.bias, 0, 0.3)
    elif getattr(layer, "bias", None) is not None:
        nn.init.normal_(layer.weight, 0, layer.weight[0].numel() ** -0.5)
        nn.init.normal_(layer.bias, 0, 0.3)


def write(name, seed):
    """Exports one model, checks it against PyTorch and stores it."""
    export = EXPORTS[name]
    shape = (3, *export.config.size)
    model = seeded(lambda: export.network(export.config), shape, seed)
    picture = torch.randn(1, *shape)
    with torch.no_grad():
        result = export.exporter(model, picture, export.opset, *export.arguments)
        expected = model(picture)
    store(HERE / name, result, picture, expected, 5e-2 if "f16" in name else 1e-4)


def store(folder, result, picture, expected, tolerance, optimised=True):
    """Checks an export, compares what onnxruntime makes of the picture with what PyTorch does, and writes both."""
    onnx.checker.check_model(result, full_check=True)
    outputs = vectors.run(result.SerializeToString(), [picture.numpy()], optimised)
    compare(folder.name, expected, outputs, tolerance)
    vectors.write_case(folder, result, {result.graph.input[0].name: picture.numpy()}, outputs)


def compare(name, expected, outputs, tolerance):
    """Stops if onnxruntime and PyTorch disagree; weights in f16 are allowed their rounding."""
    if list(outputs) == ["prob"]:
        expected = torch.softmax(expected, -1)
    expected = [expected] if isinstance(expected, torch.Tensor) else expected
    for array, tensor in zip(outputs.values(), expected, strict=True):
        np.testing.assert_allclose(array, tensor.numpy(), tolerance, tolerance, err_msg=name)


def write_asked(description, exports, write):
    """A program that writes the exports which are named, or all; the seed of each is its place."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("names", nargs="*", help="networks to write; all without one")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    for seed, name in enumerate(exports):
        if name in (arguments.names or exports):
            write(name, seed)
            print(name, flush=True)


if __name__ == "__main__":
    write_asked(__doc__, EXPORTS, write)
