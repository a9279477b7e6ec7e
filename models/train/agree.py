"""Whether the compiled network says of the test scenes what onnxruntime and the reference decoder say, and its figures.

    agree.py ../../target/release/peleec
    agree.py ../../target/release/peleec --network large

Scenes go into cache/pictures, or cache/large/pictures, as PNG files, so that `peleec run` reads the same bytes. Detections
agree that have the same class, corners within 0.01 pixels and scores within 1e-4, at the threshold of the model's own
description.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from evaluate import Onnx, decoded, decoding, figures, row
from network import NETWORKS, add_option, read_weights, ssd
from ring import full
from scenes import LABELS

PIXELS, SCORE = 0.01, 1e-4
"""How far corners and scores may lie apart."""


def written(network, part, images):
    """The folder of the scenes as PNG files."""
    folder = network.cache / "pictures" / part
    folder.mkdir(parents=True, exist_ok=True)
    for number, pixels in enumerate(images):
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return folder


def compiled(peleec, network, setting, pictures):
    """What `peleec run` sees in the folder's pictures with a copy of the network's model that is described by `setting`.

    `peleec` is the binary with its options.
    """
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(network.folder / "model.onnx", place)
        Path(place, "model.toml").write_text(ssd.toml(setting))
        command = [peleec[0], "run", Path(place, "model.onnx"), pictures, "--format", "json", *peleec[1:]]
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    images = sorted(told["images"], key=lambda image: image["file"])
    return [detections(image["detections"], image["truncated"]) for image in images]


def detections(told, truncated):
    classes = np.array([one["class"] for one in told], np.int64)
    scores = np.array([one["score"] for one in told], np.float32)
    boxes = np.array([one["box"] for one in told], np.float32).reshape(-1, 4)
    return ssd.Detections(classes, None, scores, boxes, truncated)


def pairs(wanted, found):
    """For each wanted detection the one that agrees with it, or None; each is used once."""
    free = list(range(len(found.classes)))
    for label, score, box in zip(wanted.classes, wanted.scores, wanted.boxes):
        near = (found.classes == label) & (abs(found.scores - score) <= SCORE)
        near &= (abs(found.boxes - box) <= PIXELS).all(1)
        own = next((index for index in free if near[index]), None)
        if own is not None:
            free.remove(own)
        yield own


def compare(part, wanted, found):
    """Prints how many detections agree, how far they are apart, and those that only one side has."""
    agreed, far, shift = 0, 0.0, 0.0
    for number, (left, right) in enumerate(zip(wanted, found, strict=True)):
        paired = list(pairs(left, right))
        for index, own in enumerate(paired):
            if own is not None:
                far = max(far, float(abs(left.scores[index] - right.scores[own])))
                shift = max(shift, float(abs(left.boxes[index] - right.boxes[own]).max()))
        agreed += len(paired) - paired.count(None)
        lonely = [(index, left, "onnxruntime") for index, own in enumerate(paired) if own is None]
        lonely += [(index, right, "peleec") for index in range(len(right.classes)) if index not in paired]
        for index, side, name in lonely:
            label, corners = LABELS[side.classes[index]], " ".join(f"{edge:.2f}" for edge in side.boxes[index])
            print(f"{part}/{number:03}.png: {label} {side.scores[index]:.5f} at {corners} by {name} only")
    ours, theirs = (sum(len(one.classes) for one in side) for side in (found, wanted))
    print(f"{part.upper()}: {agreed} detections agree, of {theirs} by onnxruntime and {ours} by peleec", end="; ")
    print(f"scores are at most {far:.1e} apart, corners {shift:.1e} pixels")


def main(peleec, network):
    torch.set_num_threads(1)
    detector, engine = network.detector().eval(), Onnx(network.folder / "model.onnx")
    read_weights(detector, network.folder / "model.onnx")
    low, lines = decoding(network), []
    for part in ("a", "b"):
        ring = full(network, part, 500)
        pictures = written(network, part, ring.images)
        wanted = decoded(network, engine, ring.images, network.setting)
        compare(part, wanted, compiled(peleec, network, network.setting, pictures))
        ways = {
            "PyTorch": decoded(network, detector, ring.images, low),
            "onnxruntime": decoded(network, engine, ring.images, low),
            "peleec": compiled(peleec, network, low, pictures),
        }
        lines += [row(f"{part.upper()}, {way}", *figures(found, ring.boxes)) for way, found in ways.items()]
    print(*lines, sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peleec", help="the peleec binary")
    parser.add_argument("--target", default="generic", help="the machine that peleec compiles for")
    add_option(parser)
    arguments = parser.parse_args()
    main([arguments.peleec, "--target", arguments.target], NETWORKS[arguments.network])
