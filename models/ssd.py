"""The reference decoder of an SSD detector: what `loc` and `scores` of a network say about a picture.

Run by hand it writes the test vectors `detections/NAME/`: `model.toml`, `loc.pb`, `scores.pb`, `expected.json`.

The definition, which other decoders are compared with:

* Priors are computed in f64 and rounded to f32 once, as centre, width and height in shares of the input. They come map by
  map, row by row, column by column; in a cell first the square of `min_size`, then the square of sqrt(min_size * max_size)
  if there is a `max_size`, then for each ratio r the box min_size * sqrt(r) wide and min_size / sqrt(r) high. The centre is
  ((column + offset) * step, (row + offset) * step) with offset 0.5 and, on each axis, step = input / map, unless given.
  Priors are not clipped.
* Boxes and their overlaps are computed in f32, operation by operation as `boxes` and `overlap` write them.
* A candidate of a class other than the background has a score strictly above `threshold` (NaN never is), finite corners and
  a width and a height above 0 as differences of corners. Only the best `candidates` of a class count, by score, then by
  lower prior.
* Greedy non-maximum suppression within a class, in that order: a candidate is dropped if its overlap with one that was kept
  is strictly above `iou` (NaN never is).
* The best `detections` of all classes' survivors are the result, by score, then by lower class, then by lower prior.
* The result is truncated if either limit cut something off.
* Corners in shares of the input become pixels of the frame where `frames.placed` says that it lies in the input: they are
  multiplied by `to_frame`'s first result, and its second is taken away. Both are computed in f64 and rounded to f32.
* Boxes are clipped to the frame only when they are reported, so that one may then be empty.

`threshold`, `iou` and the variances are rounded to f32. `expected.json` writes an infinite score as null.
"""

import json
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frames import placed
from vectors import write_tensor

HERE = Path(__file__).parent


@dataclass
class Detections:
    """The result of a decoder; `boxes` are corners in pixels of the frame, clipped to it."""

    classes: np.ndarray
    priors: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    truncated: bool


def priors(config):
    """The prior boxes [P, 4] of a model.toml: centre x, centre y, width and height in shares of the input."""
    size = config["frame"]["size"]
    rows = [row for grid in config["detector"]["priors"] for row in grid_priors(grid, size)]
    return (np.array(rows, np.float64) / np.array(size * 2, np.float64)).astype(np.float32)


def grid_priors(grid, size):
    """The prior boxes of one map in pixels of the input, whose width and height are `size`."""
    rows, columns = grid["map"]
    step_x, step_y = (grid.get("step", side / cells) for side, cells in zip(size, (columns, rows)))
    offset = grid.get("offset", 0.5)
    for row in range(rows):
        for column in range(columns):
            for width, height in shapes(grid):
                yield (column + offset) * step_x, (row + offset) * step_y, width, height


def shapes(grid):
    """Width and height of a cell's priors in their order."""
    small = grid["min_size"]
    sizes = [(small, small)]
    if "max_size" in grid:
        side = math.sqrt(small * grid["max_size"])
        sizes.append((side, side))
    return sizes + [(small * math.sqrt(r), small / math.sqrt(r)) for r in grid.get("ratios", [])]


def to_frame(config, frame):
    """What shares of the input are multiplied by to be pixels of a frame of a width and a height, and what is then taken away."""
    size = config["frame"]["size"]
    at, inner = placed(config["frame"]["fit"], frame, size)
    pixels = np.array([frame, frame], np.float64) / inner
    return (np.array([size, at]) * pixels).astype(np.float32)


def boxes(loc, priors, variances, scale, shift):
    """Corners [P, 4] in pixels of a frame, not clipped."""
    v = np.float32(variances)
    half = np.float32(0.5)
    with np.errstate(all="ignore"):
        cx = priors[:, 0] + loc[:, 0] * v[0] * priors[:, 2]
        cy = priors[:, 1] + loc[:, 1] * v[1] * priors[:, 3]
        w = priors[:, 2] * np.exp(loc[:, 2] * v[2])
        h = priors[:, 3] * np.exp(loc[:, 3] * v[3])
        corners = np.stack([cx - w * half, cy - h * half, cx + w * half, cy + h * half], 1)
        return corners * np.tile(scale, 2) - np.tile(shift, 2)


