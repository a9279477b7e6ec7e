"""Writes graphs of many nodes into a folder, each as NAME@NODES.onnx."""

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save


class Graph:
    """Nodes over maps of 1xCx8x8, one after the other."""

    def __init__(self, channels):
        self.nodes, self.weights, self.channels = [], [], {"x": channels}

    def add(self, operator, inputs, channels, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        self.channels[name] = channels
        return name

    def convolution(self, x, channels, kernel):
        """With weights of its own, which depend on nothing but its place in the graph."""
        shape = (channels, self.channels[x], kernel, kernel)
        values = np.random.default_rng(len(self.nodes)).standard_normal(shape).astype(np.float32) * 0.1
        weight = f"w{len(self.nodes)}"
        self.weights.append(numpy_helper.from_array(values, weight))
        return self.add("Conv", [x, weight], channels, kernel_shape=[kernel, kernel], pads=[kernel // 2] * 4)

    def concat(self, parts):
        return self.add("Concat", parts, sum(self.channels[part] for part in parts), axis=1)

    def save(self, folder, name, result):
        maps = [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, [1, self.channels[tensor], 8, 8]) for tensor in ("x", result)]
        graph = helper.make_graph(self.nodes, name, maps[:1], maps[1:], self.weights)
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / f"{name}@{len(self.nodes)}.onnx")


def chain(length):
    """Relu and Sigmoid in turn, as two Relus are one."""
    graph, x = Graph(4), "x"
    for number in range(length):
        x = graph.add(["Relu", "Sigmoid"][number % 2], [x], 4)
    return graph, x


def convolutions(length):
    graph, x = Graph(4), "x"
    for _ in range(length):
        x = graph.convolution(x, 4, 3)
    return graph, x


def dense(layers, grow, in_block):
    """A dense network: each layer reads all maps of its block, joined by pairs or as one list; a pointwise convolution ends a block."""
    graph, x = Graph(8), "x"
    for begin in range(0, layers, in_block):
        maps = [x]
        for _ in range(min(in_block, layers - begin)):
            bottleneck = graph.convolution(x, 8, 1)
            maps.append(graph.convolution(graph.add("Relu", [bottleneck], 8), 2, 3))
            if grow == "pairs":
                x = graph.concat([x, maps[-1]])
            else:
                x = graph.concat(maps)
        x = graph.convolution(x, 8, 1)
    return graph, x


def lattice(side):
    """Each sum is of its neighbours above and to the left."""
    graph = Graph(2)
    above = ["x"] * side
    for _ in range(side):
        left = "x"
        for column in range(side):
            left = above[column] = graph.add("Add", [left, above[column]], 2)
    return graph, left


GRAPHS = {
    "chain": lambda: chain(30_000),
    "convolutions": lambda: convolutions(10_000),
    "dense-pairs": lambda: dense(1000, "pairs", 1000),
    "dense-lists": lambda: dense(1000, "lists", 1000),
    "dense-blocks-of-50": lambda: dense(1000, "lists", 50),
    "lattice": lambda: lattice(100),
}

for name, build in GRAPHS.items():
    graph, result = build()
    graph.save(Path(sys.argv[1]), name, result)
