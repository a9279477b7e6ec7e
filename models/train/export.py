"""Writes ../detector-small or ../large/detector: the averaged weights as ONNX, a test vector, the log and some test scenes."""

import argparse
import io
import json
import shutil
import warnings

import numpy as np
import onnx
import torch
from PIL import Image

from evaluate import read
from network import NETWORKS, add_option
from rewrite import behind_cast
from ring import full
from scenes import LABELS, jpeg
from vectors import run, write_case

CAMERA = "a-14.jpg"
"""The scene that the examples have as a camera's frame."""

NOTICE = """The pictures of this folder, and those of `boxes/` if there are any, on which boxes are drawn, are put together
from pictures of three Debian packages, all of them under the GNU General Public License, version 2 or later (GPL-2+), or in
the public domain:

tuxpaint-stamps-default 2022.06.04-1   cutouts; Bill Kendrick and contributors
tuxpaint-data 1:0.9.28-sdl2-1          backgrounds cliff, mossy_log, ocean_waves, rocks, trees_at_dusk; Bill Kendrick
mate-backgrounds 1.26.0-1              backgrounds Storm (Sergey Nazarov), RainDrops (blackcombwhistler07),
                                       Elephants (Wyng Stancikaite)

The pictures of this folder may be copied, changed and passed on under the GPL, version 2 or later; they come without any
warranty. https://www.gnu.org/licenses/old-licenses/gpl-2.0.html has its text. The pictures that were taken are listed in
models/train/pictures.txt, and models/train/scenes.py makes the scenes again from them.
"""


def exported(detector, picture):
    """The ONNX model of opset 17, with BatchNormalization kept."""
    buffer = io.BytesIO()
    warnings.filterwarnings("ignore")
    torch.onnx.export(
        detector,
        (picture,),
        buffer,
        opset_version=17,
        dynamo=False,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        input_names=["input"],
        output_names=["loc", "conf"],
    )
    model = onnx.load_from_string(buffer.getvalue())
    unshare(model.graph)
    return model


def unshare(graph):
    """Stores equal weights once for each reader again, where the exporter put Identity in front of all but one."""
    stored = {tensor.name: tensor for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "Identity"]:
        graph.initializer.add().CopyFrom(stored[node.input[0]])
        graph.initializer[-1].name = node.output[0]
        graph.node.remove(node)


def write_model(network, detector, picture):
    """The model with a test vector: onnxruntime's outputs for a picture, which are PyTorch's but for rounding."""
    if network.float16:
        for weights in detector.parameters():
            if weights.ndim == 4:
                weights.data = weights.data.half().float()
    model = exported(detector, picture)
    if network.float16:
        behind_cast(model, np.float16, rank=4)
    onnx.checker.check_model(model, full_check=True)
    found = run(model.SerializeToString(), [picture.numpy()])
    with torch.no_grad():
        for name, wanted in zip(found, detector(picture)):
            np.testing.assert_allclose(found[name], wanted.numpy(), 1e-3, 1e-4, err_msg=name)
    write_case(network.folder, model, {"input": picture.numpy()}, found)


def rgb565(picture):
    """The bytes of a picture as a camera has them: 16 bits a pixel, the low byte first."""
    red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB")).astype("<u2"), -1, 0)
    return (red >> 3 << 11 | green >> 2 << 5 | blue >> 3).tobytes()


def write_scenes(network, folder):
    """The first scenes of both test sets with their objects: class and corners in pixels."""
    folder.mkdir(exist_ok=True)
    (folder / "LICENSE").write_text(NOTICE)
    lines = []
    for part in ("a", "b"):
        ring = full(network, part, 500)
        for number, pixels, boxes in zip(range(network.taken), ring.images, ring.boxes):
            name = f"{part}-{number:02}.jpg"
            (folder / name).write_bytes(jpeg(Image.fromarray(pixels), 88))
            objects = [{"class": int(label), "box": box} for label, *box in boxes.tolist() if label]
            lines.append(json.dumps({"file": name, "objects": objects}))
    if (folder / CAMERA).is_file():
        (folder / CAMERA).with_suffix(".rgb565").write_bytes(rgb565(Image.open(folder / CAMERA)))
    text = ",\n".join(f"  {line}" for line in lines)
    (folder / "annotations.json").write_text(f'{{"labels": {json.dumps(LABELS)}, "scenes": [\n{text}\n]}}\n')


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_option(parser)
    network = NETWORKS[parser.parse_args().network]
    picture = network.normalised(torch.from_numpy(full(network, "b", 500).images[:1].copy())).contiguous()
    write_model(network, read(network, network.checkpoint), picture)
    write_scenes(network, network.folder / "scenes")
    for name in ("log.csv", "curves.png"):
        shutil.copy(network.cache / name, network.folder / name)
