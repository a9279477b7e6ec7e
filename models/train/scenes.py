"""Renders scenes with known boxes: cutouts on backgrounds, lit, blurred, hidden and cut off as a camera would see them.

A scene follows from its set, its number and the network whose input it is for: the same ones give the same bytes (with the
pinned Pillow and numpy). Places and sizes are shares of the picture, so that a scene shows much the same to all networks.

    scenes.py sheet.png --part train --count 48     a contact sheet with the boxes drawn in
"""

import argparse
import io
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from fetch import CACHE, pictures
from network import NETWORKS, add_option

LABELS = ["background", "animal", "flower", "fruit", "coin", "sign"]
COLOURS = ["black", "red", "yellow", "cyan", "magenta", "lime"]
MOST = 8
"""No scene has more objects."""

PARTS = ["train", "validation", "a", "b", "weighted"]
"""Training scenes, scenes made of the same pictures, cutouts of the training on held-out backgrounds, both held out, and
training scenes in which a class comes the more often the more cutouts it has."""

BACKGROUND_SIDE = 900
CUTOUT_SIDE = 300
SIDES = 26, 125
"""What a cutout's longer side is scaled to, in 160ths of the picture's."""

UPRIGHT = ("animal", "sign", "other")
READABLE = ("sign", "coin")


@dataclass(frozen=True)
class Library:
    """The pictures of a set: cutouts by class, `other` among them, and backgrounds."""

    cutouts: dict[str, list[Image.Image]]
    backgrounds: list[Image.Image]


@cache
def library(part, folder=CACHE):
    """The pictures that scenes of a set are made of."""
    cutouts, backgrounds = {}, []
    for picture in pictures():
        if picture.label == "background":
            if picture.held_out == (part in ("a", "b")):
                backgrounds.append(small(picture, folder))
        elif picture.held_out == (part == "b"):
            cutouts.setdefault(picture.label, []).append(small(picture, folder))
    return Library(cutouts, backgrounds)


def small(picture, folder):
    """The picture scaled down, from a copy on disk where there is one; cutouts without their transparent margin."""
    copy = folder / "small" / f"{picture.path}.png"
    if not copy.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        # Several workers make the first copies at once: none is to read what another has half written.
        new = copy.with_name(f"{copy.name}.{os.getpid()}")
        shrink(picture, folder).save(new, "PNG")
        new.replace(copy)
    image = Image.open(copy)
    image.load()
    return image


def shrink(picture, folder):
    file = picture.file(folder)
    if picture.label == "background":
        image = Image.open(file).convert("RGB")
        image.thumbnail((BACKGROUND_SIDE, BACKGROUND_SIDE), Image.Resampling.LANCZOS)
        return image
    if file.suffix == ".svg":
        import cairosvg

        file = io.BytesIO(cairosvg.svg2png(url=str(file), output_width=2 * CUTOUT_SIDE))
    image = Image.open(file).convert("RGBA")
    image = image.crop(image.getchannel("A").point(lambda alpha: 255 * (alpha > 100)).getbbox())
    image.thumbnail((CUTOUT_SIDE, CUTOUT_SIDE), Image.Resampling.LANCZOS)
    return image


@dataclass
class Canvas:
    """A scene in the making: colours in 0 to 1, and for each pixel the number of the object that one sees there, or -1."""

    colours: np.ndarray
    owners: np.ndarray
    labels: list[int]
    areas: list[int]


def scene(part, size, work, number):
    """The scene as bytes [size, size, 3], put together at `work` pixels, and its objects [n, 5]: class and corners in pixels."""
    rng = np.random.default_rng([PARTS.index(part), number])
    source = library(part)
    canvas = Canvas(background(rng, source, part, work), np.full((work, work), -1, np.int16), [], [])
    count = rng.choice(6, p=[0.03, 0.27, 0.3, 0.22, 0.12, 0.06])
    kinds = rng.choice(LABELS[1:], count, p=weights(source) if part == "weighted" else None).tolist()
    kinds += ["other"] * rng.choice(4, p=[0.4, 0.32, 0.18, 0.1])
    rng.shuffle(kinds)
    for kind in kinds:
        cutouts = source.cutouts[kind]
        put(rng, canvas, kind, pose(rng, kind, cutouts[rng.integers(len(cutouts))], work))
    return photograph(rng, canvas.colours, size), objects(canvas, size / work)


def weights(source):
    """How often each class is drawn: by the square root of its number of cutouts."""
    roots = np.sqrt([len(source.cutouts[label]) for label in LABELS[1:]])
    return roots / roots.sum()


def objects(canvas, scale):
    """Class and corners, in pixels of the canvas times `scale`, of what one sees of each object."""
    found = []
    for index, label in enumerate(canvas.labels):
        if label:
            rows, columns = np.nonzero(canvas.owners == index)
            x0, y0, x1, y1 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            found.append([label, *(side * scale for side in (x0, y0, x1, y1))])
    return np.array(found, np.float32).reshape(-1, 5)


