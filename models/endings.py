"""Writes `endings/non-max-suppression/`: an SSD of seeded weights whose graph goes on to the boxes, and what onnxruntime selects of a picture.

The graph decodes offsets of constant prior boxes and ends in a NonMaxSuppression and a Gather of the selected boxes; `model.toml`
says nothing of a detector. `expected.json` has class, score and box in pixels of each selected box, the best first.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import vectors

HERE = Path(__file__).parent / "endings" / "non-max-suppression"
WIDTH, HEIGHT, CLASSES = 24, 16, 3
MAPS = {"near": ((2, 3), [(0.3, 0.4), (0.4, 0.25)]), "far": ((1, 1), [(0.8, 0.7), (0.6, 0.9)])}
TOML = f"""\
labels = ["none", "cat", "dog"]

[frame]
size = [{WIDTH}, {HEIGHT}]
order = "rgb"
mean = [0.0, 0.0, 0.0]
scale = [0.00390625, 0.00390625, 0.00390625]
fit = "warp"
resize = "bilinear"
"""


def priors():
    """Centre x, centre y, width and height in shares of the input, row by row."""
    cells = [
        ((column + 0.5) / columns, (row + 0.5) / rows, *shape)
        for (rows, columns), shapes in MAPS.values()
        for row in range(rows)
        for column in range(columns)
        for shape in shapes
    ]
    return np.array(cells, np.float32)


def graph(random):
    """Nodes and constants of the model."""
    nodes, constants = [], {}

    def node(kind, name, *inputs, outputs=None, **attributes):
        nodes.append(helper.make_node(kind, list(inputs), outputs or [name], name=f"/{name}", **attributes))
        return name

    def constant(name, value, kind=np.float32):
        constants[name] = np.array(value, kind)
        return name

    def conv(name, source, channels, count, kernel, **attributes):
        spread = (channels * np.prod(kernel)) ** -0.5
        weights = constant(f"{name}_weights", random.normal(0, spread, (count, channels, *kernel)))
        return node("Conv", name, source, weights, constant(f"{name}_bias", random.normal(0, 0.5, count)), **attributes)

    maps = {"near": node("Relu", "seen", conv("stem", "image", 3, 16, (8, 8), strides=[8, 8]))}
    maps["far"] = node("Relu", "all", conv("last", "seen", 16, 16, (2, 3)))
    for head, each in [("loc", 4), ("conf", CLASSES)]:
        rows = constant(f"{head}_rows", [1, -1, each], np.int64)
        parts = []
        for name, source in maps.items():
            scores = conv(f"{name}_{head}", source, 16, 2 * each, (1, 1))
            turned = node("Transpose", f"{scores}_turned", scores, perm=[0, 2, 3, 1])
            parts.append(node("Reshape", f"{scores}_part", turned, rows))
        node("Concat", head, *parts, axis=1)
    boxes, first, half = priors(), constant("first", [0], np.int64), constant("half", 0.5)
    node("Squeeze", "offsets", "loc", first)
    node("Split", "parts", "offsets", outputs=["at", "by"], axis=-1)
    node("Mul", "moved", node("Mul", "near", "at", constant("tenth", 0.1)), constant("sides", boxes[:, 2:]))
    node("Exp", "grown", node("Mul", "wide", "by", constant("fifth", 0.2)))
    node("Add", "centre", constant("centres", boxes[:, :2]), "moved")
    node("Mul", "reach", node("Mul", "size", "sides", "grown"), half)
    corners = [node("Sub", "least", "centre", "reach"), node("Add", "most", "centre", "reach")]
    node("Gather", "turned", node("Concat", "corners", *corners, axis=1), constant("order", [1, 0, 3, 2], np.int64), axis=1)
    node("Unsqueeze", "boxes", "turned", first)
    node("Transpose", "scores", node("Softmax", "shares", "conf", axis=-1), perm=[0, 2, 1])
    limits = [constant("count", [100], np.int64), constant("iou", [0.3]), constant("threshold", [0.4])]
    node("NonMaxSuppression", "selected", "boxes", "scores", *limits)
    node("Gather", "indices", "selected", constant("third", 2, np.int64), axis=1)
    node("Gather", "kept", "boxes", "indices", axis=1)
    return nodes, constants


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, constants, outputs):
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    inputs = [value("image", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])]
    body = helper.make_graph(nodes, "ending", inputs, outputs, stored)
    made = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="ending.py")
    onnx.checker.check_model(made, full_check=True)
    return made


def detections(boxes, scores, selected):
    """The selected boxes, the best first, clipped to the input."""
    rows = sorted(selected.tolist(), key=lambda row: -scores[0, row[1], row[2]])
    pixels = np.array([WIDTH, HEIGHT] * 2, np.float32)
    corners = (np.clip(boxes[0][:, [1, 0, 3, 2]], 0, 1) * pixels).tolist()
    return [{"class": kind, "score": float(scores[0, kind, index]), "box": corners[index]} for _, kind, index in rows]


def main():
    random = np.random.default_rng(11)
    nodes, constants = graph(random)
    picture = random.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    kept = [value("selected", TensorProto.INT64, ["rows", 3]), value("kept", TensorProto.FLOAT, [1, "rows", 4])]
    count = len(priors())
    inside = [value("boxes", TensorProto.FLOAT, [1, count, 4]), value("scores", TensorProto.FLOAT, [1, CLASSES, count])]
    image = picture.transpose(2, 0, 1)[None].astype(np.float32) / 256
    results = vectors.run(model(nodes, constants, [*inside, kept[0]]).SerializeToString(), [image])
    found = detections(results["boxes"], results["scores"], results["selected"])
    HERE.mkdir(parents=True, exist_ok=True)
    onnx.save(model(nodes, constants, kept), HERE / "model.onnx")
    (HERE / "model.toml").write_text(TOML)
    (HERE / "picture.ppm").write_bytes(b"P6\n%d %d\n255\n" % (WIDTH, HEIGHT) + picture.tobytes())
    (HERE / "expected.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
