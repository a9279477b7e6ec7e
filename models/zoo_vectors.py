"""Writes what onnxruntime makes of an input: `zoo_vectors.py MODEL.onnx input_0.pb` puts output_J.pb beside the input."""

import argparse
from pathlib import Path

import vectors


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("input", type=Path)
    paths = parser.parse_args()
    outputs = vectors.run(str(paths.model), [vectors.read_tensor(paths.input)])
    for index, (name, array) in enumerate(outputs.items()):
        vectors.write_tensor(paths.input.parent / f"output_{index}.pb", array, name)
        print(f"output_{index}.pb {name} {list(array.shape)}")


if __name__ == "__main__":
    main()