def overlap(box, others):
    """Intersection over union of a box with others, 0 where they do not meet."""
    with np.errstate(all="ignore"):
        w = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
        h = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
        common = w * h
        share = common / (area(box) + area(others) - common)
    return np.where((w > 0) & (h > 0), share, np.float32(0))


def area(boxes):
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def sound(boxes):
    """Which boxes have finite corners, a width and a height."""
    with np.errstate(all="ignore"):
        some = (boxes[:, 2] - boxes[:, 0] > 0) & (boxes[:, 3] - boxes[:, 1] > 0)
    return some & np.isfinite(boxes).all(1)


def candidates(scores, usable, threshold, limit):
    """Priors of one class's candidates, best first, and whether the limit cut some off."""
    found = np.flatnonzero(usable & (scores > threshold))
    found = found[np.argsort(-scores[found], kind="stable")]
    return found[:limit], len(found) > limit


def suppress(order, boxes, iou):
    """The priors of `order` that greedy non-maximum suppression keeps."""
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[~(overlap(boxes[best], boxes[order]) > iou)]
    return kept


def decode(config, loc, scores, frame):
    """The detections that outputs `loc` [1, P, 4] and `scores` [1, P, classes] say are in a frame of a width and a height."""
    detector = config["detector"]
    scores = np.asarray(scores, np.float32).reshape(-1, len(config["labels"]))
    loc = np.asarray(loc, np.float32).reshape(-1, 4)
    corners = boxes(loc, priors(config), detector["variances"], *to_frame(config, frame))
    usable = sound(corners)
    threshold, iou = np.float32(detector["threshold"]), np.float32(detector["iou"])
    found, truncated = [], False
    for label in range(scores.shape[1]):
        if label == detector["background"]:
            continue
        order, cut = candidates(scores[:, label], usable, threshold, detector["candidates"])
        truncated |= cut
        found += [(-scores[prior, label], label, prior) for prior in suppress(order, corners, iou)]
    found.sort()
    truncated |= len(found) > detector["detections"]
    found = found[: detector["detections"]]
    label, prior = (np.array([entry[i] for entry in found], np.int64) for i in (1, 2))
    return Detections(label, prior, scores[prior, label], clip(corners[prior], frame), bool(truncated))


def clip(boxes, frame):
    """Boxes cut at the edges of a frame of the given width and height."""
    return np.clip(boxes, 0, np.float32([*frame, *frame]))


def read_config(path):
    """A model.toml."""
    return tomllib.loads(Path(path).read_text())


# The test vectors.


def toml(config):
    """The text of a model.toml."""
    parts = [f"labels = {json.dumps(config['labels'])}", "", "[frame]", *pairs(config["frame"])]
    detector = dict(config["detector"])
    grids = detector.pop("priors")
    parts += ["", "[detector]", *pairs(detector)]
    for grid in grids:
        parts += ["", "[[detector.priors]]", *pairs(grid)]
    return "\n".join(parts) + "\n"


def pairs(table):
    return [f"{key} = {json.dumps(value)}" for key, value in table.items()]


def setting(classes, size, grids, **detector):
    """A model.toml as a dictionary: class 0 is the background, `grids` are the maps with their priors."""
    names = ["background"] + [f"class {index}" for index in range(1, classes)]
    frame = {"size": list(size), "order": "rgb", "mean": [123.0, 117.0, 104.0], "scale": [0.017] * 3}
    standard = {
        "loc": "loc",
        "scores": "scores",
        "background": 0,
        "variances": [0.1, 0.1, 0.2, 0.2],
        "threshold": 0.3,
        "iou": 0.45,
        "candidates": 400,
        "detections": 200,
    }
    frame |= {"fit": "warp", "resize": "bilinear"}
    return {"labels": names, "frame": frame, "detector": standard | detector | {"priors": grids}}


