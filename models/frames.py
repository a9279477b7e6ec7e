"""The reference of how a picture becomes an input, in numpy and Pillow; run by hand it writes vectors into `frames/`.

`NAME.json` has the picture's format, width and height, its bytes in hexadecimal, and the preparation; `NAME.pb` is the input
[1, 3, height, width], or [1, 1, height, width] where the order is gray, of f32 or bytes. All arithmetic after the pixels are
bytes is f32, in the order that `prepare` writes it. `gray.onnx` and `gray-last.onnx` are a classifier of gray pictures, with
channels first and last.
"""

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from vectors import write_tensor

HERE = Path(__file__).parent / "frames"


def widened(bits, count):
    """Colours of `count` bits as bytes: the highest bits again below."""
    return (bits << (8 - count) | bits >> (2 * count - 8)).astype(np.uint8)


def from_565(words):
    return np.stack([widened(words >> 11, 5), widened(words >> 5 & 63, 6), widened(words & 31, 5)], -1)


def from_yuv422(groups):
    """Pixels [h, w, 3] of groups [h, w / 2, 4] of Y, U, Y, V."""
    y = groups[..., [0, 2]].astype(np.int32).reshape(len(groups), -1) * 256 + 128
    u, v = (np.repeat(groups[..., index].astype(np.int32) - 128, 2, 1) for index in (1, 3))
    colours = [y + 359 * v, y - 88 * u - 183 * v, y + 454 * u]
    return np.stack([np.clip(colour >> 8, 0, 255) for colour in colours], -1).astype(np.uint8)


FORMATS = {
    "rgb888": (3, lambda raw: raw),
    "bgr888": (3, lambda raw: raw[..., ::-1]),
    "rgb565": (2, lambda raw: from_565(raw[..., 0].astype(np.uint16) | raw[..., 1].astype(np.uint16) << 8)),
    "rgb565be": (2, lambda raw: from_565(raw[..., 1].astype(np.uint16) | raw[..., 0].astype(np.uint16) << 8)),
    "yuv422": (2, lambda raw: from_yuv422(raw.reshape(len(raw), -1, 4))),
    "gray8": (1, lambda raw: np.repeat(raw, 3, -1)),
}
"""Bytes a pixel, and what makes red, green and blue [h, w, 3] of the bytes [h, w, bytes]."""


def luma(format, raw):
    """The one channel of a gray picture [h, w, 1] of the bytes: Pillow's, but of YUV, which has it."""
    if format == "yuv422":
        return raw[..., :1]
    return np.asarray(Image.fromarray(np.ascontiguousarray(FORMATS[format][1](raw))).convert("L"))[..., None]


