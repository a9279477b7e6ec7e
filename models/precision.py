"""Vectors of mean average precision in `precision/vectors.json`, by pycocotools; run by hand (pip install pycocotools).

Random objects and detections near them in pictures of 100x100; a case has them with the average precision of each class at each
overlap, null where there is no object of a class.
"""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

HERE = Path(__file__).parent / "precision"


def picture(rng, classes, objects, misses):
    """Objects [class, corners] and detections [class, score, corners] of a picture."""
    low = rng.uniform(0, 70, (objects, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 30, (objects, 2))], 1)
    labels = rng.integers(0, classes, objects)
    near = np.concatenate([boxes + rng.normal(0, 1.5, boxes.shape), boxes[: objects // 2] + rng.normal(0, 4, (objects // 2, 4))])
    low = rng.uniform(0, 70, (misses, 2))
    near = np.concatenate([near, np.concatenate([low, low + rng.uniform(5, 30, (misses, 2))], 1)])
    seen = np.concatenate([labels, labels[: objects // 2], rng.integers(0, classes, misses)])
    near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
    scores = rng.uniform(0.01, 1, len(near)).astype(np.float32)
    objects = [[int(label), *map(float, box)] for label, box in zip(labels, boxes)]
    return objects, [[int(label), float(s), *map(float, box.astype(np.float32))] for label, s, box in zip(seen, scores, near)]


def sides(corners):
    left, top, right, bottom = corners
    return [left, top, right - left, bottom - top]


def precisions(pictures, classes):
    """Average precision [classes][overlaps], by pycocotools."""
    truth, seen = [], []
    for index, (objects, detections) in enumerate(pictures):
        for label, *corners in objects:
            box = sides(corners)
            entry = {"id": len(truth) + 1, "image_id": index, "category_id": label, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            truth.append(entry)
        seen += [{"image_id": index, "category_id": c, "score": s, "bbox": sides(corners)} for c, s, *corners in detections]
    data = COCO()
    data.dataset = {
        "info": {},
        "images": [{"id": index} for index in range(len(pictures))],
        "categories": [{"id": label} for label in range(classes)],
        "annotations": truth,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        data.createIndex()
        evaluation = COCOeval(data, data.loadRes(seen), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    # Overlaps, recalls, classes, areas, limits: all areas, 100 detections.
    table = evaluation.eval["precision"][:, :, :, 0, 2]
    return [[None if table[t, 0, c] < 0 else float(table[t, :, c].mean()) for t in range(len(table))] for c in range(classes)]


def main():
    rng = np.random.default_rng(5)
    cases = []
    for classes, count, objects, misses in [(3, 12, 4, 3), (2, 5, 9, 1), (6, 8, 3, 6), (1, 1, 1, 130)]:
        pictures = [picture(rng, classes, objects, misses) for _ in range(count)]
        entries = [{"objects": truth, "detections": seen} for truth, seen in pictures]
        cases.append({"classes": classes, "pictures": entries, "precision": precisions(pictures, classes)})
    HERE.mkdir(exist_ok=True)
    (HERE / "vectors.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
