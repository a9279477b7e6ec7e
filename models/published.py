"""The networks of the field at the sizes of their papers: compares the definitions with the published figures, or writes exports of them.

`published.py` compares; `published.py --write FOLDER NAME ...` writes FOLDER/NAME/model.onnx with one input and onnxruntime's outputs without
optimisations, for some names or all. Weights and inputs come from seeds, batch-norm statistics from random pictures. Nothing is stored
here: the files are of up to 125 MB.
"""

import argparse
import logging
import sys
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable

import numpy as np
import onnx
import torch

import classifiers as c
import detectors as d
import vectors
from blocks import basic, bottleneck
from check import macs, parameters, same
from export import seeded
from field import BOXES, SCORES, traced

THOUSAND, MILLION = 1_000, 1_000_000
IMAGENET = 1000
OPSET = 17


@dataclass(frozen=True)
class Published:
    """A network, the shape of its input, and what is published of it: a count, and the unit that it is given in; nothing where there is none."""

    network: Callable
    shape: tuple[int, ...]
    parameters: tuple[int, int] | None = None
    macs: tuple[int, int] | None = None
    outputs: tuple[str, ...] = SCORES


def divisible(channels, unit=8):
    """The nearest multiple of 8 that is no more than a tenth below: how MobileNets of other widths than 1 are made."""
    rounded = max(unit, int(channels + unit / 2) // unit * unit)
    return rounded + unit if rounded < 0.9 * channels else rounded


def mobilenet_v1(width=1.0):
    rows = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
    return c.mobilenet_v1(divisible(32 * width), [(divisible(cout * width), stride) for cout, stride in rows], IMAGENET)


def mobilenet_v2(width=1.0):
    rows = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    rows = [(factor, divisible(cout * width), count, stride, 3) for factor, cout, count, stride in rows]
    return c.mobilenet_v2(divisible(32 * width), rows, divisible(1280 * max(width, 1)), IMAGENET)


def mobilenet_v3():
    rows = (
        (16, 16, 3, 2, c.RELU, 8),
        (72, 24, 3, 2, c.RELU, 0),
        (88, 24, 3, 1, c.RELU, 0),
        (96, 40, 5, 2, c.SWISH, 24),
        *[(240, 40, 5, 1, c.SWISH, 64)] * 2,
        (120, 48, 5, 1, c.SWISH, 32),
        (144, 48, 5, 1, c.SWISH, 40),
        (288, 96, 5, 2, c.SWISH, 72),
        *[(576, 96, 5, 1, c.SWISH, 144)] * 2,
    )
    return c.mobilenet_v3(16, rows, (576, 1024), IMAGENET)


def shufflenet_v2():
    return c.shufflenet_v2(24, ((116, 4), (232, 8), (464, 4)), 1024, IMAGENET)


def squeezenet():
    stages = ([(16, 64)] * 2, [(32, 128)] * 2, [(48, 192)] * 2 + [(64, 256)] * 2)
    return c.squeezenet(64, stages, IMAGENET)


def resnet_18():
    return c.resnet(basic, (64, 64, 128, 256, 512), (2, 2, 2, 2), IMAGENET)


def resnet_50():
    return c.resnet(bottleneck, (64, 256, 512, 1024, 2048), (3, 4, 6, 3), IMAGENET)


def densenet_121():
    return c.densenet(32, (6, 12, 24, 16), IMAGENET)


def efficientnet_lite0():
    rows = (
        (1, 16, 1, 1, 3),
        (6, 24, 2, 2, 3),
        (6, 40, 2, 2, 5),
        (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    )
    return c.efficientnet_lite(32, rows, 1280, IMAGENET)


def mcunet():
    """`mcunet-in3`; factor, channels, kernel, stride of each block."""
    rows = (
        (1, 8, 3, 1), (3, 16, 7, 2), (5, 16, 3, 1), (5, 16, 7, 1), (4, 16, 5, 1), (5, 24, 5, 2), (5, 24, 5, 1), (5, 24, 5, 1), (5, 40, 3, 2),
        (6, 40, 7, 1), (4, 40, 5, 1), (5, 48, 5, 1), (5, 48, 7, 1), (5, 48, 3, 1), (6, 96, 3, 2), (5, 96, 7, 1), (4, 96, 3, 1), (5, 160, 7, 1),
    )  # fmt: skip
    return c.mcunet(16, [(factor, cout, 1, stride, kernel) for factor, cout, kernel, stride in rows], IMAGENET)


def ssd_mobilenet():
    bodies = (
        ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5),
        ((1024, 2), (1024, 1)),
    )
    extras = ((256, 512), (128, 256), (128, 256), (64, 128))
    return d.ssd_mobilenet(32, bodies, extras, (3, 6, 6, 6, 6, 6), 91, kernel=1)


def ssd_vgg():
    groups = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512))
    extras = ((256, 512, 2, 1), (128, 256, 2, 1), (128, 256, 1, 0), (128, 256, 1, 0))
    return d.ssd_vgg(groups, (512, 512, 512), 1024, extras, (4, 6, 6, 6, 4, 4), 21)


def tiny_yolov2():
    return d.tiny_yolov2(channels=(3, 16, 32, 64, 128, 256), late=(512, 1024, 1024), classes=20)


def tiny_yolov3():
    return d.TinyYolo3((3, 16, 32, 64, 128, 256), (512, 1024, 256), 128, (512, 256), classes=80)


