"""Trains the small detector on rendered scenes, on one core, while another renders fresh ones.

    train.py --epochs 64             from the start
    train.py --epochs 64 --resume    from the last checkpoint
    train.py --epochs 34 --start ../detector-small/model.onnx --part weighted --rate 0.0012
                                     from the weights of a model, whose log goes on

Writes cache/checkpoint.pt, cache/log.csv and, at the end, cache/curves.png.
"""

import argparse
import csv
import math
import os
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image

from evaluate import evaluate
from fetch import CACHE
from loss import losses
from network import SETTING, Detector, normalised, read_weights, ssd
from ring import Ring, full
from scenes import SIZE, scene

BATCH = 32
STEPS = 100
"""Batches in an epoch."""

FRESH = 250
"""Scenes on disk that an epoch replaces."""

WARM_UP = 300
DECAY = 0.02
AVERAGE = 0.998
"""How much of the averaged weights a step keeps."""

CHECKPOINT = CACHE / "checkpoint.pt"
LOG = CACHE / "log.csv"
COLUMNS = ["epoch", "images", "part", "seconds", "rate", "scores_loss", "offsets_loss", "validation_map50"]


def rate(step, steps, most):
    """The learning rate: up in a line, then down a cosine to a hundredth."""
    if step < WARM_UP:
        return most * (step + 1) / WARM_UP
    return most * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / (steps - WARM_UP))))


def start():
    """Network, averaged network and optimizer. The heads start at nine in ten for the background."""
    torch.manual_seed(0)
    network = Detector().to(memory_format=torch.channels_last)
    for head in network.conf:
        bias = torch.zeros(head.out_channels // network.classes, network.classes)
        bias[:, SETTING["detector"]["background"]] = math.log(9 * (network.classes - 1))
        head.bias.data = bias.flatten()
    decayed, free = [], []
    for weights in network.parameters():
        (decayed if weights.ndim > 1 else free).append(weights)
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": free, "weight_decay": 0}]
    return network, deepcopy(network).eval(), torch.optim.AdamW(groups)


def average(kept, network, step):
    """Moves the averaged weights and statistics towards the network's, fast at first."""
    keep = min(AVERAGE, (step + 1) / (step + 10))
    with torch.no_grad():
        for old, new in zip(kept.state_dict().values(), network.state_dict().values()):
            if old.is_floating_point():
                old.lerp_(new, 1 - keep)
            else:
                old.copy_(new)


def batch(rng, ring, slots):
    """Input and objects, in shares of the picture, of scenes under cheap changes."""
    pairs = [changed(rng, ring.images[slot], ring.boxes[slot]) for slot in slots]
    images = torch.from_numpy(np.stack([image for image, _ in pairs])).float()
    gain = torch.from_numpy(rng.normal(1, 0.06, (len(slots), 1, 1, 3)) * rng.uniform(0.8, 1.2, (len(slots), 1, 1, 1)))
    images = ((images - 128) * gain.float() + 128 + 12 * float(rng.normal())).clamp(0, 255)
    return normalised(images), torch.from_numpy(np.stack([found for _, found in pairs]))


def changed(rng, image, boxes):
    """The scene mirrored or not, and zoomed into or not; objects of which little is left are dropped."""
    boxes = boxes / np.array([1] + 4 * [SIZE], np.float32)
    if rng.random() < 0.5:
        image, boxes = image[:, ::-1], boxes[:, [0, 3, 2, 1, 4]] * [1, -1, 1, -1, 1] + [0, 1, 0, 1, 0]
    if rng.random() < 0.5:
        image, boxes = zoomed(rng, image, boxes)
    return image, boxes.astype(np.float32)


def zoomed(rng, image, boxes):
    width, height = rng.uniform(0.65, 1) * rng.uniform(0.9, 1, 2)
    x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    window = tuple(SIZE * side for side in (x, y, x + width, y + height))
    image = np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BILINEAR, window))
    moved = (boxes[:, 1:] - [x, y, x, y]) / [width, height, width, height]
    inside = moved.clip(0, 1)
    left = area(inside) > 0.45 * area(moved)
    return image, np.concatenate([boxes[:, :1] * left[:, None], inside], 1)