# Backgrounds.


def background(rng, source, part, work):
    """A crop of a photograph, or in a third of the training scenes a drawn texture."""
    if part not in ("a", "b") and rng.random() < 0.35:
        image = texture(rng, work)
    else:
        image = crop(rng, source.backgrounds[rng.integers(len(source.backgrounds))], work)
    colours = np.asarray(image, np.float32) / 255
    return np.clip((colours - 0.5) * rng.uniform(0.7, 1.1) + rng.uniform(0.4, 0.6), 0, 1) * tint(rng)


def crop(rng, image, work):
    """A square of the photograph, mirrored or not."""
    side = int(min(image.size) * rng.uniform(0.35, 1))
    x, y = (int(rng.integers(length - side + 1)) for length in image.size)
    image = image.resize((work, work), Image.Resampling.BILINEAR, (x, y, x + side, y + side))
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image


def texture(rng, work):
    """A cloudy surface, or two that meet at a horizon, with stripes or shapes on some."""
    image = surface(rng, work)
    if rng.random() < 0.4:
        row = int(work * rng.uniform(0.25, 0.75))
        image.paste(surface(rng, work).crop((0, row, work, work)), (0, row))
    if rng.random() < 0.5:
        clutter(rng, image)
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 3)))


def surface(rng, work):
    """Noise of several octaves between two colours."""
    noise = np.zeros((work, work), np.float32)
    fade = rng.uniform(0.4, 0.9)
    for octave in range(1, 8):
        cells = rng.random((2**octave, 2**octave), np.float32)
        noise += fade**octave * np.asarray(Image.fromarray(cells).resize((work, work), Image.Resampling.BICUBIC))
    noise = (noise - noise.min()) / np.ptp(noise)
    low, high = rng.random((2, 3)) * rng.uniform(0.3, 1)
    return Image.fromarray(np.uint8(255 * (low + (high - low) * noise[..., None])))


def clutter(rng, image):
    """Draws stripes, rectangles, polygons and discs."""
    draw, work = ImageDraw.Draw(image), image.width
    step = int(rng.integers(12, 80))
    if rng.random() < 0.3:
        for x in range(0, 2 * work, step):
            draw.line((x, 0, x - work // 3, work), colour(rng), int(rng.integers(1, step)))
    for _ in range(rng.integers(1, 14)):
        x, y, side = *rng.integers(-40, work, 2).tolist(), int(rng.integers(8, 120))
        box = (x, y, x + side, y + int(side * rng.uniform(0.3, 2)))
        shape = rng.integers(3)
        if shape == 0:
            draw.rectangle(box, colour(rng))
        elif shape == 1:
            draw.ellipse(box, colour(rng))
        else:
            points = rng.integers(0, side + 1, (5, 2)) + (x, y)
            draw.polygon(list(map(tuple, points.tolist())), colour(rng))


def colour(rng):
    return tuple(rng.integers(0, 256, 3).tolist())


def tint(rng):
    """Factors of red, green and blue under light that is not quite white."""
    return rng.normal(1, 0.05, 3).astype(np.float32)


# Cutouts.


def pose(rng, kind, cutout, work):
    """The cutout scaled, turned, mirrored, seen at an angle and lit, as premultiplied colours and alpha [h, w, 4] in 0 to 1."""
    side = np.exp(rng.uniform(*np.log(SIDES))) * work / 160
    scale = side / max(cutout.size) * np.array([1, rng.uniform(0.8, 1.2)])
    if kind == "coin":
        scale[1] *= rng.uniform(0.6, 1)
    width, height = (max(4, round(length * share)) for length, share in zip(cutout.size, scale))
    image = cutout.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2)
    if kind not in READABLE and rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    angle = rng.normal(0, 10) if kind in UPRIGHT else rng.uniform(0, 360)
    image = image.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    if rng.random() < 0.3:
        image = blurred(image, rng.uniform(0.3, 1.6))
    return lit(rng, np.asarray(image, np.float32) / 255)


def blurred(image, radius):
    """Blurs colours and alpha alike, with room for the edge."""
    margin = 4
    wide = Image.new("RGBA", (image.width + 2 * margin, image.height + 2 * margin))
    wide.paste(image, (margin, margin))
    return wide.convert("RGBa").filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")


def lit(rng, pixels):
    """The cutout under another light: brightness, contrast, saturation, tint and a side in the shade."""
    colours, alpha = pixels[..., :3], pixels[..., 3:]
    grey = colours.mean(2, keepdims=True)
    colours = grey + (colours - grey) * rng.uniform(0.55, 1.2)
    colours = (colours - 0.5) * rng.uniform(0.7, 1.15) + 0.5
    height, width = alpha.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    x, y = (np.linspace(-0.5, 0.5, side, dtype=np.float32) for side in (width, height))
    shade = 1 + np.float32(rng.uniform(0, 0.6)) * (np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y[:, None])
    colours = colours * shade[..., None] * rng.uniform(0.6, 1.2) * tint(rng)
    return np.concatenate([np.clip(colours, 0, 1) * alpha, alpha], 2, dtype=np.float32)


def put(rng, canvas, kind, pixels):
    """Puts the cutout where most of it is in the frame and what is there already stays visible, or nowhere."""
    solid, work = pixels[..., 3] > 0.5, len(canvas.owners)
    area = int(solid.sum())
    shadow = cast(rng, pixels[..., 3])
    for _ in range(8):
        x, y = (int(rng.uniform(-0.3, 1.3) * (work - side) - 0.15 * side) for side in solid.shape[::-1])
        frame, part = window(x, y, solid.shape, work)
        if frame is None or solid[part].sum() < 0.6 * area or hides(canvas, frame, solid[part]):
            continue
        darken(canvas, x, y, shadow)
        canvas.owners[frame][solid[part]] = len(canvas.labels)
        canvas.colours[frame] = canvas.colours[frame] * (1 - pixels[part][..., 3:]) + pixels[part][..., :3]
        canvas.labels.append(LABELS.index(kind) if kind in LABELS else 0)
        canvas.areas.append(area)
        return


def window(x, y, shape, work):
    """Where a patch at a place lies in the frame, and which part of the patch that is; None where it lies outside."""
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + shape[1], work), min(y + shape[0], work)
    if left >= right or top >= bottom:
        return None, None
    return np.s_[top:bottom, left:right], np.s_[top - y : bottom - y, left - x : right - x]


