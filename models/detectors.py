"""Detectors of the field in PyTorch, each with the structure of its paper and few channels."""

import torch
from torch import nn

from blocks import SamePool, basic, conv, rows, separable
from classifiers import plain


class L2Norm(nn.Module):
    """Each place over its norm, times a learned scale a channel."""

    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels,), 5.0) + torch.rand(channels))

    def forward(self, x):
        norm = x.pow(2).sum(1, keepdim=True).sqrt() + 1e-10
        return self.scale.view(1, -1, 1, 1) * (x / norm)


class Ssd(nn.Module):
    """Maps of a body, on each 3x3 convolutions for boxes and classes (arXiv 1512.02325)."""

    def __init__(self, stages, channels, anchors, classes, first=None, last=torch.softmax):
        super().__init__()
        self.stages, self.first, self.classes, self.last = nn.ModuleList(stages), first or nn.Identity(), classes, last
        heads = lambda columns: nn.ModuleList(nn.Conv2d(cin, count * columns, 3, 1, 1) for cin, count in zip(channels, anchors))
        self.loc, self.conf = heads(4), heads(classes)

    def forward(self, x):
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        maps[0] = self.first(maps[0])
        return rows(self.loc, maps, 4), self.last(rows(self.conf, maps, self.classes), -1)


def ssd_vgg(classes=3):
    """On VGG: ceiling pools, a dilated conv6, a norm in front of the first heads."""
    halve = nn.MaxPool2d(2, 2, ceil_mode=True)
    early = [*plain(3, 3, 3), *plain(3, 4, 3), halve, *plain(4, 5, 3), *plain(5, 5, 3), halve, *plain(5, 6, 3), *plain(6, 7, 3)]
    fc6 = [nn.Conv2d(6, 8, 3, padding=6, dilation=6), nn.ReLU()]
    late = [halve, *plain(7, 6, 3), *plain(6, 6, 3), nn.MaxPool2d(3, 1, 1), *fc6, *plain(8, 8, 1)]
    extras = [[*plain(8, 3, 1), *plain(3, 6, 3, 2, 1)], [*plain(6, 3, 1), *plain(3, 6, 3, 1, 0)]]
    stages = [nn.Sequential(*stage) for stage in (early, late, *extras)]
    return Ssd(stages, (7, 8, 6, 6), (2, 3, 3, 2), classes, L2Norm(7))


def ssd_mobilenet(classes=3):
    """On MobileNet; classes by a sigmoid each."""
    act = nn.ReLU6
    early = [conv(3, 4, 3, 2, act=act), separable(4, 6, 1, act), separable(6, 8, 2, act), separable(8, 10, 2, act)]
    late = [separable(10, 13, 2, act), separable(13, 13, 1, act)]
    extra = [conv(13, 4, act=act), conv(4, 8, 3, 2, act=act)]
    stages = [nn.Sequential(*stage) for stage in (early, late, extra)]
    return Ssd(stages, (10, 13, 8), (2, 2, 3), classes, last=lambda x, _: torch.sigmoid(x))


class Leaky(nn.LeakyReLU):
    """Darknet's activation."""

    def __init__(self):
        super().__init__(0.1)


def darknet(channels, pools):
    """3x3 convolutions, each but the last behind it with a max pool."""
    blocks = []
    for index, (cin, cout) in enumerate(zip(channels, channels[1:])):
        blocks.append(conv(cin, cout, 3, act=Leaky))
        if index < pools:
            blocks.append(nn.MaxPool2d(2, 2))
    return blocks


def tiny_yolov2(pool=SamePool, anchors=5, classes=3):
    """Tiny YOLOv2 (arXiv 1612.08242)."""
    body = darknet((3, 4, 4, 6, 8, 11), 5)
    last = [conv(11, 14, 3, act=Leaky), pool(), conv(14, 12, 3, act=Leaky)]
    return nn.Sequential(*body, *last, nn.Conv2d(12, anchors * (5 + classes), 1))


class TinyYolo3(nn.Module):
    """Tiny YOLOv3: two maps, the second from the first, enlarged, beside an earlier one (arXiv 1804.02767)."""

    def __init__(self, anchors=3, classes=2):
        super().__init__()
        self.early = nn.Sequential(*darknet((3, 4, 4, 6, 8), 3))
        pool = [nn.ZeroPad2d((0, 1, 0, 1)), nn.MaxPool2d(2, 1)]
        self.late = nn.Sequential(nn.MaxPool2d(2, 2), conv(8, 10, 3, act=Leaky), *pool, conv(10, 12, 3, act=Leaky), conv(12, 8, act=Leaky))
        self.up = nn.Sequential(conv(8, 5, act=Leaky), nn.Upsample(scale_factor=2, mode="nearest"))
        last = lambda cin: nn.Sequential(conv(cin, 10, 3, act=Leaky), nn.Conv2d(10, anchors * (5 + classes), 1))
        self.coarse, self.fine = last(8), last(13)

    def forward(self, x):
        early = self.early(x)
        late = self.late(early)
        return self.coarse(late), self.fine(torch.cat([self.up(late), early], 1))