def area(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def epoch(number, ring, network, kept, optimizer, rate_at):
    """One epoch; gives the mean losses of scores and offsets."""
    rng = np.random.default_rng(number)
    slots = np.concatenate([rng.permutation(ring.size) for _ in range(-(-STEPS * BATCH // ring.size))])
    priors = torch.from_numpy(ssd.priors(SETTING))
    variances = torch.tensor(SETTING["detector"]["variances"])
    sums = np.zeros(2)
    network.train()
    for index in range(STEPS):
        step = number * STEPS + index
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step)
        images, truth = batch(rng, ring, slots[index * BATCH : (index + 1) * BATCH])
        both = losses(*network.logits(images), truth, priors, variances)
        optimizer.zero_grad()
        sum(both).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10)
        optimizer.step()
        average(kept, network, step)
        sums += [float(loss.detach()) for loss in both]
    return sums / STEPS


def train(epochs, resume, model, part, most, scenes):
    """`model` is an ONNX file to take weights from; what was seen before counts on in the log, not in the schedule."""
    torch.set_num_threads(1)
    network, kept, optimizer = start()
    first, before = load(network, kept, optimizer) if resume else (0, 0)
    if model and not resume:
        read_weights(network, model)
        kept.load_state_dict(network.state_dict())
        shutil.copy(model.parent / "log.csv", LOG)
        before = len(list(csv.DictReader(LOG.open())))
    ring = Ring(part, scenes)
    ring.fill(range(first * FRESH, first * FRESH + scenes), 2)
    validation = full("validation", 300)
    with ProcessPoolExecutor(1) as pool:
        for number in range(first, epochs):
            begin = time.time()
            numbers = range(number * FRESH + scenes, (number + 1) * FRESH + scenes)
            coming = pool.map(partial(scene, part), numbers, chunksize=16)
            told = epoch(number, ring, network, kept, optimizer, partial(rate, steps=epochs * STEPS, most=most))
            for fresh, found in zip(numbers, coming):
                ring.store(fresh, *found)
            score = evaluate(kept, validation)[0] if number % 8 == 7 or number == epochs - 1 else ""
            seen = before + number + 1
            log([seen, seen * STEPS * BATCH, part, time.time() - begin, optimizer.param_groups[0]["lr"], *told, score])
            save(number + 1, before, network, kept, optimizer)
    draw()


def save(done, before, network, kept, optimizer):
    parts = {"network": network, "average": kept, "optimizer": optimizer}
    state = {"epochs": done, "before": before} | {name: part.state_dict() for name, part in parts.items()}
    torch.save(state, CHECKPOINT.with_suffix(".new"))
    CHECKPOINT.with_suffix(".new").replace(CHECKPOINT)


def load(network, kept, optimizer):
    """Takes up the checkpoint; gives how many epochs it has behind it, and how many it started from."""
    state = torch.load(CHECKPOINT)
    network.load_state_dict(state["network"])
    kept.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return state["epochs"], state["before"]


def log(row):
    """Appends a line to the log, which the very first epoch starts anew."""
    row = [f"{value:.5g}" if isinstance(value, float) else value for value in row]
    with LOG.open("a" if row[0] > 1 else "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if row[0] == 1:
            writer.writerow(COLUMNS)
        writer.writerow(row)
    print(*row, flush=True)


def draw():
    """Draws the log."""
    from matplotlib import pyplot

    rows = list(csv.DictReader(LOG.open()))
    changes = [int(old["images"]) / 1000 for old, new in zip(rows, rows[1:]) if old["part"] != new["part"]]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    for axes, columns in [(left, ["scores_loss", "offsets_loss"]), (right, ["validation_map50"])]:
        for column in columns:
            points = [(int(row["images"]) / 1000, float(row[column])) for row in rows if row[column]]
            axes.plot(*zip(*points), label=column.replace("_", " "))
        for place in changes:
            axes.axvline(place, color="grey", linestyle="--", label="new schedule, weighted scenes")
        axes.set_xlabel("thousand images")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.tight_layout()
    figure.savefig(CACHE / "curves.png", dpi=80)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=64)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--start", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--part", choices=["train", "weighted"], default="train", help="the scenes, see scenes.py")
    parser.add_argument("--rate", type=float, default=2.5e-3, help="the highest learning rate")
    parser.add_argument("--scenes", type=int, default=8000, help="how many lie on disk")
    arguments = parser.parse_args()
    train(arguments.epochs, arguments.resume, arguments.start, arguments.part, arguments.rate, arguments.scenes)
