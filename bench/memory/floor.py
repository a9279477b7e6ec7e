"""Bytes of f32 that every way of computing an ONNX file's maps needs, if each row of a map is computed whole and once, from the top down.

Rows may come in any order otherwise, and lie anywhere. The input and the outputs are the caller's and cost nothing, and neither does the
sum of a global average pool. A 1x1 convolution and the average pool behind it are one, as is an addition with the convolution that makes
its last operand, which then adds into the rows of the other.

When a row is about to be computed, the rows that it reads are there, it is not, and what is there follows from what has been computed:
a row is kept if it has been and a reader of it has not. The least bytes that any such state keeps are a minimum cut, and with the row's
own they are a bound. The floor is the largest over rows of every map.

Arguments: MODEL
"""

import sys

import numpy
import onnx
from onnx import helper, numpy_helper
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow

# Rows of each map that are tried. Any of them gives a bound.
TRIED = 16
UNBOUNDED = 10**9
SAME = {"BatchNormalization", "Relu", "Clip", "Identity", "Dropout", "Transpose", "Softmax", "Reshape", "Flatten"}


class Map:
    """What one operator makes, in as many steps as it has rows, or of a sum one for each row that goes into it."""

    def __init__(self, kind, sources, elements, steps, window=(1, 1, 0)):
        self.kind, self.sources, self.elements, self.steps = kind, sources, elements, steps
        self.kernel, self.stride, self.pad = window
        self.adds = None

    def needs(self, row):
        """What must have been computed before this row: the rows that it reads, and the one above it."""
        begin = row * self.stride - self.pad
        for source in self.sources:
            last = source.steps - 1
            if source.kind == "sum":
                yield source, last
            else:
                yield from ((source, at) for at in range(max(begin, 0), min(begin + self.kernel - 1, last) + 1))
        if self.adds:
            yield self.adds, row
        if row:
            yield self, row - 1


def read(path):
    """The maps of a file in its order, and those that are outputs."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    values = [*graph.input, *graph.output, *graph.value_info]
    shapes = {value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in values}
    found, maps = {}, []
    for value in (value for value in graph.input if value.name not in constants):
        _, channels, height, width = shapes[value.name]
        found[value.name] = [Map("input", [], channels * width, height)]
    for node in graph.node:
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        operands = [found[name] for name in node.input if name in found]
        [result, *_] = node.output
        if node.op_type == "Constant":
            continue
        if node.op_type in SAME:
            found[result] = operands[0]
        elif node.op_type == "Concat":
            found[result] = sum(operands, [])
        elif node.op_type == "Add":
            [first], [second] = sorted(operands, key=lambda operand: maps.index(operand[0]))
            second.adds = first
            found[result] = [second]
        elif node.op_type in ("Conv", "MaxPool", "AveragePool"):
            kernel = attributes["kernel_shape"] if "kernel_shape" in attributes else constants[node.input[1]].shape[2:]
            window = (kernel[0], attributes.get("strides", [1])[0], attributes.get("pads", [0])[0])
            _, channels, height, width = shapes[result]
            kind = "pointwise" if node.op_type == "Conv" and window[:2] == (1, 1) else node.op_type
            maps.append(Map(kind, operands[0], channels * width, height, window))
            found[result] = maps[-1:]
        elif node.op_type == "GlobalAveragePool":
            maps.append(Map("sum", operands[0], 0, operands[0][0].steps))
            found[result] = maps[-1:]
        elif node.op_type == "Gemm":
            maps.append(Map("Gemm", operands[0], shapes[result][1], 1))
            found[result] = maps[-1:]
        else:
            sys.exit(f"{node.op_type} is not handled")
    for pool in [map for map in maps if map.kind == "AveragePool"]:
        [before, *others] = pool.sources
        readers = [map for map in maps if before in map.sources or map.adds is before]
        if not others and before.kind == "pointwise" and not before.adds and readers == [pool]:
            pool.sources = before.sources
            maps.remove(before)
    return maps, {map for value in graph.output for map in found[value.name]}


def floor(maps, outputs):
    rows = [(map, row) for map in maps for row in range(map.steps)]
    at = {row: index for index, row in enumerate(rows)}
    # The rows that hold nothing of their own: with the caller, sums, and those that are added into another map's.
    free = lambda map: map in outputs or map.kind == "sum" or map.adds is not None
    size = {row: 0 if free(row[0]) else row[0].elements for row in rows}
    needs = {row: [needed for needed in row[0].needs(row[1]) if needed in at] for row in rows}
    readers = {row: set() for row in rows}
    for row in rows:
        for needed in needs[row]:
            if needed[0] is not row[0]:
                readers[needed].add(row)
    count = len(rows)
    # One node says that a row has been computed, one that all its readers have been too.
    edges = [(at[row], at[needed], UNBOUNDED) for row in rows for needed in needs[row]]
    for row in (row for row in rows if size[row]):
        edges.append((at[row], count + at[row], size[row]))
        edges += [(count + at[row], at[reader], UNBOUNDED) for reader in all_readers(row, readers)]
    best = 0
    source, sink = 2 * count, 2 * count + 1
    for row in rows:
        if row[1] not in {row[0].steps * part // TRIED for part in range(TRIED)}:
            continue
        state = [(source, at[needed], UNBOUNDED) for needed in needs[row]] + [(at[row], sink, UNBOUNDED)]
        begins, ends, capacities = zip(*edges, *state)
        network = csr_matrix((numpy.array(capacities, numpy.int32), (begins, ends)), shape=(sink + 1, sink + 1))
        best = max(best, int(maximum_flow(network, source, sink).flow_value) + size[row])
    return best


def all_readers(row, readers):
    """What reads a row, or a sum that lies in its place, as what is added to that does in turn."""
    found, places = set(), [row]
    while places:
        place = places.pop()
        found |= readers[place]
        places += [reader for reader in readers[place] if reader[0].adds is place[0]]
    return found


if __name__ == "__main__":
    print(4 * floor(*read(sys.argv[1])))
