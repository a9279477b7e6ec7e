"""The reference of how a picture becomes an input, in numpy; run by hand it writes vectors into `frames/`.

`NAME.json` has the picture's format, width and height, its bytes in hexadecimal, and the preparation; `NAME.pb` is the input
[1, 3, height, width]. All arithmetic after the pixels are bytes of red, green and blue is f32, in the order that `prepare`
writes it.
"""

import json
from pathlib import Path

import numpy as np

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
    """The input [1, 3, height, width] of a picture [h, w, 3] of bytes."""
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
    whole = np.zeros((size[1], size[0], 3), np.float32)
    whole[y : y + height, x : x + width] = (pixels - np.float32(mean)) * np.float32(scale)
    return whole.transpose(2, 0, 1)[None]


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
    }
    for name, (format, (w, h), size, order, fit, resize) in cases.items():
        wide, decoded = FORMATS[format]
        raw = random.integers(0, 256, (h, w, wide)).astype(np.uint8)
        mean, scale = [103.94, 116.78, 123.68], [0.017, 0.02, 0.015]
        settings = {"size": size, "order": order, "mean": mean, "scale": scale, "fit": fit, "resize": resize}
        text = json.dumps({"format": format, "width": w, "height": h, "bytes": raw.tobytes().hex()} | settings)
        (HERE / f"{name}.json").write_text(text + "\n")
        found = prepare(decoded(raw), size, order, mean, scale, fit, resize)
        write_tensor(HERE / f"{name}.pb", np.ascontiguousarray(found), name)


if __name__ == "__main__":
    main()
