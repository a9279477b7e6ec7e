"""Writes the first scenes of a set as PNG files with their annotations, as `peleec eval` and `peleec quantize --images` take them.

    render.py a 500 cache/scenes/a
    render.py train 192 cache/scenes/train
"""

import argparse
import json
from pathlib import Path

from PIL import Image

from network import NETWORKS, add_option
from scenes import LABELS, PARTS, scene


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=Path)
    add_option(parser)
    wanted = parser.parse_args()
    network = NETWORKS[wanted.network]
    wanted.folder.mkdir(parents=True, exist_ok=True)
    scenes = []
    for number in range(wanted.count):
        pixels, found = scene(wanted.part, network.size, network.work, number)
        file = f"{wanted.part}-{number:03}.png"
        Image.fromarray(pixels).save(wanted.folder / file)
        objects = [{"class": int(label), "box": [float(side) for side in box]} for label, *box in found]
        scenes.append({"file": file, "objects": objects})
    (wanted.folder / "annotations.json").write_text(json.dumps({"labels": list(LABELS), "scenes": scenes}) + "\n")


if __name__ == "__main__":
    main()
