"""Writes light/: the large networks of the ONNX backend tests, whose weights are one value everywhere, with their expected outputs.

Their input is not stored, since it follows from a rule: `ramp`.
"""

import shutil
from pathlib import Path

import numpy as np
import onnx.backend.test

HERE = Path(__file__).parent / "light"
SOURCE = Path(onnx.backend.test.__file__).parent / "data" / "light"


def ramp(shape):
    """The input as the runner of the tests makes it: `i / n` in f64 for element `i` of `n`, rounded to f32."""
    count = np.prod(shape)
    return (np.arange(count).reshape(shape) / count).astype(np.float32)


def copy(source):
    """Stores a network as it comes, with its outputs; its name."""
    name = source.stem.removeprefix("light_")
    data = HERE / name / "test_data_set_0"
    data.mkdir(parents=True)
    shutil.copyfile(source, HERE / name / "model.onnx")
    for output in sorted(source.parent.glob(f"{source.stem}_output_*.pb")):
        shutil.copyfile(output, data / output.name.removeprefix(f"{source.stem}_"))
    return name


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    print(", ".join(copy(source) for source in sorted(SOURCE.glob("*.onnx"))))


if __name__ == "__main__":
    main()
