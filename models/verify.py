"""Checks every stored model and reproduces its outputs with onnxruntime; prints a table of the networks."""

import collections
from pathlib import Path

import numpy as np
import onnx

import light
import vectors

HERE = Path(__file__).parent
RELATIVE, ABSOLUTE = 1e-3, 1e-5


def verify(folder, optimised=True):
    """Checks a stored model and runs its data set."""
    path, data = folder / "model.onnx", folder / "test_data_set_0"
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    inputs = ramps(model) if folder.parent == light.HERE else vectors.read_set(data, "input")
    outputs = vectors.run(str(path), inputs, optimised).values()
    for array, expected in zip(outputs, vectors.read_set(data, "output"), strict=True):
        assert array.dtype == expected.dtype, folder
        np.testing.assert_allclose(array, expected, RELATIVE, ABSOLUTE, err_msg=str(folder))
    return model


def ramps(model):
    """The inputs that are not stored; a file of the oldest format lists initializers, too."""
    fixed = {tensor.name for tensor in model.graph.initializer}
    kept = [value.type.tensor_type for value in model.graph.input if value.name not in fixed]
    return [light.ramp([dim.dim_value for dim in kind.shape.dim]) for kind in kept]


def describe(folder, model):
    """A row of the table: name, opset, format version, sizes, node types."""
    kinds = collections.Counter(node.op_type for node in model.graph.node)
    kinds = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
    opset, version = model.opset_import[0].version, model.ir_version
    return f"| {folder.name} | {opset} | {version} | {model.ByteSize()} | {size(folder.glob('*/*.pb'))} | {kinds} |"


def size(paths):
    return sum(path.stat().st_size for path in paths)


def main():
    print("| model | opset | IR | model bytes | vector bytes | nodes |\n|---|---|---|---|---|---|")
    for kind in ("detector*", "pelee*", "large/*", "typed/*"):
        for path in sorted(HERE.glob(f"{kind}/model.onnx")):
            print(describe(path.parent, verify(path.parent)))
    for kind in ("quantized", "field"):
        for path in sorted(HERE.glob(f"{kind}/*/model.onnx")):
            print(describe(path.parent, verify(path.parent, optimised=False)))
    for path in sorted(light.HERE.glob("*/model.onnx")):
        print(describe(path.parent, verify(path.parent)))
    cases = sorted(HERE.glob("operators/*/model.onnx"))
    for path in cases:
        verify(path.parent)
    stored = [path for path in HERE.glob("**/*") if path.suffix in (".onnx", ".pb")]
    print(f"\n{len(cases)} operator cases, {len(stored)} files, {size(stored)} bytes")


if __name__ == "__main__":
    main()