def placed(fit, picture, size):
    """Where a picture lies in the input: first column and row, width and height."""
    (w, h), (width, height) = picture, size
    if fit == "warp":
        return (0, 0), size
    if width * h <= height * w:
        inner = width, min(max((2 * h * width + w) // (2 * w), 1), height)
    else:
        inner = min(max((2 * w * height + h) // (2 * h), 1), width), height
    return ((width - inner[0]) // 2, (height - inner[1]) // 2), inner


def places(count, source, resize):
    """For each of `count` output pixels, the two pixels of a row of `source` that it lies between, and how far from the first."""
    place = (np.arange(count, dtype=np.float32) + np.float32(0.5)) * (np.float32(source) / np.float32(count))
    if resize == "nearest":
        nearest = np.minimum(np.floor(place).astype(np.int64), source - 1)
        return nearest, nearest, np.zeros(count, np.float32)
    place = np.clip(place - np.float32(0.5), np.float32(0), np.float32(source - 1))
    first = np.floor(place).astype(np.int64)
    return first, np.minimum(first + 1, source - 1), place - first.astype(np.float32)


def prepare(picture, size, order, mean, scale, fit, resize):
    """The input [1, c, height, width] of a picture [h, w, c] of bytes."""
    (x, y), (width, height) = placed(fit, picture.shape[1::-1], size)
    left, right, along = places(width, picture.shape[1], resize)
    above, below, down = places(height, picture.shape[0], resize)
    colours = picture.astype(np.float32)
    between = lambda a, b, share: a + (b - a) * share
    along, down = along[None, :, None], down[:, None, None]
    upper = between(colours[above][:, left], colours[above][:, right], along)
    lower = between(colours[below][:, left], colours[below][:, right], along)
    pixels = between(upper, lower, down)
    pixels = pixels[..., ::-1] if order == "bgr" else pixels
    whole = np.zeros((size[1], size[0], picture.shape[2]), np.float32)
    whole[y : y + height, x : x + width] = (pixels - np.float32(mean)) * np.float32(scale)
    return whole.transpose(2, 0, 1)[None]


def as_bytes(values, dtype):
    """Values rounded to the nearest byte, the even one of two, and limited."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


def classifier(random, channels_last):
    """A classifier of gray pictures of 20x16 pixels, whose only channel a reshape moves to the front where it is last."""
    weights = {
        "w": random.normal(0, 0.5, (6, 1, 3, 3)).astype(np.float32),
        "v": random.normal(0, 1, (5, 6, 1, 1)).astype(np.float32),
        "map": np.array([1, 1, 16, 20]),
        "row": np.array([1, 5]),
    }
    nodes = [
        helper.make_node("Conv", ["first" if channels_last else "x", "w"], ["conv"], name="conv", pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["conv"], ["relu"], name="relu"),
        helper.make_node("Conv", ["relu", "v"], ["head"], name="head"),
        helper.make_node("GlobalAveragePool", ["head"], ["mean"], name="mean"),
        helper.make_node("Reshape", ["mean", "row"], ["y"], name="y"),
    ]
    if channels_last:
        nodes.insert(0, helper.make_node("Reshape", ["x", "map"], ["first"], name="first"))
    else:
        del weights["map"]
    info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    inputs = [info("x", [1, 16, 20, 1] if channels_last else [1, 1, 16, 20])]
    initializers = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "gray", inputs, [info("y", [1, 5])], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main():
    HERE.mkdir(exist_ok=True)
    random = np.random.default_rng(12)
    cases = {
        "same-size": ("rgb888", (5, 4), (5, 4), "rgb", "warp", "bilinear"),
        "larger": ("rgb888", (3, 2), (7, 9), "bgr", "warp", "bilinear"),
        "smaller": ("rgb888", (13, 17), (4, 5), "rgb", "warp", "bilinear"),
        "one-pixel": ("rgb888", (1, 1), (3, 2), "rgb", "warp", "bilinear"),
        "to-one-pixel": ("rgb888", (6, 5), (1, 1), "bgr", "warp", "bilinear"),
        "one-row": ("rgb888", (8, 1), (5, 3), "rgb", "warp", "bilinear"),
        "bgr888": ("bgr888", (5, 4), (4, 3), "rgb", "warp", "bilinear"),
        "rgb565": ("rgb565", (16, 12), (9, 12), "bgr", "warp", "nearest"),
        "rgb565be": ("rgb565be", (7, 5), (7, 5), "rgb", "warp", "bilinear"),
        "yuv422": ("yuv422", (22, 15), (11, 9), "rgb", "warp", "nearest"),
        "yuv422-between": ("yuv422", (8, 6), (11, 5), "rgb", "letterbox", "bilinear"),
        "gray8": ("gray8", (9, 7), (5, 6), "bgr", "letterbox", "nearest"),
        "bars-above": ("rgb888", (17, 6), (8, 8), "rgb", "letterbox", "bilinear"),
        "bars-beside": ("rgb565", (5, 12), (10, 9), "rgb", "letterbox", "bilinear"),
        "a-line": ("rgb888", (40, 1), (6, 5), "bgr", "letterbox", "nearest"),
        "gray-of-gray8": ("gray8", (7, 5), (7, 5), "gray", "warp", "bilinear"),
        "gray-of-rgb888": ("rgb888", (12, 9), (12, 9), "gray", "warp", "nearest"),
        "gray-of-bgr888": ("bgr888", (9, 12), (7, 8), "gray", "letterbox", "bilinear"),
        "gray-of-rgb565": ("rgb565", (8, 6), (11, 5), "gray", "warp", "bilinear"),
        "gray-of-rgb565be": ("rgb565be", (5, 4), (5, 6), "gray", "letterbox", "nearest"),
        "gray-of-yuv422": ("yuv422", (6, 4), (9, 5), "gray", "warp", "bilinear"),
        "gray-as-i8": ("rgb888", (11, 7), (8, 9), "gray", "letterbox", "bilinear", np.int8),
        "colours-as-u8": ("rgb565", (9, 8), (9, 8), "bgr", "warp", "bilinear", np.uint8),
        "colours-as-i8": ("yuv422", (10, 4), (7, 7), "rgb", "letterbox", "bilinear", np.int8),
    }
    for name, (format, (w, h), size, order, fit, resize, *dtype) in cases.items():
        wide, decoded = FORMATS[format]
        raw = random.integers(0, 256, (h, w, wide)).astype(np.uint8)
        mean, scale = [103.94, 116.78, 123.68], [0.017, 0.02, 0.015]
        if dtype:
            mean, scale = [100.5, 30.0, 127.5], [0.75, 1.5, 1.0]
        if order == "gray":
            mean, scale = mean[:1], scale[:1]
        settings = {"size": size, "order": order, "mean": mean, "scale": scale, "fit": fit, "resize": resize}
        text = json.dumps({"format": format, "width": w, "height": h, "bytes": raw.tobytes().hex()} | settings)
        (HERE / f"{name}.json").write_text(text + "\n")
        picture = luma(format, raw) if order == "gray" else decoded(raw)
        found = prepare(picture, size, order, mean, scale, fit, resize)
        found = as_bytes(found, *dtype) if dtype else found
        write_tensor(HERE / f"{name}.pb", np.ascontiguousarray(found), name)
    for name, channels_last in [("gray", False), ("gray-last", True)]:
        model = classifier(np.random.default_rng(13), channels_last)
        (HERE / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
