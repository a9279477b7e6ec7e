"""Makes bytes of a network by onnxruntime's static quantiser: unsigned activations, signed weights of a scale an output channel, in the
QDQ form. The ranges are those of a few seeded inputs.

Arguments: MODEL RESULT
"""

import sys

import numpy
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

EXAMPLES = 4


class Examples(CalibrationDataReader):
    def __init__(self, model):
        inputs = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()
        source = numpy.random.default_rng(0)
        example = lambda: {to.name: source.uniform(-1, 1, to.shape).astype(numpy.float32) for to in inputs}
        self.examples = iter([example() for _ in range(EXAMPLES)])

    def get_next(self):
        return next(self.examples, None)


def main(model, result):
    settings = {"quant_format": QuantFormat.QDQ, "activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(model, result, Examples(model), per_channel=True, **settings)


main(*sys.argv[1:])
