"""Mean average precision of a detector on the test sets, through the reference decoder.

    evaluate.py ../detector-small/model.onnx      through onnxruntime
    evaluate.py cache/checkpoint.pt               the averaged weights of a checkpoint, through PyTorch
    evaluate.py cache/large/checkpoint.pt --network large
    evaluate.py ../detector-small/model.onnx --pictures ../detector-small/photographs
                                                  on a folder of pictures with an annotations.json

Both figures are COCO's for boxes of all areas: precision at 101 points of recall, at most 100 detections a picture; at an
overlap of 0.5, and the mean of 0.5, 0.55 and so on to 0.95.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from network import NETWORKS, add_option, ssd  # puts .. on the path
from frames import prepare
from ring import full
from scenes import LABELS
from vectors import session

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)


def decoding(network):
    """The network's description with a low threshold, as average precision wants it."""
    return network.setting | {"detector": network.setting["detector"] | {"threshold": 0.01, "detections": 100}}


def outputs(network, detector, images):
    """Offsets and scores of the bytes [N, side, side, 3], a batch at a time."""
    for first in range(0, len(images), 50):
        x = network.normalised(torch.from_numpy(images[first : first + 50].copy()))
        with torch.no_grad():
            loc, scores = detector(x)
        yield from zip(loc.numpy(), scores.numpy())


class Onnx:
    """An ONNX model that is called as a detector is."""

    def __init__(self, path):
        self.engine = session(str(path))

    def __call__(self, x):
        name = self.engine.get_inputs()[0].name
        found = [self.engine.run(["loc", "conf"], {name: picture.contiguous().numpy()}) for picture in x.split(1)]
        return tuple(torch.from_numpy(np.concatenate(parts)) for parts in zip(*found))


def evaluate(network, detector, ring):
    """The figures of a detector, whose settings are `network`, on a ring's scenes."""
    return figures(decoded(network, detector, ring.images, decoding(network)), ring.boxes)


def decoded(network, detector, images, setting):
    """The detections in each image."""
    return [ssd.decode(setting, *both, network.config.size) for both in outputs(network, detector, images)]


def evaluate_pictures(network, detector, folder):
    """The figures of a detector on a folder of pictures of any size, whose objects are in its annotations.json."""
    found, truth = [], []
    frame = [network.setting["frame"][key] for key in ("size", "order", "mean", "scale", "fit", "resize")]
    for scene in json.loads((folder / "annotations.json").read_text())["scenes"]:
        picture = np.asarray(Image.open(folder / scene["file"]).convert("RGB"))
        with torch.no_grad():
            loc, scores = detector(torch.from_numpy(prepare(picture, *frame)))
        found.append(ssd.decode(decoding(network), loc.numpy(), scores.numpy(), picture.shape[1::-1]))
        truth.append(np.float32([[one["class"], *one["box"]] for one in scene["objects"]]))
    return figures(found, truth)


def figures(found, truth):
    """The two figures of detections, and the first one for each class; classes that are nowhere do not count."""
    present = np.unique(np.concatenate(truth)[:, 0])
    none = [np.nan] * len(OVERLAPS)
    labels = range(1, len(LABELS))
    table = np.array([precisions(found, truth, label) if label in present else none for label in labels])
    return np.nanmean(table[:, 0]), np.nanmean(table), table[:, 0]


def precisions(found, truth, label):
    """Average precision of a class at each overlap."""
    scores, hits, count = [], [], 0
    for detections, objects in zip(found, truth):
        boxes = objects[objects[:, 0] == label, 1:]
        own = detections.classes == label
        scores.append(detections.scores[own])
        hits.append(assigned(detections.boxes[own], boxes))
        count += len(boxes)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hits = np.concatenate(hits)[order]
    return [average_precision(hits[:, index], count) for index in range(len(OVERLAPS))]


def assigned(boxes, truth):
    """Which of a picture's detections, best first, hit an object that none before has, at each overlap."""
    hits = np.zeros((len(boxes), len(OVERLAPS)), bool)
    if not len(truth):
        return hits
    shares = np.array([ssd.overlap(box, truth) for box in boxes]).reshape(-1, len(truth))
    for column, least in enumerate(OVERLAPS):
        free = np.ones(len(truth), bool)
        for row, share in enumerate(shares):
            best = np.argmax(np.where(free, share, -1))
            if free[best] and share[best] >= least:
                hits[row, column], free[best] = True, False
    return hits


def average_precision(hits, count):
    """The mean over recalls of the best precision at that recall or a higher one."""
    right = np.cumsum(hits)
    precision = np.maximum.accumulate((right / np.arange(1, len(hits) + 1))[::-1])[::-1]
    places = np.searchsorted(right / count, RECALLS)
    return np.append(precision, 0)[places].mean()


def row(name, half, coco, classes):
    """A line of the table of figures."""
    return f"| {name} | {half:.3f} | {coco:.3f} | {' | '.join(f'{value:.3f}' for value in classes)} |"


def read(network, path):
    """The detector of an ONNX model or of a checkpoint."""
    if path.suffix == ".onnx":
        return Onnx(path)
    detector = network.detector().eval()
    detector.load_state_dict(torch.load(path)["average"])
    return detector


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER")
    add_option(parser)
    arguments = parser.parse_args()
    network = NETWORKS[arguments.network]
    detector = read(network, arguments.model)
    torch.set_num_threads(1)
    print("| set | mAP@0.5 | mAP@0.5:0.95 |", " | ".join(LABELS[1:]), "|")
    if arguments.pictures:
        print(row(arguments.pictures.name, *evaluate_pictures(network, detector, arguments.pictures)))
    else:
        for part in ("a", "b"):
            print(row(part.upper(), *evaluate(network, detector, full(network, part, 500))), flush=True)
