"""Writes quantized/, stored networks as onnxruntime's static quantiser makes them, and one that is written node by node:
`quantize.py` for all forms, `quantize.py NAME ...` for some.

Ranges come from a few seeded pictures, those of the detector from its scenes. Expected outputs are onnxruntime's without its
optimisations, since those round elsewhere, and saturate on some processors. Three forms take the second picture as the test's
input: with the first, one f32 sum of onnxruntime lay so near the middle between two steps that the exact sum rounds to the other.
"""

import argparse
import logging
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

import frames
import ssd
import vectors

HERE = Path(__file__).parent
FOLDER = HERE / "quantized"
SCENES = HERE / "detector-small" / "scenes"
CALIBRATED_ON = 8
"""Pictures that give the ranges; the test's input is one of those after them."""


@dataclass(frozen=True)
class Form:
    """What is asked of the quantiser, and which picture after those that gave the ranges is the test's input."""

    source: str
    format: QuantFormat
    activations: QuantType
    weights: QuantType
    per_channel: bool
    options: dict = field(default_factory=dict)
    picture: int = 0


QDQ, QOPERATOR = QuantFormat.QDQ, QuantFormat.QOperator
U8, S8 = QuantType.QUInt8, QuantType.QInt8
UNFOLDED = {"ActivationSymmetric": True, "AddQDQPairToWeight": True, "DedicatedQDQPair": True}

FORMS = {
    "peleenet-tiny-64-qdq-u8s8": Form("peleenet-tiny-64", QDQ, U8, S8, True),
    "peleenet-tiny-64-qdq-s8s8-tensor": Form("peleenet-tiny-64", QDQ, S8, S8, False, picture=1),
    "peleenet-tiny-64-qdq-u8u8": Form("peleenet-tiny-64", QDQ, U8, U8, False, picture=1),
    "peleenet-tiny-64-qop-s8s8": Form("peleenet-tiny-64", QOPERATOR, S8, S8, True),
    "peleenet-folded-13-qdq-unfolded": Form("peleenet-folded-13", QDQ, U8, S8, True, UNFOLDED),
    "pelee-tiny-160-qop-s8s8": Form("pelee-tiny-160", QOPERATOR, S8, S8, True),
    "detector-small-qdq-u8s8": Form("detector-small", QDQ, U8, S8, True, picture=1),
    "padded-qdq-u8s8": Form("padded", QDQ, U8, S8, True),
}


class Pictures(CalibrationDataReader):
    """Inputs one after the other, as the quantiser wants them."""

    def __init__(self, name, inputs):
        self.rest = iter([{name: array} for array in inputs])

    def get_next(self):
        return next(self.rest, None)


def smooth(size, count):
    """Inputs of 8x8 random colours each, and what lies between those."""
    random = np.random.default_rng(13)
    colours = random.integers(0, 256, (count, 8, 8, 3)).astype(np.uint8)
    return [frames.prepare(picture, size, "rgb", [127.5] * 3, [0.016] * 3, "warp", "bilinear") for picture in colours]


def scenes(count):
    """The detector's scenes as its description prepares them."""
    frame = ssd.read_config(HERE / "detector-small" / "model.toml")["frame"]
    frame = [frame[key] for key in ("size", "order", "mean", "scale", "fit", "resize")]
    # Every fourth, so that both test sets are among them.
    paths = sorted(SCENES.glob("*.jpg"))[::4][:count]
    return [frames.prepare(np.asarray(Image.open(path).convert("RGB")), *frame) for path in paths]


def pictures(form, value):
    """Those of the calibration, and the test's input."""
    count = CALIBRATED_ON + form.picture + 1
    height, width = (one.dim_value for one in value.type.tensor_type.shape.dim[2:])
    found = scenes(count) if form.source == "detector-small" else smooth((width, height), count)
    return found[:CALIBRATED_ON], found[-1]


def seeded(random, name, *shape):
    """Weights of a layer, its filters first."""
    values = random.normal(0, 1 / np.sqrt(max(1, np.prod(shape[1:]))), shape)
    return numpy_helper.from_array(values.astype(np.float32), name)


def small_model(name, nodes, initializers, given, result):
    """A model of operator set 17 with one input `x` and one output `y` of these shapes."""
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, name, [value("x", given)], [value("y", result)], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def padded():
    """Convolutions and a pool, each behind a Pad: of zero, and once of another number."""
    random = np.random.default_rng(5)
    pads = lambda name, *ends: numpy_helper.from_array(np.array([0, 0, *ends[:2], 0, 0, *ends[2:]], np.int64), name)
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["c0"], strides=[2, 2]),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("Pad", ["r0", "p0"], ["p1"]),
        helper.make_node("Conv", ["p1", "w1", "b1"], ["c1"], strides=[2, 2]),
        helper.make_node("Pad", ["c1", "p2"], ["p3"]),
        helper.make_node("AveragePool", ["p3"], ["a"], kernel_shape=[2, 2]),
        helper.make_node("Pad", ["a", "p4", "half"], ["p5"]),
        helper.make_node("Conv", ["p5", "w2", "b2"], ["y"]),
    ]
    initializers = [
        *(seeded(random, f"w{index}", *shape) for index, shape in enumerate([(4, 3, 3, 3), (6, 4, 3, 3), (5, 6, 3, 3)])),
        *(seeded(random, f"b{index}", count) for index, count in enumerate([4, 6, 5])),
        pads("p0", 1, 1, 0, 1),
        pads("p2", 0, 0, 1, 1),
        pads("p4", 1, 1, 1, 1),
        numpy_helper.from_array(np.float32(0.5), "half"),
    ]
    return small_model("padded", nodes, initializers, [1, 3, 16, 16], [1, 5, 3, 4])