def grid(rows, columns, min_size, max_size=None, ratios=(), **more):
    """One map with its priors."""
    table = {"map": [rows, columns], "min_size": float(min_size)}
    if max_size:
        table["max_size"] = float(max_size)
    return table | {"ratios": [float(r) for r in ratios]} | more


def random_outputs(config, seed, sharpness=3.0):
    """Offsets and softmax scores of a network that is undecided: the sharper, the more scores are high."""
    rng = np.random.default_rng(seed)
    count = len(priors(config))
    loc = rng.normal(0, 1, (1, count, 4)).astype(np.float32)
    logits = rng.normal(0, sharpness, (1, count, len(config["labels"])))
    scores = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return loc, scores.astype(np.float32)


def cases():
    """Name, model.toml, offsets, scores and the frame's width and height of every case."""
    four = (2, 0.5, 3, 1 / 3)
    small = setting(6, (160, 160), [grid(5, 5, 32, 64, four), grid(3, 3, 64, 100, four), grid(1, 1, 120, 150, four)])
    wide = setting(3, (96, 64), [grid(4, 6, 20, 30, (2, 0.5)), grid(2, 3, 40)], threshold=0.4)
    shifted = setting(4, (128, 128), [grid(6, 6, 24, 40, (1.5,), step=21.5, offset=0.25), grid(2, 2, 70)])
    many = setting(21, (80, 80), [grid(3, 3, 20, 40, (2, 0.5)), grid(1, 1, 60, 90)], threshold=0.01)
    yield "random-6-classes", small, *random_outputs(small, 1), (160, 160)
    yield "random-3-classes-wide-input", wide, *random_outputs(wide, 2), (96, 64)
    yield "random-4-classes-step-offset", shifted, *random_outputs(shifted, 3), (128, 128)
    yield "random-21-classes-low-threshold", many, *random_outputs(many, 4, 1.5), (80, 80)
    yield "frame-not-square", small, *random_outputs(small, 5), (640, 360)
    yield "frame-tall", wide, *random_outputs(wide, 6), (75, 201)
    boxed = small | {"frame": small["frame"] | {"fit": "letterbox"}}
    yield "letterbox-wide", boxed, *random_outputs(boxed, 8), (640, 360)
    yield "letterbox-tall", boxed, *random_outputs(boxed, 9), (101, 333)
    last = setting(4, (64, 64), [grid(4, 4, 16, 32, (2,))], background=3)
    yield "background-last", last, *random_outputs(last, 7), (64, 64)
    yield from cases_of_order()
    yield from cases_of_limits()
    yield from cases_of_values()


def cases_of_order():
    """Scores and overlaps that tie with each other or with a limit."""
    ties = setting(5, (64, 64), [grid(4, 4, 16, 32, (2, 0.5))], threshold=0.2)
    loc, scores = random_outputs(ties, 11)
    yield "scores-tie", ties, loc, np.round(scores * 4) / np.float32(4), (64, 64)
    edge = setting(3, (64, 64), [grid(8, 8, 24)], threshold=0.25, iou=0.5)
    loc, scores = random_outputs(edge, 12)
    loc[:] = 0
    scores[0, ::3, 1] = 0.25
    yield "scores-at-threshold-overlaps-at-iou", edge, loc, scores, (64, 64)
    alike = setting(4, (32, 32), [grid(1, 1, 12, ratios=[1] * 20)])
    loc, scores = random_outputs(alike, 13)
    loc[:] = loc[:, :1]
    yield "boxes-alike", alike, loc, scores, (50, 40)


