"""The worker for engines that are Python packages; src/lib.rs says how the driver and a worker talk.

Arguments: ENGINE MODEL INPUTS OUTPUTS THREADS SHAPE...
"""

import importlib
import sys
import time
from pathlib import Path

import numpy


def load_onnxruntime(package, model, inputs, threads):
    options = package.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = package.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = package.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {to.name: array for to, array in zip(session.get_inputs(), inputs)}
    return lambda: session.run(None, feed)


def load_openvino(package, model, inputs, threads):
    core = package.Core()
    network = core.read_model(model)
    network.reshape({index: array.shape for index, array in enumerate(inputs)})
    settings = {
        # Processors with bf16 or f16 units are given those types otherwise.
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # The driver has chosen the cores.
        "ENABLE_CPU_PINNING": False,
    }
    compiled = core.compile_model(network, "CPU", settings)
    assert compiled.get_property("INFERENCE_PRECISION_HINT") == package.Type.f32
    request = compiled.create_infer_request()
    for index, array in enumerate(inputs):
        request.set_input_tensor(index, package.Tensor(array, shared_memory=True))

    def run():
        request.infer()
        return [tensor.data for tensor in request.output_tensors]

    return run


LOADERS = {"onnxruntime": load_onnxruntime, "openvino": load_openvino}


def nanoseconds(run):
    start = time.perf_counter_ns()
    run()
    return time.perf_counter_ns() - start


def peak_kib():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("VmHWM:"))


def main(engine, model, inputs, outputs, threads, *shapes):
    package = importlib.import_module(engine)
    shapes = [[int(extent) for extent in shape.split("x")] for shape in shapes]
    arrays = [numpy.fromfile(f"{inputs}/{index}.bin", "<f4").reshape(shape) for index, shape in enumerate(shapes)]
    before = peak_kib()
    run = LOADERS[engine](package, model, arrays, int(threads))
    print("ready", threads, before, flush=True)
    for line in sys.stdin:
        command, *count = line.split()
        if command != "run":
            break
        run()  # Brings the caches back from the engine that ran last.
        print(*(nanoseconds(run) for _ in range(int(count[0]))), flush=True)
    peak = peak_kib()
    for index, output in enumerate(run()):
        output.astype("<f4").tofile(f"{outputs}/{index}.bin")
    print(peak, flush=True)


main(*sys.argv[1:])