SOURCES = {"padded": padded}
"""Networks in floats that are not stored."""


def biased():
    """Products between bytes to which an Add adds a bias, as tools other than onnxruntime's write them, and what goes in."""
    random = np.random.default_rng(7)
    initializers, nodes = [], []

    def known(name, values):
        initializers.append(numpy_helper.from_array(values, name))
        return name

    def through(op_type, name, value, scale, zero, **attributes):
        nodes.append(helper.make_node(op_type, [value, scale, zero], [name], **attributes))
        return name

    def pair(value, step):
        scale, zero = known(f"{value}_scale", np.float32(step)), known(f"{value}_zero", np.uint8(128))
        return through("DequantizeLinear", f"{value}_d", through("QuantizeLinear", f"{value}_q", value, scale, zero), scale, zero)

    value, step = pair("x", 1 / 64), np.float32(1 / 64)
    for index, (depth, columns, result) in enumerate([(12, 8, 0.037), (8, 5, 0.05)]):
        weights = random.integers(-127, 128, (depth, columns)).astype(np.int8)
        scales = random.uniform(0.002, 0.004, columns).astype(np.float32)
        zeros = known(f"zeros{index}", np.zeros(columns, np.int8))
        weights = through("DequantizeLinear", f"w{index}_d", known(f"w{index}", weights), known(f"s{index}", scales), zeros, axis=1)
        bias, steps = random.integers(-2000, 2000, columns).astype(np.int32), scales * step
        if index == 0:
            zeros = known("zeros", np.zeros(columns, np.int32))
            bias = through("DequantizeLinear", "b0_d", known("b0", bias), known("t0", steps), zeros, axis=0)
        else:
            bias = known("b1", bias.astype(np.float32) * steps)
        nodes.append(helper.make_node("MatMul", [value, weights], [f"m{index}"]))
        nodes.append(helper.make_node("Add", [f"m{index}", bias] if index == 0 else [bias, f"m{index}"], [f"a{index}"]))
        last = f"a{index}"
        if index == 0:
            last = "r0"
            nodes.append(helper.make_node("Relu", ["a0"], [last]))
        value, step = pair(last, result), np.float32(result)
    nodes[-1].output[0] = "y"
    given = random.uniform(-2, 2, (3, 12)).astype(np.float32)
    return small_model("biased", nodes, initializers, [3, 12], [3, 5]), given


WRITTEN = {"biased-qdq-u8s8": biased}
"""Networks that come quantised, with their inputs."""


def slim(model):
    """Drops what says nothing of the arithmetic, and numbers the tensors: names are a third of a file otherwise."""
    graph = model.graph
    del graph.value_info[:]
    del model.metadata_props[:]
    numbers = {value.name: value.name for value in [*graph.input, *graph.output]}
    number = lambda name: numbers.setdefault(name, str(len(numbers))) if name else name
    for node in graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
        node.input[:] = [number(name) for name in node.input]
        node.output[:] = [number(name) for name in node.output]
    for tensor in graph.initializer:
        tensor.name = number(tensor.name)


def quantised(form, source, calibration):
    """The model that the quantiser makes of `source`."""
    with tempfile.TemporaryDirectory() as place:
        ready, result = Path(place, "ready.onnx"), Path(place, "result.onnx")
        onnx.save(source, ready)
        # The quantiser leaves batch normalisation in f32; this puts it into the convolutions.
        if any(node.op_type == "BatchNormalization" for node in source.graph.node):
            quant_pre_process(ready, ready, skip_symbolic_shape=True)
        quantize_static(
            ready,
            result,
            Pictures(source.graph.input[0].name, calibration),
            quant_format=form.format,
            activation_type=form.activations,
            weight_type=form.weights,
            per_channel=form.per_channel,
            extra_options=form.options,
        )
        model = onnx.load(result)
    slim(model)
    return model


def write(name):
    """One form with one data set."""
    if name in FORMS:
        form = FORMS[name]
        source = SOURCES[form.source]() if form.source in SOURCES else onnx.load(HERE / form.source / "model.onnx")
        calibration, given = pictures(form, source.graph.input[0])
        model = quantised(form, source, calibration)
    else:
        model, given = WRITTEN[name]()
    onnx.checker.check_model(model, full_check=True)
    outputs = vectors.run(model.SerializeToString(), [given], optimised=False)
    vectors.write_case(FOLDER / name, model, {model.graph.input[0].name: given}, outputs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="forms to write; all without one")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    if not arguments.names:
        shutil.rmtree(FOLDER, ignore_errors=True)
    for name in arguments.names or [*FORMS, *WRITTEN]:
        write(name)
        print(name)


if __name__ == "__main__":
    main()