def cases_of_limits():
    """Nothing, one prior only, and more than either limit."""
    plain = [grid(4, 4, 16, 32, (2, 0.5))]
    high = setting(4, (64, 64), plain, threshold=0.9999)
    yield "nothing-above-threshold", high, *random_outputs(high, 21, 1.0), (64, 64)
    lone = setting(2, (64, 64), [grid(1, 1, 40)])
    yield "one-prior", lone, np.float32([[[0.5, -0.25, 1, -1]]]), np.float32([[[0.25, 0.75]]]), (64, 48)
    crowd = setting(4, (64, 64), plain, detections=10)
    yield "more-than-detections", crowd, *random_outputs(crowd, 22), (64, 64)
    queue = setting(4, (64, 64), plain, candidates=8)
    yield "more-than-candidates", queue, *random_outputs(queue, 23), (64, 64)
    both = setting(4, (64, 64), plain, candidates=12, detections=9)
    loc, scores = random_outputs(both, 24)
    yield "more-than-both-with-ties", both, loc, np.round(scores * 8) / np.float32(8), (64, 64)
    full = setting(2, (64, 64), [grid(2, 2, 16)], candidates=4, detections=4, iou=0.9)
    yield "limits-met-exactly", full, np.zeros((1, 4, 4), np.float32), np.float32([[[0.4, 0.6]] * 4]), (64, 64)


def cases_of_values():
    """Scores and offsets that are not finite, and boxes that are too large or have no width."""
    odd = setting(4, (64, 64), [grid(4, 4, 16, 32, (2, 0.5))])
    loc, scores = random_outputs(odd, 31)
    strange = np.float32([np.nan, np.inf, -np.inf])
    bad = scores.copy()
    bad[0, ::5, 1] = np.nan
    bad[0, 1::7, 2] = np.inf
    bad[0, 2::7, 3] = -np.inf
    yield "scores-not-finite", odd, loc, bad, (64, 64)
    bad = loc.copy()
    for column in range(4):
        bad[0, column::6, column] = np.resize(strange, bad[0, column::6, column].shape)
    yield "offsets-not-finite", odd, bad, scores, (64, 64)
    bad = loc.copy()
    bad[0, ::4, 2:] = np.resize(np.float32([400, 3e38, -480, -3e38, 300]), bad[0, ::4, 2:].shape)
    bad[0, 1::4, :2] = np.resize(np.float32([1e4, -1e4, 3e38]), bad[0, 1::4, :2].shape)
    yield "offsets-huge", odd, bad, scores, (64, 64)
    tight = setting(4, (64, 64), [grid(4, 4, 16, 32, (2, 0.5))], candidates=6)
    yield "offsets-not-finite-few-candidates", tight, np.where(loc > 0.8, strange[0], loc), scores, (64, 64)


def report(found, frame):
    """What expected.json holds."""
    rows = zip(found.classes.tolist(), found.priors.tolist(), map(number, found.scores), found.boxes)
    keys = ("class", "prior", "score", "box")
    detections = [dict(zip(keys, (c, p, s, [number(side) for side in box]))) for c, p, s, box in rows]
    return {"truncated": found.truncated, "frame": list(frame), "detections": detections}


def number(value):
    """The shortest decimal that gives this f32 back, or None for one that is not finite."""
    return float(str(value)) if np.isfinite(value) else None


def write_case(folder, config, loc, scores, frame):
    """Writes a case, if its decisions stand a small change of the offsets, so that no other rounding of exp changes them."""
    found = decode(config, loc, scores, frame)
    for change in (0.99999, 1.00001):
        with np.errstate(over="ignore"):
            other = decode(config, loc * np.float32(change), scores, frame)
        if not np.array_equal(found.priors, other.priors) or not np.array_equal(found.classes, other.classes):
            raise ValueError(f"{folder.name}: a decision hangs on rounding, take another seed")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.toml").write_text(toml(config))
    write_tensor(folder / "loc.pb", loc, "loc")
    write_tensor(folder / "scores.pb", scores, "scores")
    told = report(found, frame)
    rows = ",\n".join("  " + json.dumps(row) for row in told.pop("detections"))
    head = json.dumps(told).removesuffix("}")
    (folder / "expected.json").write_text(f'{head}, "detections": [\n{rows}\n]}}\n')
    print(f"{folder.name}: {len(found.priors)} of {len(loc[0])} priors{', truncated' if found.truncated else ''}")


if __name__ == "__main__":
    for name, *case in cases():
        write_case(HERE / "detections" / name, *case)
