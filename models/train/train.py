"""Trains a detector on rendered scenes, on one core, while another renders fresh ones.

    train.py --epochs 64             from the start
    train.py --epochs 64 --resume    from the last checkpoint
    train.py --epochs 34 --start ../detector-small/model.onnx --part weighted --rate 0.0012
                                     from the weights of a model, whose log goes on
    train.py --epochs 64 --body      from the body that pretrain.py has trained
    train.py --network large --epochs 6 --grow ../detector-small/model.onnx --part weighted --rate 0.0016 --scenes 2000
                                     from the weights of the small detector, with a log of its own

Writes checkpoint.pt, log.csv and, at the end, curves.png into cache/, or cache/large/.
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
from grow import grow
from loss import losses
from network import NETWORKS, add_option, read_weights, ssd
from ring import Ring, full

WARM_UP = 300
DECAY = 0.02
AVERAGE = 0.998
"""How much of the averaged weights a step keeps."""

COLUMNS = ["epoch", "images", "part", "seconds", "rate", "scores_loss", "offsets_loss", "validation_map50"]


def rate(step, steps, most):
    """The learning rate: up in a line, then down a cosine to a hundredth."""
    if step < WARM_UP:
        return most * (step + 1) / WARM_UP
    return most * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / (steps - WARM_UP))))


def start(network):
    """Detector, averaged detector and optimizer. The heads start at nine in ten for the background."""
    torch.manual_seed(0)
    detector = network.detector().to(memory_format=torch.channels_last)
    for head in detector.conf:
        bias = torch.zeros(head.out_channels // detector.classes, detector.classes)
        bias[:, network.setting["detector"]["background"]] = math.log(9 * (detector.classes - 1))
        head.bias.data = bias.flatten()
    return detector, deepcopy(detector).eval(), optimizer_of(detector)


def optimizer_of(module):
    """AdamW, under which weights decay, and neither biases nor what normalises."""
    decayed, free = [], []
    for weights in module.parameters():
        (decayed if weights.ndim > 1 else free).append(weights)
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": free, "weight_decay": 0}]
    return torch.optim.AdamW(groups, fused=True)


def average(kept, detector, step):
    """Moves the averaged weights and statistics towards the detector's, fast at first."""
    keep = min(AVERAGE, (step + 1) / (step + 10))
    with torch.no_grad():
        for old, new in zip(kept.state_dict().values(), detector.state_dict().values()):
            if old.is_floating_point():
                old.lerp_(new, 1 - keep)
            else:
                old.copy_(new)


def batch(rng, network, ring, slots):
    """Input and objects, in shares of the picture, of scenes under cheap changes."""
    pairs = [changed(rng, ring.images[slot], ring.boxes[slot]) for slot in slots]
    images = torch.from_numpy(np.stack([image for image, _ in pairs])).float()
    gain = torch.from_numpy(rng.normal(1, 0.06, (len(slots), 1, 1, 3)) * rng.uniform(0.8, 1.2, (len(slots), 1, 1, 1)))
    images = ((images - 128) * gain.float() + 128 + 12 * float(rng.normal())).clamp(0, 255)
    return network.normalised(images), torch.from_numpy(np.stack([found for _, found in pairs]))


def changed(rng, image, boxes):
    """The scene mirrored or not, and zoomed into or not; objects of which little is left are dropped."""
    boxes = boxes / np.array([1] + 4 * [len(image)], np.float32)
    if rng.random() < 0.5:
        image, boxes = image[:, ::-1], boxes[:, [0, 3, 2, 1, 4]] * [1, -1, 1, -1, 1] + [0, 1, 0, 1, 0]
    if rng.random() < 0.5:
        image, boxes = zoomed(rng, image, boxes)
    return image, boxes.astype(np.float32)


def zoomed(rng, image, boxes):
    width, height = rng.uniform(0.65, 1) * rng.uniform(0.9, 1, 2)
    x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    size = len(image)
    window = tuple(size * side for side in (x, y, x + width, y + height))
    image = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR, window))
    moved = (boxes[:, 1:] - [x, y, x, y]) / [width, height, width, height]
    inside = moved.clip(0, 1)
    left = area(inside) > 0.45 * area(moved)
    return image, np.concatenate([boxes[:, :1] * left[:, None], inside], 1)


