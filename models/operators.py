"""Writes operators/: single-node cases of the ONNX backend tests for the operators that are supported, and the small models of PyTorch
that come with them.

Inputs that a compiler must know, such as weights, shapes and axes, become initializers.
"""

import shutil
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_model_tests, load_node_model_tests

import vectors

HERE = Path(__file__).parent / "operators"

# Each operator with the inputs that become initializers.
OPERATORS = {
    "Abs": [],
    "Add": [],
    "And": [],
    "ArgMax": [],
    "ArgMin": [],
    "AveragePool": [],
    "BatchNormalization": [1, 2, 3, 4],
    "Cast": [0],
    "Ceil": [],
    "Celu": [],
    "Clip": [1, 2],
    "Concat": [],
    "Constant": [],
    "ConstantOfShape": [0],
    "Conv": [1, 2],
    "ConvInteger": [1, 2, 3],
    "ConvTranspose": [1, 2],
    "CumSum": [1],
    "DepthToSpace": [],
    "DequantizeLinear": [1, 2],
    "Div": [],
    "Dropout": [1, 2],
    "DynamicQuantizeLinear": [],
    "Elu": [],
    "Equal": [],
    "Erf": [],
    "Exp": [],
    "Expand": [1],
    "Flatten": [],
    "Floor": [],
    "Gather": [1],
    "Gelu": [],
    "Gemm": [1, 2],
    "GlobalAveragePool": [],
    "GlobalMaxPool": [],
    "Greater": [],
    "GreaterOrEqual": [],
    "GroupNormalization": [1, 2],
    "HardSigmoid": [],
    "HardSwish": [],
    "Hardmax": [],
    "Identity": [],
    "InstanceNormalization": [1, 2],
    "IsInf": [],
    "IsNaN": [],
    "LRN": [],
    "LayerNormalization": [1, 2],
    "LeakyRelu": [],
    "Less": [],
    "LessOrEqual": [],
    "Log": [],
    "LogSoftmax": [],
    "LpNormalization": [],
    "MatMul": [],
    "MatMulInteger": [1, 2, 3],
    "Max": [],
    "MaxPool": [],
    "Mean": [],
    "MeanVarianceNormalization": [],
    "Min": [],
    "Mish": [],
    "Mod": [],
    "Mul": [],
    "Neg": [],
    "NonMaxSuppression": [2, 3, 4],
    "Not": [],
    "Or": [],
    "PRelu": [1],
    "Pad": [1, 2, 3],
    "Pow": [],
    "QLinearConv": [1, 2, 3, 4, 5, 6, 7, 8],
    "QLinearMatMul": [1, 2, 3, 4, 5, 6, 7],
    "QuantizeLinear": [1, 2],
    "RMSNormalization": [1],
    "Reciprocal": [],
    "ReduceL1": [1],
    "ReduceL2": [1],
    "ReduceLogSum": [1],
    "ReduceLogSumExp": [1],
    "ReduceMax": [1],
    "ReduceMean": [1],
    "ReduceMin": [1],
    "ReduceProd": [1],
    "ReduceSum": [1],
    "ReduceSumSquare": [1],
    "Relu": [],
    "Reshape": [1],
    "Resize": [1, 2, 3],
    "Round": [],
    "Selu": [],
    "Shape": [],
    "Sigmoid": [],
    "Sign": [],
    "Slice": [1, 2, 3, 4],
    "Softmax": [],
    "Softplus": [],
    "Softsign": [],
    "SpaceToDepth": [],
    "Split": [1],
    "Sqrt": [],
    "Squeeze": [1],
    "Sub": [],
    "Sum": [],
    "Swish": [],
    "Tanh": [],
    "ThresholdedRelu": [],
    "Tile": [1],
    "TopK": [1],
    "Transpose": [],
    "Unsqueeze": [1],
    "Upsample": [1],
    "Where": [],
    "Xor": [],
}
# Operators with several outputs.
OUTPUTS = {"DynamicQuantizeLinear": 3, "TopK": 2}
TYPES = {TensorProto.FLOAT, TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL}
CONSTANT_TYPES = TYPES | {TensorProto.FLOAT16, TensorProto.DOUBLE}
LARGEST = 25_000


def wanted(case):
    """One node of a listed operator, inference, small, two-dimensional pools."""
    graph = case.model.graph
    if len(graph.node) != 1 or graph.node[0].op_type not in OPERATORS:
        return False
    if len(graph.output) != OUTPUTS.get(graph.node[0].op_type, 1):
        return False
    if any(word in case.name for word in ("training", "pool_1d", "pool_3d")):
        return False
    return plain_types(graph) and plain_arrays(case)


def plain_types(graph):
    """Tensors of the types that a compiled network may take and give; constants may be wider."""
    fixed = constants(graph)
    inputs = [value for value in graph.input if value.name not in fixed]
    wide = [value for value in graph.input if value.name in fixed]
    return kinds(inputs) | kinds(graph.output) <= TYPES and kinds(wide) <= CONSTANT_TYPES


def kinds(values):
    return {value.type.tensor_type.elem_type for value in values}


def plain_arrays(case):
    """At most five axes, no empty tensor, not too large."""
    tensors = sum(arrays(case), [])
    if any(tensor.ndim > 5 or tensor.size == 0 for tensor in tensors):
        return False
    return case.model.ByteSize() + sum(tensor.nbytes for tensor in tensors) <= LARGEST


def arrays(case):
    """Inputs and expected outputs of a case; some come as messages and some as numbers."""
    return [[array(value) for value in side] for side in case.data_sets[0]]


def array(value):
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.asarray(value)


def constants(graph):
    """Names of the inputs that become initializers."""
    node = graph.node[0]
    return {node.input[index] for index in OPERATORS[node.op_type] if index < len(node.input)}


def write(case):
    """Stores a case with its own expected outputs."""
    model, fixed = onnx.ModelProto(), constants(case.model.graph)
    model.CopyFrom(case.model)
    graph = model.graph
    inputs, outputs = arrays(case)
    tensors = dict(zip([value.name for value in graph.input], inputs, strict=True))
    graph.initializer.extend(numpy_helper.from_array(tensors[name], name) for name in tensors if name in fixed)
    kept = [value for value in graph.input if value.name not in fixed]
    del graph.input[:]
    graph.input.extend(kept)
    # The shape inference of onnx stumbles over what this one means.
    onnx.checker.check_model(model, full_check=graph.node[0].op_type != "MeanVarianceNormalization")
    tensors = {name: tensor for name, tensor in tensors.items() if name not in fixed}
    expected = dict(zip([value.name for value in graph.output], outputs, strict=True))
    vectors.write_case(HERE / case.name.removeprefix("test_"), model, tensors, expected)


def copy(case):
    """Stores a model with its first inputs and outputs as they are, where they are small; whether they are."""
    source = Path(case.model_dir)
    files = [source / "model.onnx", *sorted((source / "test_data_set_0").glob("*.pb"))]
    if sum(file.stat().st_size for file in files) > LARGEST:
        return False
    for file in files:
        to = HERE / f"pytorch_{case.name.removeprefix('test_')}" / file.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
    return True


def main():
    warnings.simplefilter("ignore")
    shutil.rmtree(HERE, ignore_errors=True)
    cases = [case for case in load_node_model_tests() if wanted(case)]
    for case in cases:
        write(case)
    stored = [copy(case) for kind in ("pytorch-converted", "pytorch-operator") for case in load_model_tests(kind=kind)]
    print(f"{len(cases)} cases of nodes, {sum(stored)} models")


if __name__ == "__main__":
    main()