class C2f(nn.Module):
    """Half of the channels pass; the others go through bottlenecks, and what each gives is kept."""

    def __init__(self, cin, cout, count=1, adds=True):
        super().__init__()
        half, self.adds = cout // 2, adds
        self.first, self.last = conv(cin, cout, act=nn.SiLU), conv((2 + count) * half, cout, act=nn.SiLU)
        pair = lambda: nn.Sequential(conv(half, half, 3, act=nn.SiLU), conv(half, half, 3, act=nn.SiLU))
        self.pairs = nn.ModuleList(pair() for _ in range(count))

    def forward(self, x):
        parts = list(self.first(x).chunk(2, 1))
        for pair in self.pairs:
            parts.append(parts[-1] + pair(parts[-1]) if self.adds else pair(parts[-1]))
        return self.last(torch.cat(parts, 1))


class Sppf(nn.Module):
    """Three max pools, one behind the other, side by side."""

    def __init__(self, channels):
        super().__init__()
        self.first, self.last = conv(channels, channels // 2, act=nn.SiLU), conv(2 * channels, channels, act=nn.SiLU)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x):
        parts = [self.first(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.last(torch.cat(parts, 1))


class Yolo8(nn.Module):
    """YOLOv8-n on two maps: distances as distributions over `bins`, boxes in pixels above probabilities."""

    def __init__(self, size, channels=(4, 4, 6, 8), bins=4, classes=3):
        super().__init__()
        act, (a, b, c, d) = nn.SiLU, channels
        self.early = nn.Sequential(conv(3, a, 3, 2, act=act), conv(a, b, 3, 2, act=act), C2f(b, b), conv(b, c, 3, 2, act=act), C2f(c, c, 2))
        self.late = nn.Sequential(conv(c, d, 3, 2, act=act), C2f(d, d), Sppf(d))
        self.up, self.fine = nn.Upsample(scale_factor=2, mode="nearest"), C2f(c + d, c, adds=False)
        self.down, self.coarse = conv(c, c, 3, 2, act=act), C2f(c + d, d, adds=False)
        branch = lambda cin, cout: nn.Sequential(conv(cin, 6, 3, act=act), nn.Conv2d(6, cout, 1))
        self.box, self.cls = (nn.ModuleList(branch(cin, cout) for cin in (c, d)) for cout in (4 * bins, classes))
        self.bins, self.classes = bins, classes
        self.expectation = nn.Conv2d(bins, 1, 1, bias=False)
        self.expectation.weight.data[:] = torch.arange(bins, dtype=torch.float).view(1, bins, 1, 1)
        grids = [torch.meshgrid(torch.arange(size[0] // s), torch.arange(size[1] // s), indexing="ij") for s in (8, 16)]
        points = [torch.stack([x, y]).view(2, -1) + 0.5 for y, x in grids]
        self.register_buffer("points", torch.cat(points, 1)[None])
        self.register_buffer("strides", torch.cat([torch.full((1, p.shape[1]), float(s)) for p, s in zip(points, (8, 16))], 1))

    def forward(self, x):
        early = self.early(x)
        late = self.late(early)
        fine = self.fine(torch.cat([self.up(late), early], 1))
        maps = [fine, self.coarse(torch.cat([self.down(fine), late], 1))]
        parts = [torch.cat([box(x), cls(x)], 1).flatten(2) for box, cls, x in zip(self.box, self.cls, maps)]
        box, cls = torch.cat(parts, 2).split([4 * self.bins, self.classes], 1)
        box = box.view(box.shape[0], 4, self.bins, -1).transpose(1, 2).softmax(1)
        before, behind = self.expectation(box).view(box.shape[0], 4, -1).chunk(2, 1)
        begin, end = self.points - before, self.points + behind
        return torch.cat([torch.cat([(begin + end) / 2, end - begin], 1) * self.strides, cls.sigmoid()], 1)


class RetinaNet(nn.Module):
    """A pyramid of maps, each with what is above it added, and the same heads on all (arXiv 1612.03144, 1708.02002)."""

    def __init__(self, channels=(4, 5, 6, 7), width=6, anchors=2, classes=3):
        super().__init__()
        stem = nn.Sequential(conv(3, channels[0], 7, 2), nn.MaxPool2d(3, 2, 1))
        self.stages = nn.ModuleList([stem, *(basic(cin, cout, 2) for cin, cout in zip(channels, channels[1:]))])
        self.lateral = nn.ModuleList(nn.Conv2d(cin, width, 1) for cin in channels[1:])
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, 1, 1) for _ in channels[1:])
        self.above = nn.Conv2d(channels[-1], width, 3, 2, 1)
        head = lambda columns: nn.Sequential(*plain(width, width, 3), nn.Conv2d(width, anchors * columns, 3, 1, 1))
        self.box, self.cls, self.classes = head(4), head(classes), classes

    def forward(self, x):
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        sums = [lateral(x) for lateral, x in zip(self.lateral, maps[1:])]
        for index in reversed(range(len(sums) - 1)):
            size = sums[index].shape[2:]
            sums[index] = sums[index] + nn.functional.interpolate(sums[index + 1], size=size, mode="nearest")
        maps = [smooth(x) for smooth, x in zip(self.smooth, sums)] + [self.above(x)]
        scores = rows([self.cls] * len(maps), maps, self.classes)
        return rows([self.box] * len(maps), maps, 4), torch.sigmoid(scores)