# Counts to one are those of torchvision (MACs to a million), of the weights' files of Darknet, of Ultralytics, of MLPerf Tiny and of the
# best known ports of SSD and U-Net, less moving means and variances and biases in front of batch normalisation where they count these; the
# others are those of the papers and of the models' own pages, MobileNetV2 0.35's that of timm. Two published counts of MACs are left out, as
# they are of something else: MobileNetV2 0.35's 30 M have no fully connected layer, and EfficientNet-Lite0's page has 407 M.
NETWORKS = {
    "mobilenet-v1-224": Published(mobilenet_v1, (3, 224, 224), (4_200_000, 100_000), (569 * MILLION, MILLION)),
    "mobilenet-v2-224": Published(mobilenet_v2, (3, 224, 224), (3_504_872, 1), (301 * MILLION, MILLION)),
    "mobilenet-v2-035-160": Published(partial(mobilenet_v2, 0.35), (3, 160, 160), (1_680_000, 10_000)),
    "mobilenet-v3-small-224": Published(mobilenet_v3, (3, 224, 224), (2_542_856, 1), (57 * MILLION, MILLION)),
    "shufflenet-v2-224": Published(shufflenet_v2, (3, 224, 224), (2_278_604, 1), (145 * MILLION, MILLION)),
    "squeezenet-224": Published(squeezenet, (3, 224, 224), (1_235_496, 1), (349 * MILLION, MILLION)),
    "resnet-18-224": Published(resnet_18, (3, 224, 224), (11_689_512, 1), (1_814 * MILLION, MILLION)),
    "resnet-50-224": Published(resnet_50, (3, 224, 224), (25_557_032, 1), (4_089 * MILLION, MILLION)),
    "densenet-121-224": Published(densenet_121, (3, 224, 224), (7_978_856, 1), (2_834 * MILLION, MILLION)),
    "efficientnet-lite0-224": Published(efficientnet_lite0, (3, 224, 224), (4_700_000, 100_000)),
    "mcunet-320k-176": Published(mcunet, (3, 176, 176), (740_000, 10_000), (81_800 * THOUSAND, 100 * THOUSAND)),
    "ssd-mobilenet-300": Published(ssd_mobilenet, (3, 300, 300), (6_800_000, 100_000), (1_200 * MILLION, 100 * MILLION), BOXES),
    "ssd-vgg-300": Published(ssd_vgg, (3, 300, 300), (26_285_486, 1), None, BOXES),
    "tiny-yolov2-416": Published(tiny_yolov2, (3, 416, 416), (15_861_773, 1), None, ("grid",)),
    "tiny-yolov3-416": Published(tiny_yolov3, (3, 416, 416), (8_852_366, 1), (2_780 * MILLION, 10 * MILLION), ("coarse", "fine")),
    "yolov8n-320": Published(partial(d.Yolo8Three, (320, 320)), (3, 320, 320), (3_157_200, 1), None, ("boxes",)),
    "retinanet-r18-256": Published(d.RetinaNet18, (3, 256, 256), None, None, BOXES),
    "unet-128": Published(partial(c.UNet, (64, 128, 256, 512, 1024)), (1, 128, 128), (31_036_481, 1), None, ("mask",)),
    "ds-cnn-s": Published(partial(c.ds_cnn, 64), (1, 49, 10), (23_180, 1), None),
}


def figure(count, published):
    """A count and the published one in words, and whether they are the same; that is unknown where nothing is published."""
    if published is None:
        return [f"{count:,}", "-"], None
    expected, unit = published
    return [f"{count:,}", f"{expected:,}"], same(count, expected, unit)


def check(names):
    """Prints a row a network; whether none differs from what is published."""
    print("| network | input | parameters | published | MACs | published | |")
    print("|---|---|---|---|---|---|---|")
    good = True
    for name in names:
        published = NETWORKS[name]
        model = published.network()
        learnt, right = figure(parameters(model), published.parameters)
        work, exact = figure(macs(model, published.shape), published.macs)
        known = [answer for answer in (right, exact) if answer is not None]
        good &= all(known)
        verdict = "-" if not known else "same" if all(known) else "DIFFERS"
        row = [name, "x".join(map(str, published.shape)), *learnt, *work, verdict]
        print(f"| {' | '.join(row)} |", flush=True)
    return good


def write(name, folder):
    """Exports one network, with an input and the outputs that onnxruntime gives for it."""
    published = NETWORKS[name]
    model = seeded(published.network, published.shape, list(NETWORKS).index(name), rounds=2, inputs=4)
    value = torch.randn(1, *published.shape)
    with torch.no_grad():
        names = {"input_names": ["input"], "output_names": list(published.outputs)}
        result = traced(model, value, OPSET, names)
        expected = model(value)
    onnx.checker.check_model(result, full_check=True)
    outputs = vectors.run(result.SerializeToString(), [value.numpy()], optimised=False)
    compare(name, [expected] if isinstance(expected, torch.Tensor) else expected, outputs)
    vectors.write_case(folder / name, result, {"input": value.numpy()}, outputs)


def compare(name, expected, outputs):
    """Stops if onnxruntime and PyTorch disagree. Roundings grow with the largest values, which are hundreds where boxes are in pixels."""
    for array, tensor in zip(outputs.values(), expected, strict=True):
        largest = float(tensor.abs().max())
        np.testing.assert_allclose(array, tensor.numpy(), 1e-4, 1e-4 * largest, err_msg=name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all, or some of {', '.join(NETWORKS)}")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write exports there")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NETWORKS)
    if unknown:
        parser.error(f"no network is named {', '.join(sorted(unknown))}")
    warnings.simplefilter("ignore")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    names = arguments.names or list(NETWORKS)
    if arguments.write is None:
        return 0 if check(names) else 1
    for name in names:
        write(name, arguments.write)
        print(name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