def area(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def epoch(number, network, ring, detector, kept, optimizer, rate_at, focal):
    """One epoch; gives the mean losses of scores and offsets."""
    rng = np.random.default_rng(number)
    steps, size = network.steps, network.batch
    slots = np.concatenate([rng.permutation(ring.size) for _ in range(-(-steps * size // ring.size))])
    priors = torch.from_numpy(ssd.priors(network.setting))
    variances = torch.tensor(network.setting["detector"]["variances"])
    sums = np.zeros(2)
    detector.train()
    for index in range(steps):
        step = number * steps + index
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step)
        images, truth = batch(rng, network, ring, slots[index * size : (index + 1) * size])
        with torch.autocast("cpu", torch.bfloat16, network.bfloat16):
            loc, logits = detector.logits(images)
        both = losses(loc.float(), logits.float(), truth, priors, variances, focal)
        optimizer.zero_grad()
        sum(both).backward()
        torch.nn.utils.clip_grad_norm_(detector.parameters(), 10)
        optimizer.step()
        average(kept, detector, step)
        sums += [float(loss.detach()) for loss in both]
    return sums / steps


def train(network, epochs, resume, model, smaller, body, part, most, scenes, focal):
    """`model` is an ONNX file to take weights from; what was seen before counts on in the log, not in the schedule.

    `smaller` is one of the small detector, which the weights then start from. With `body` those of `pretrain.py` do.
    """
    torch.set_num_threads(1)
    network.cache.mkdir(parents=True, exist_ok=True)
    detector, kept, optimizer = start(network)
    first, before = load(network, detector, kept, optimizer) if resume else (0, 0)
    if model and not resume:
        read_weights(detector, model)
        kept.load_state_dict(detector.state_dict())
        shutil.copy(model.parent / "log.csv", network.log)
        before = len(list(csv.DictReader(network.log.open())))
    if smaller and not resume:
        old = NETWORKS["small"].detector()
        read_weights(old, smaller)
        grow(detector, network.config, old, NETWORKS["small"].config)
        kept.load_state_dict(detector.state_dict())
    if body and not resume:
        detector.body.load_state_dict(torch.load(network.body))
        kept.load_state_dict(detector.state_dict())
    ring = Ring(network, part, scenes)
    fresh, seen_in_epoch = network.fresh, network.steps * network.batch
    ring.fill(range(first * fresh, first * fresh + scenes), 2)
    validation = full(network, "validation", 300)
    rate_at = partial(rate, steps=epochs * network.steps, most=most)
    with ProcessPoolExecutor(1, initializer=os.nice, initargs=(7,)) as pool:
        for number in range(first, epochs):
            begin = time.time()
            numbers = range(number * fresh + scenes, (number + 1) * fresh + scenes)
            coming = pool.map(ring.scene, numbers, chunksize=16)
            told = epoch(number, network, ring, detector, kept, optimizer, rate_at, focal)
            for new, found in zip(numbers, coming):
                ring.store(new, *found)
            score = evaluate(network, kept, validation)[0] if number % 8 == 7 or number == epochs - 1 else ""
            seen = before + number + 1
            row = [seen, seen * seen_in_epoch, part, time.time() - begin, optimizer.param_groups[0]["lr"], *told, score]
            log(network, row)
            save(network, number + 1, before, detector, kept, optimizer)
    draw(network)


def save(network, done, before, detector, kept, optimizer):
    parts = {"network": detector, "average": kept, "optimizer": optimizer}
    state = {"epochs": done, "before": before} | {name: part.state_dict() for name, part in parts.items()}
    new = network.checkpoint.with_suffix(".new")
    torch.save(state, new)
    new.replace(network.checkpoint)


def load(network, detector, kept, optimizer):
    """Takes up the checkpoint; gives how many epochs it has behind it, and how many it started from."""
    state = torch.load(network.checkpoint)
    detector.load_state_dict(state["network"])
    kept.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return state["epochs"], state["before"]


def log(network, row):
    """Appends a line to the log, which the very first epoch starts anew."""
    row = [f"{value:.5g}" if isinstance(value, float) else value for value in row]
    with network.log.open("a" if row[0] > 1 else "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if row[0] == 1:
            writer.writerow(COLUMNS)
        writer.writerow(row)
    print(*row, flush=True)


def draw(network):
    """Draws the log."""
    from matplotlib import pyplot

    rows = list(csv.DictReader(network.log.open()))
    # A schedule ends at a hundredth of its rate, and the next one leaps; on its way up the rate no more than doubles in an epoch.
    changes = [int(old["images"]) / 1000 for old, new in zip(rows, rows[1:]) if float(new["rate"]) > 3 * float(old["rate"])]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    for axes, columns in [(left, ["scores_loss", "offsets_loss"]), (right, ["validation_map50"])]:
        for column in columns:
            points = [(int(row["images"]) / 1000, float(row[column])) for row in rows if row[column]]
            axes.plot(*zip(*points), marker=".", label=column.replace("_", " "))
        for place in changes:
            axes.axvline(place, color="grey", linestyle="--", label="new schedule" if place == changes[0] else None)
        axes.set_xlabel("thousand images")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.tight_layout()
    figure.savefig(network.cache / "curves.png", dpi=80)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=64)
    parser.add_argument("--resume", action="store_true")
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--start", type=Path, metavar="MODEL.onnx")
    weights.add_argument("--grow", type=Path, metavar="SMALL.onnx")
    weights.add_argument("--body", action="store_true", help="from the body that pretrain.py left")
    parser.add_argument("--part", choices=["train", "weighted"], default="train", help="the scenes, see scenes.py")
    parser.add_argument("--rate", type=float, default=2.5e-3, help="the highest learning rate")
    parser.add_argument("--scenes", type=int, default=8000, help="how many lie on disk")
    parser.add_argument("--focal", action="store_true", help="all negatives count, by how wrong they are, in place of the hardest")
    add_option(parser)
    given = parser.parse_args()
    network = NETWORKS[given.network]
    train(
        network,
        given.epochs,
        given.resume,
        model=given.start,
        smaller=given.grow,
        body=given.body,
        part=given.part,
        most=given.rate,
        scenes=given.scenes,
        focal=given.focal,
    )
