"""What an ONNX file's tensors take by the rules of two other tools, as JSON in bytes of f32; ../README.md states the rules.

Arguments: MODEL
"""

import json
import math
import sys

import onnx

# What a converter to TensorFlow Lite leaves none of: it folds these, fuses them, or stores maps as they want them.
FOLDED = {"BatchNormalization", "Relu", "Clip", "Identity", "Dropout", "Transpose"}


def main():
    model = onnx.shape_inference.infer_shapes(onnx.load(sys.argv[1]), strict_mode=True)
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    inputs = [value.name for value in graph.input if value.name not in constants]
    outputs = {value.name for value in graph.output}
    values = [*graph.input, *graph.output, *graph.value_info]
    bytes_of = {value.name: 4 * math.prod(axis.dim_value for axis in value.type.tensor_type.shape.dim) for value in values}
    nodes = [
        ([name for name in node.input if name and name not in constants], [name for name in node.output if name], node.op_type)
        for node in graph.node
        if node.op_type != "Constant"
    ]
    print(json.dumps({"tflm": tflm(nodes, inputs, outputs, bytes_of), "onnx2c": onnx2c(nodes, outputs, bytes_of)}))


def onnx2c(nodes, outputs, bytes_of):
    """`unionize_tensors.cpp`: the output of a node goes to the first union that is free; a union is as large as the largest of its tensors."""
    left = {}
    for reads, _, _ in nodes:
        for name in reads:
            left[name] = left.get(name, 0) + 1
    unions, sizes = [], []
    for reads, writes, _ in nodes:
        for name in (name for name in writes if name not in outputs):
            if None not in unions:
                unions.append(None)
                sizes.append(0)
            at = unions.index(None)
            unions[at] = name
            sizes[at] = max(sizes[at], bytes_of[name])
        for name in reads:
            left[name] -= 1
        unions = [name if left.get(name) else None for name in unions]
    return sum(sizes)


def tflm(nodes, inputs, outputs, bytes_of):
    """`greedy_memory_planner.cc`: the largest tensor first, each at the lowest offset that no tensor of its time has."""
    same = {}
    lives = {name: [0, 0] for name in inputs}
    for at, (reads, writes, operator) in enumerate(nodes, 1):
        reads = [same.get(name, name) for name in reads]
        if operator in FOLDED:
            same[writes[0]] = reads[0]
            continue
        for name in reads:
            lives[name][1] = at
        for name in writes:
            lives[name] = [at, at]
    for name in outputs:
        lives[same.get(name, name)][1] = len(nodes) + 1
    placed = []
    # Of equals the one that was added last.
    for name in sorted(reversed(lives), key=lambda name: -bytes_of[name]):
        size = -(-bytes_of[name] // 16) * 16
        first, last = lives[name]
        offset = 0
        for begin, end, other_first, other_last in sorted(placed):
            if other_first <= last and first <= other_last:
                if begin - offset >= size:
                    break
                offset = max(offset, end)
        placed.append((offset, offset + size, first, last))
    return max(end for _, end, _, _ in placed)


if __name__ == "__main__":
    main()
