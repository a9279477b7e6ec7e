"""Scenes rendered ahead, on disk: numbers count up for ever, and scene number n lies in slot n modulo the size."""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from network import NETWORKS, add_option
from scenes import MOST, PARTS, scene


class Ring:
    """The scenes of a set for a network that were rendered last, in files that are mapped into memory.

    `boxes` holds class and corners of each object, and class 0 where there are fewer than the most.
    """

    def __init__(self, network, part, size):
        self.size, folder, side = size, network.cache, network.size
        self.scene = partial(scene, part, side, network.work)
        self.images = mapped(folder / f"{part}-images.npy", (size, side, side, 3), np.uint8)
        self.boxes = mapped(folder / f"{part}-boxes.npy", (size, MOST, 5), np.float32)
        self.numbers = mapped(folder / f"{part}-numbers.npy", (size,), np.int64)

    def store(self, number, pixels, found):
        slot = number % self.size
        self.images[slot] = pixels
        self.boxes[slot] = 0
        self.boxes[slot, : len(found)] = found
        self.numbers[slot] = number + 1

    def missing(self, numbers):
        """Those of the numbers whose slot holds another scene; a slot holds its scene's number and one."""
        return [number for number in numbers if self.numbers[number % self.size] != number + 1]

    def fill(self, numbers, workers):
        """Renders the scenes of the numbers that are missing."""
        missing = self.missing(numbers)
        with ProcessPoolExecutor(workers) as pool:
            for number, found in zip(missing, pool.map(self.scene, missing, chunksize=16)):
                self.store(number, *found)


def mapped(path, shape, kind):
    """An array in a file, which is kept if it has this shape and else made anew."""
    if path.is_file():
        array = np.lib.format.open_memmap(path, "r+")
        if array.shape == shape:
            return array
    path.parent.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(path, "w+", kind, shape)


def full(network, part, size, workers=2):
    """The first scenes of a set, rendered where they are missing."""
    ring = Ring(network, part, size)
    ring.fill(range(size), workers)
    return ring


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Renders the first scenes of a set.")
    parser.add_argument("--part", choices=PARTS, default="train")
    parser.add_argument("--size", type=int, default=10000)
    parser.add_argument("--workers", type=int, default=2)
    add_option(parser)
    arguments = parser.parse_args()
    full(NETWORKS[arguments.network], arguments.part, arguments.size, arguments.workers)
