"""The networks as converters from Caffe write them: BatchNormalization, Mul and Add (a Scale layer), weights as Constants.

Average pools have no ceil_mode in these opsets; a pad at the end of an odd side takes its place. Constants are of floats
only, so shapes are initializers, which this version of the format wants among the inputs too.
"""

import numpy as np
from onnx import TensorProto, checker, helper
from torch import nn

from pelee import PeleeNet


class Writer:
    """A graph that grows node by node; each method gives the name of its output."""

    def __init__(self, unsqueezed_scales):
        self.nodes = []
        self.shapes = []
        self.unsqueezed_scales = unsqueezed_scales

    def op(self, kind, *inputs, output=None, **attributes):
        name = f"{kind.lower()}{len(self.nodes)}"
        output = output or name
        self.nodes.append(helper.make_node(kind, inputs, [output], name=name, **attributes))
        return output

    def constant(self, array):
        return self.op("Constant", value=typed(array, "value"))

    def weight(self, parameter):
        return self.constant(parameter.detach().numpy())

    def channels(self, array):
        """A value for each channel, shaped to meet NCHW: [1, C, 1, 1], or [C] with axes added by a node."""
        if self.unsqueezed_scales:
            return self.op("Unsqueeze", self.constant(array), axes=[1, 2])
        return self.constant(array.reshape(1, -1, 1, 1))

    def convolution(self, x, layer):
        inputs = [x, self.weight(layer.weight)] + ([] if layer.bias is None else [self.weight(layer.bias)])
        return self.op(
            "Conv",
            *inputs,
            dilations=[1, 1],
            group=1,
            kernel_shape=layer.kernel_size,
            pads=layer.padding * 2,
            strides=layer.stride,
        )

    def batch_norm(self, x, layer):
        """Caffe's pair of layers: BatchNorm without scale and shift, then Scale."""
        ones = np.ones(layer.num_features, np.float32)
        statistics = [self.constant(a) for a in (ones, 0 * ones)]
        statistics += [self.weight(a) for a in (layer.running_mean, layer.running_var)]
        x = self.op("BatchNormalization", x, *statistics, epsilon=layer.eps)
        x = self.op("Mul", x, self.channels(layer.weight.detach().numpy()))
        return self.op("Add", x, self.channels(layer.bias.detach().numpy()))

    def chain(self, x, layers):
        """Convolution, batch norm, ReLU and sequences of them."""
        writers = {nn.Conv2d: self.convolution, nn.BatchNorm2d: self.batch_norm, nn.Sequential: self.chain}
        for layer in layers:
            x = self.op("Relu", x) if isinstance(layer, nn.ReLU) else writers[type(layer)](x, layer)
        return x

    def pool(self, kind, x, size):
        pads = [0, 0, size[0] % 2, size[1] % 2]
        return self.op(kind, x, kernel_shape=[2, 2], strides=[2, 2], pads=pads)

    def stem(self, x, stem, size):
        x = self.chain(x, stem.first)
        pooled = self.pool("MaxPool", x, size)
        strided = self.chain(self.chain(x, stem.narrow), stem.stride)
        return self.chain(self.op("Concat", pooled, strided, axis=1), stem.join)

    def dense(self, x, layer):
        return self.op("Concat", x, self.chain(x, layer.near), self.chain(x, layer.far), axis=1)

    def body(self, x, body, size):
        """The maps of the last two stages."""
        maps = []
        size = halved(size)
        x = self.stem(x, body.stem, size)
        size = halved(size)
        for index, layers in enumerate(body.stages):
            if index:
                x, size = self.pool("AveragePool", x, size), halved(size)
            for layer in layers[:-1]:
                x = self.dense(x, layer)
            x = self.chain(x, layers[-1])
            maps.append(x)
        return maps[-2:]

    def residual(self, x, block):
        return self.op("Relu", self.op("Add", self.chain(x, block.skip), self.chain(x, block.branch)))

    def rows(self, heads, maps, columns, output=None):
        flat = []
        for head, x in zip(heads, maps):
            x = self.op("Transpose", self.convolution(x, head), perm=[0, 2, 3, 1])
            flat.append(self.op("Flatten", x, axis=1))
        shape = f"shape{len(self.shapes)}"
        self.shapes.append(typed(np.array([0, -1, columns]), shape))
        return self.op("Reshape", self.op("Concat", *flat, axis=1), shape, output=output)

    def classifier(self, model, size):
        x = self.op("GlobalAveragePool", self.body("data", model.body, size)[-1])
        x = self.op("Flatten", self.op("Dropout", x, ratio=model.dropout.p), axis=1)
        x = self.op("Gemm", x, self.weight(model.fc.weight), self.weight(model.fc.bias), transB=1)
        self.op("Softmax", x, axis=1, output="prob")

    def detector(self, model, size):
        maps = self.body("data", model.body, size)
        for block in model.extras:
            maps.append(self.chain(maps[-1], block))
        maps = [self.residual(x, block) for x, block in zip(maps, model.residuals)]
        maps.insert(0, maps[0])
        self.rows(model.loc, maps, 4, output="loc")
        self.op("Softmax", self.rows(model.conf, maps, model.classes), axis=2, output="conf")


def halved(size):
    return tuple((side + 1) // 2 for side in size)


def typed(array, name):
    """A tensor in float_data or int64_data, where these converters put them."""
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor(name, kind, array.shape, array.ravel())


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def convert(model, size, outputs, opset, unsqueezed_scales):
    """The ONNX model of a network in evaluation mode; `outputs` are shapes by name."""
    writer = Writer(unsqueezed_scales)
    (writer.classifier if isinstance(model, PeleeNet) else writer.detector)(model, size)
    inputs = [value("data", [1, 3, *size])] + [value(t.name, t.dims, t.data_type) for t in writer.shapes]
    results = [value(name, shape) for name, shape in outputs.items()]
    graph = helper.make_graph(writer.nodes, type(model).__name__, inputs, results, writer.shapes)
    opsets = [helper.make_opsetid("", opset)]
    onnx_model = helper.make_model(graph, opset_imports=opsets, ir_version=3, producer_name="caffe-converter")
    checker.check_model(onnx_model)
    return onnx_model
