"""Trains a detector's body to tell apart what is on pieces of scenes: one of the classes, or nothing of them.

    pretrain.py --epochs 20     writes body.pt, which `train.py --body` starts from

The head, a mean of each channel and a fully connected layer, is thrown away.
"""

import argparse
import os
from dataclasses import replace
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from network import NETWORKS, add_option
from pelee import PeleeNet
from ring import Ring
from train import area, optimizer_of, rate

SIDE = 0.5
"""Side of a piece's picture, as a share of the network's input."""

BATCH = 64
STEPS = 50
RATE = 2.5e-3
NOTHING = 0.15
"""Share of the pieces that are looked for where no object is."""


def piece(rng, image, boxes, side):
    """A square of the scene around an object, or one with none; its pixels and class, which is None if parts of objects are in it."""
    boxes = boxes[boxes[:, 0] > 0]
    if len(boxes) and rng.random() > NOTHING:
        label, *corners = boxes[rng.integers(len(boxes))].tolist()
        x0, y0, x1, y1 = corners
        length = max(x1 - x0, y1 - y0) * rng.uniform(0.9, 1.5)
        centre = np.array([x0 + x1, y0 + y1]) / 2 + rng.uniform(-0.15, 0.15, 2) * length
    else:
        length = len(image) * rng.uniform(0.15, 0.6)
        centre = rng.uniform(length / 2, len(image) - length / 2, 2)
        window = np.concatenate([centre - length / 2, centre + length / 2])
        label = 0 if all(apart(window, box[1:]) for box in boxes) else None
    length = min(length, len(image))
    x, y = (centre - length / 2).clip(0, len(image) - length)
    picture = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR, (x, y, x + length, y + length))
    pixels = np.asarray(picture)
    return (pixels[:, ::-1] if rng.random() < 0.5 else pixels), label


def apart(window, box):
    """Whether window and box have next to nothing in common."""
    common = np.concatenate([np.maximum(window[:2], box[:2]), np.minimum(window[2:], box[2:])])
    least = min(area(window[None])[0], area(box[None])[0])
    return bool((common[2:] <= common[:2]).any() or area(common[None])[0] < 0.1 * least)


def pieces(rng, ring, side):
    """A batch of pieces, as bytes and classes."""
    found = []
    while len(found) < BATCH:
        slot = rng.integers(ring.size)
        pixels, label = piece(rng, ring.images[slot], ring.boxes[slot], side)
        if label is not None:
            found.append((pixels, label))
    return np.stack([pixels for pixels, _ in found]), np.array([label for _, label in found], np.int64)


def pretrain(network, epochs, part, scenes):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    side = int(network.size * SIDE)
    classifier = PeleeNet(replace(network.config, size=(side, side))).to(memory_format=torch.channels_last)
    optimizer = optimizer_of(classifier)
    ring = Ring(network, part, scenes)
    ring.fill(range(scenes), 2)
    rate_at = partial(rate, steps=epochs * STEPS, most=RATE)
    for number in range(epochs):
        rng, right, sums = np.random.default_rng(number), 0, 0.0
        for index in range(STEPS):
            for group in optimizer.param_groups:
                group["lr"] = rate_at(number * STEPS + index)
            pixels, labels = (torch.from_numpy(array) for array in pieces(rng, ring, side))
            with torch.autocast("cpu", torch.bfloat16, network.bfloat16):
                scores = classifier(network.normalised(pixels.float()))
            loss = functional.cross_entropy(scores.float(), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sums += float(loss.detach())
            right += int((scores.argmax(1) == labels).sum())
        print(f"{number + 1} of {epochs}: loss {sums / STEPS:.3f}, {right / STEPS / BATCH:.3f} right", flush=True)
    torch.save(classifier.body.state_dict(), network.body)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20, help=f"of {STEPS * BATCH} pieces each")
    parser.add_argument("--part", choices=["train", "weighted"], default="train", help="the scenes, see scenes.py")
    parser.add_argument("--scenes", type=int, default=8000, help="how many lie on disk")
    add_option(parser)
    given = parser.parse_args()
    pretrain(NETWORKS[given.network], given.epochs, given.part, given.scenes)