def hides(canvas, frame, solid):
    """Whether the patch would leave too little of an object that is there."""
    covered = np.bincount(canvas.owners[frame][solid] + 1, minlength=len(canvas.areas) + 1)[1:]
    visible = np.bincount(canvas.owners.ravel() + 1, minlength=len(canvas.areas) + 1)[1:]
    return any(lost and left - lost < 0.45 * area for lost, left, area in zip(covered, visible, canvas.areas))


def cast(rng, alpha):
    """A soft shadow: how far it darkens, and its place from the cutout's."""
    side = max(alpha.shape)
    margin = side // 6
    blur = ImageFilter.GaussianBlur(side * rng.uniform(0.01, 0.06))
    wide = Image.fromarray(np.uint8(np.pad(alpha, margin) * 255)).filter(blur)
    offset = (rng.uniform(-0.1, 0.1, 2) * side).astype(int) - margin
    return np.asarray(wide, np.float32) / 255 * rng.uniform(0, 0.6), offset


def darken(canvas, x, y, shadow):
    strength, offset = shadow
    frame, part = window(x + offset[0], y + offset[1], strength.shape, len(canvas.owners))
    if frame is not None:
        canvas.colours[frame] *= 1 - strength[part][..., None]


# The camera.


def photograph(rng, colours, size):
    """Bytes of the scene, scaled down by a whole number, after light, lens, sensor and JPEG."""
    step = len(colours) // size
    colours = sum(colours[row::step, column::step] for column in range(step) for row in range(step)) / step**2
    x = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    y = x[:, None]
    slope = rng.uniform(-0.4, 0.4, 2).astype(np.float32)
    light = 1 + slope[0] * x + slope[1] * y - np.float32(rng.uniform(0, 0.6)) * (x * x + y * y)
    colours = np.clip(colours * light[..., None] * rng.uniform(0.75, 1.15) * tint(rng), 0, 1)
    image = Image.fromarray(np.uint8(255 * colours ** rng.uniform(0.8, 1.25) + 0.5))
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.1)))
    pixels = np.asarray(image, np.float32)
    pixels = pixels + rng.uniform(0, 8) * rng.standard_normal(pixels.shape, np.float32)
    image = Image.fromarray(np.uint8(np.clip(pixels + 0.5, 0, 255)))
    if rng.random() < 0.8:
        image = Image.open(io.BytesIO(jpeg(image, int(rng.integers(40, 96)))))
    return np.asarray(image)


def jpeg(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def sheet(network, part, count, first=0, columns=8, side=320):
    """A picture of many scenes with their boxes."""
    zoom = side / network.size
    paper = Image.new("RGB", (columns * side, -(-count // columns) * side))
    for index in range(count):
        pixels, found = scene(part, network.size, network.work, first + index)
        image = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
        draw = ImageDraw.Draw(image)
        for label, *box in found.tolist():
            draw.rectangle([zoom * edge for edge in box], outline=COLOURS[int(label)])
            draw.text((zoom * box[0] + 2, zoom * box[1]), LABELS[int(label)], fill="white")
        paper.paste(image, (index % columns * side, index // columns * side))
    return paper


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--part", choices=PARTS, default="train")
    parser.add_argument("--count", type=int, default=48)
    add_option(parser)
    arguments = parser.parse_args()
    sheet(NETWORKS[arguments.network], arguments.part, arguments.count).save(arguments.file)
