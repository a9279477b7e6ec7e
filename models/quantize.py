"""Writes quantized/, stored networks as onnxruntime's static quantiser makes them: `quantize.py` for all forms,
`quantize.py NAME ...` for some.

Ranges come from a few seeded pictures, those of the detector from its scenes. Expected outputs are onnxruntime's without its
optimisations, since those round elsewhere, and saturate on some processors. Two forms take the second picture as the test's
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
    "detector-small-qdq-u8s8": Form("detector-small", QDQ, U8, S8, True),
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
    form = FORMS[name]
    source = onnx.load(HERE / form.source / "model.onnx")
    value = source.graph.input[0]
    calibration, picture = pictures(form, value)
    model = quantised(form, source, calibration)
    onnx.checker.check_model(model, full_check=True)
    outputs = vectors.run(model.SerializeToString(), [picture], optimised=False)
    vectors.write_case(FOLDER / name, model, {value.name: picture}, outputs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="forms to write; all without one")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    if not arguments.names:
        shutil.rmtree(FOLDER, ignore_errors=True)
    for name in arguments.names or FORMS:
        write(name)
        print(name)


if __name__ == "__main__":
    main()
