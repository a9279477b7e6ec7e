"""The reference of how a picture becomes an input, in numpy; run by hand it writes vectors into `frames/`.

`NAME.json` has the picture's width and height, its bytes in hexadecimal, and the preparation; `NAME.pb` is the input
[1, 3, height, width]. All arithmetic is f32, in the order that `prepare` writes it.
"""

import json
from pathlib import Path

import numpy as np

from vectors import write_tensor

HERE = Path(__file__).parent / "frames"


def places(count, source):
    """For each of `count` output pixels, the two pixels of a row of `source` that it lies between, and how far from the first."""
    place = (np.arange(count, dtype=np.float32) + np.float32(0.5)) * (np.float32(source) / np.float32(count)) - np.float32(0.5)
    place = np.clip(place, np.float32(0), np.float32(source - 1))
    first = np.floor(place).astype(np.int64)
    return first, np.minimum(first + 1, source - 1), place - first.astype(np.float32)


def prepare(picture, size, order, mean, scale):
    """The input [1, 3, height, width] of a picture [h, w, 3] of bytes."""
    width, height = size
    left, right, along = places(width, picture.shape[1])
    above, below, down = places(height, picture.shape[0])
    colours = picture.astype(np.float32)
    between = lambda a, b, share: a + (b - a) * share
    along, down = along[None, :, None], down[:, None, None]
    upper = between(colours[above][:, left], colours[above][:, right], along)
    lower = between(colours[below][:, left], colours[below][:, right], along)
    pixels = between(upper, lower, down)
    pixels = pixels[..., ::-1] if order == "bgr" else pixels
    return ((pixels - np.float32(mean)) * np.float32(scale)).transpose(2, 0, 1)[None]


def main():
    HERE.mkdir(exist_ok=True)
    random = np.random.default_rng(12)
    cases = {
        "same-size": ((5, 4), (5, 4), "rgb"),
        "larger": ((3, 2), (7, 9), "bgr"),
        "smaller": ((13, 17), (4, 5), "rgb"),
        "one-pixel": ((1, 1), (3, 2), "rgb"),
        "to-one-pixel": ((6, 5), (1, 1), "bgr"),
        "one-row": ((8, 1), (5, 3), "rgb"),
    }
    for name, ((w, h), size, order) in cases.items():
        picture = random.integers(0, 256, (h, w, 3)).astype(np.uint8)
        mean, scale = [103.94, 116.78, 123.68], [0.017, 0.02, 0.015]
        settings = {"size": size, "order": order, "mean": mean, "scale": scale}
        text = json.dumps({"width": w, "height": h, "bytes": picture.tobytes().hex()} | settings)
        (HERE / f"{name}.json").write_text(text + "\n")
        write_tensor(HERE / f"{name}.pb", np.ascontiguousarray(prepare(picture, size, order, mean, scale)), name)


if __name__ == "__main__":
    main()
