"""Writes typed/: small models whose inputs and outputs are bytes, integers or truth, with onnxruntime's answers."""

import shutil
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import vectors

HERE = Path(__file__).parent / "typed"
TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.bool_): TensorProto.BOOL,
}


def cast(name, source, dtype):
    return helper.make_node("Cast", [source], [name], name=name, to=TYPES[np.dtype(dtype)])


def picture(random, order):
    """A picture of bytes, channels last, as exporters of TensorFlow have it: cast and transposed in one order or the other."""
    weights = {
        "w": random.normal(0, 0.1, (8, 3, 3, 3)).astype(np.float32),
        "b": random.normal(0, 1, 8).astype(np.float32),
        "v": random.normal(0, 0.1, (8, 8, 1, 1)).astype(np.float32),
    }
    turn = lambda name, source: helper.make_node("Transpose", [source], [name], name=name, perm=[0, 3, 1, 2])
    steps = {"cast": lambda name, source: cast(name, source, np.float32), "turn": turn}
    nodes, last = [], "x"
    for step in order:
        nodes.append(steps[step](step, last))
        last = step
    nodes += [
        helper.make_node("Conv", [last, "w", "b"], ["conv"], name="conv", pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["conv"], ["relu"], name="relu"),
        helper.make_node("Conv", ["relu", "v"], ["y"], name="head"),
    ]
    return nodes, weights, {"x": random.integers(0, 256, (1, 14, 12, 3)).astype(np.uint8)}, ["y"]


def casts(random):
    """Every pair of types that a run can meet; floats that every type holds, as the results of others are nobody's to say."""
    shape = (2, 3)
    inputs = {
        "f32": (random.integers(0, 1000, shape) / 8).astype(np.float32),
        "u8": random.integers(0, 256, shape).astype(np.uint8),
        "i8": random.integers(-128, 128, shape).astype(np.int8),
        "i32": random.integers(-(2**31), 2**31, shape).astype(np.int32),
        "i64": random.integers(-(2**40), 2**40, shape).astype(np.int64),
        "bool": random.integers(0, 2, shape).astype(np.bool_),
    }
    targets = {"f32": np.float32, "u8": np.uint8, "i8": np.int8, "i32": np.int32, "i64": np.int64}
    pairs = [(source, to) for source in inputs for to in targets if source != to]
    nodes = [cast(f"{source}_as_{to}", source, targets[to]) for source, to in pairs]
    return nodes, {}, inputs, [f"{source}_as_{to}" for source, to in pairs]


def moves(random):
    """Tensors of integers that are only moved."""
    inputs = {
        "bytes": random.integers(0, 256, (2, 4, 3)).astype(np.uint8),
        "longs": random.integers(-(2**62), 2**62, (2, 3)).astype(np.int64),
        "truths": random.integers(0, 2, (3, 2)).astype(np.bool_),
        "unread": random.integers(0, 9, 5).astype(np.int64),
    }
    weights = {
        "row": np.array([[7, 8, 9]], np.int64),
        "parts": np.array([1, 3], np.int64),
        "flat": np.array([4, -1], np.int64),
    }
    nodes = [
        helper.make_node("Split", ["bytes", "parts"], ["first", "others"], name="split", axis=1),
        helper.make_node("Transpose", ["others"], ["turned"], name="turn", perm=[2, 0, 1]),
        helper.make_node("Concat", ["longs", "row", "longs"], ["joined"], name="join", axis=0),
        helper.make_node("Reshape", ["bytes", "flat"], ["flattened"], name="flatten"),
        helper.make_node("Transpose", ["truths"], ["truth"], name="truth"),
    ]
    return nodes, weights, inputs, ["first", "turned", "joined", "flattened", "truth", "row"]


def write(name, nodes, weights, inputs, outputs):
    """One model with one data set; the outputs' types and shapes are those that onnxruntime gives."""
    initializers = [numpy_helper.from_array(array, key) for key, array in weights.items()]
    given = [helper.make_tensor_value_info(key, TYPES[array.dtype], array.shape) for key, array in inputs.items()]

    def model(results):
        graph = helper.make_graph(nodes, name, given, results, initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="typed.py")

    untyped = model([helper.make_empty_tensor_value_info(key) for key in outputs])
    found = vectors.run(untyped.SerializeToString(), list(inputs.values()))
    results = [helper.make_tensor_value_info(key, TYPES[found[key].dtype], found[key].shape) for key in outputs]
    vectors.write_case(HERE / name, model(results), inputs, {key: found[key] for key in outputs})


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    random = np.random.default_rng(11)
    write("picture-cast-transpose", *picture(random, ["cast", "turn"]))
    write("picture-transpose-cast", *picture(random, ["turn", "cast"]))
    write("casts", *casts(random))
    write("moves", *moves(random))


if __name__ == "__main__":
    main()
