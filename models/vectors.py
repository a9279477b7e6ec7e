"""Test vectors in the layout of the ONNX backend tests: NAME/model.onnx, NAME/test_data_set_0/input_0.pb, output_0.pb."""

import onnx
import onnxruntime
from onnx import numpy_helper


def session(model, optimised=True):
    """An onnxruntime session on one thread of the CPU; `model` is a path or a serialised model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(model, inputs, optimised=True):
    """Outputs by name for the inputs in the order of the model's."""
    engine = session(model, optimised)
    names = [value.name for value in engine.get_inputs()][: len(inputs)]
    outputs = engine.run(None, dict(zip(names, inputs)))
    return {value.name: array for value, array in zip(engine.get_outputs(), outputs)}


def read_tensor(path):
    return numpy_helper.to_array(onnx.load_tensor(path))


def write_tensor(path, array, name):
    path.write_bytes(numpy_helper.from_array(array, name).SerializeToString(deterministic=True))


def write_case(folder, model, inputs, outputs):
    """Writes the model and one data set; inputs and outputs are arrays by name."""
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    for kind, tensors in [("input", inputs), ("output", outputs)]:
        for index, (name, array) in enumerate(tensors.items()):
            write_tensor(data / f"{kind}_{index}.pb", array, name)


def read_set(data, kind):
    """The arrays KIND_0.pb, KIND_1.pb and so on of a data set."""
    files = sorted(data.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.split("_")[1]))
    return [read_tensor(path) for path in files]
