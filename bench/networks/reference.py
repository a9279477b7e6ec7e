"""Times onnxruntime on an exported network, one thread, all its optimisations.

Arguments: FOLDER, with model.onnx and test_data_set_0. A line "SECONDS" on stdin is answered by the least nanoseconds of the runs of so
many seconds, and how many runs that were.
"""

import sys
import time
from pathlib import Path

import onnxruntime

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "models"))

import vectors

# However little time there is.
MIN_RUNS = 5


def main(folder):
    engine = vectors.session(str(folder / "model.onnx"))
    inputs = vectors.read_set(folder / "test_data_set_0", "input")
    feed = {value.name: array for value, array in zip(engine.get_inputs(), inputs, strict=True)}
    engine.run(None, feed)
    print("ready", onnxruntime.__version__, flush=True)
    for line in sys.stdin:
        print(*least(lambda: engine.run(None, feed), float(line)), flush=True)


def least(run, seconds):
    """The least nanoseconds of a run, and how many runs."""
    nanoseconds, end = [], time.perf_counter() + seconds
    while len(nanoseconds) < MIN_RUNS or time.perf_counter() < end:
        start = time.perf_counter_ns()
        run()
        nanoseconds.append(time.perf_counter_ns() - start)
    return min(nanoseconds), len(nanoseconds)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
