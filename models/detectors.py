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
    """Maps of a body, on each convolutions for boxes and classes (arXiv 1512.02325)."""

    def __init__(self, stages, channels, anchors, classes, first=None, last=torch.softmax, kernel=3):
        super().__init__()
        self.stages, self.first, self.classes, self.last = nn.ModuleList(stages), first or nn.Identity(), classes, last
        head = lambda cin, cout: nn.Conv2d(cin, cout, kernel, 1, kernel // 2)
        heads = lambda columns: nn.ModuleList(head(cin, count * columns) for cin, count in zip(channels, anchors))
        self.loc, self.conf = heads(4), heads(classes)

    def forward(self, x):
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        maps[0] = self.first(maps[0])
        return rows(self.loc, maps, 4), self.last(rows(self.conf, maps, self.classes), -1)


def ssd_vgg(groups=((3, 4), (5, 5), (6, 7)), late=(6, 6), wide=8, extras=((3, 6, 2, 1), (3, 6, 1, 0)), anchors=(2, 3, 3, 2), classes=3):
    """On VGG: ceiling pools, a dilated conv6, a norm in front of the first heads; groups of channels between pools, and in front of conv6,
    extras of few channels, channels, stride, padding."""
    halve, early, cin = nn.MaxPool2d(2, 2, ceil_mode=True), [], 3
    for index, group in enumerate(groups):
        early += [halve] if index else []
        for cout in group:
            early += plain(cin, cout, 3)
            cin = cout
    channels = [cin]
    fc6 = [nn.Conv2d(late[-1], wide, 3, padding=6, dilation=6), nn.ReLU()]
    behind = [layer for pair in zip((cin, *late), late) for layer in plain(*pair, 3)]
    stages = [early, [halve, *behind, nn.MaxPool2d(3, 1, 1), *fc6, *plain(wide, wide, 1)]]
    channels.append(wide)
    for few, cout, stride, padding in extras:
        stages.append([*plain(channels[-1], few, 1), *plain(few, cout, 3, stride, padding)])
        channels.append(cout)
    return Ssd([nn.Sequential(*stage) for stage in stages], channels, anchors, classes, L2Norm(channels[0]))


EARLY, LATE = ((6, 1), (8, 2), (10, 2)), ((13, 2), (13, 1))


def ssd_mobilenet(stem=4, bodies=(EARLY, LATE), extras=((4, 8),), anchors=(2, 2, 3), classes=3, kernel=3):
    """On MobileNet; classes by a sigmoid each. Bodies that end in a map, of rows of channels, stride; extras of few channels, channels."""
    act, cin, stages, channels = nn.ReLU6, stem, [], []
    for body in bodies:
        stages.append([] if stages else [conv(3, stem, 3, 2, act=act)])
        for cout, stride in body:
            stages[-1].append(separable(cin, cout, stride, act))
            cin = cout
        channels.append(cin)
    for few, cout in extras:
        stages.append([conv(channels[-1], few, act=act), conv(few, cout, 3, 2, act=act)])
        channels.append(cout)
    stages = [nn.Sequential(*stage) for stage in stages]
    return Ssd(stages, channels, anchors, classes, last=lambda x, _: torch.sigmoid(x), kernel=kernel)


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


def tiny_yolov2(pool=SamePool, channels=(3, 4, 4, 6, 8, 11), late=(14, 12), anchors=5, classes=3):
    """Tiny YOLOv2 (arXiv 1612.08242): convolutions with a pool each, then those of `late`, one of them in front of a pool that keeps the size."""
    body = darknet(channels, len(channels) - 1)
    first, *others = [conv(cin, cout, 3, act=Leaky) for cin, cout in zip((channels[-1], *late), late)]
    return nn.Sequential(*body, first, pool(), *others, nn.Conv2d(late[-1], anchors * (5 + classes), 1))


class TinyYolo3(nn.Module):
    """Tiny YOLOv3: two maps, the second from the first, enlarged, beside an earlier one (arXiv 1804.02767)."""

    def __init__(self, early=(3, 4, 4, 6, 8), late=(10, 12, 8), beside=5, last=(10, 10), anchors=3, classes=2):
        super().__init__()
        self.early = nn.Sequential(*darknet(early, len(early) - 2))
        pool = [nn.ZeroPad2d((0, 1, 0, 1)), nn.MaxPool2d(2, 1)]
        a, b, c = late
        self.late = nn.Sequential(nn.MaxPool2d(2, 2), conv(early[-1], a, 3, act=Leaky), *pool, conv(a, b, 3, act=Leaky), conv(b, c, act=Leaky))
        self.up = nn.Sequential(conv(c, beside, act=Leaky), nn.Upsample(scale_factor=2, mode="nearest"))
        head = lambda cin, middle: nn.Sequential(conv(cin, middle, 3, act=Leaky), nn.Conv2d(middle, anchors * (5 + classes), 1))
        self.coarse, self.fine = head(c, last[0]), head(early[-1] + beside, last[1])

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


class Boxes8(nn.Module):
    """YOLOv8's end: distances as distributions over `bins`, boxes in pixels above probabilities."""

    def heads(self, size, channels, strides, box, cls, bins, classes, depth):
        """For maps of so many channels and pixels a place; `box` and `cls` are the channels of their convolutions, `depth` how many."""
        act = nn.SiLU
        convs = lambda cin, middle: [conv(middle if index else cin, middle, 3, act=act) for index in range(depth)]
        branch = lambda cin, middle, cout: nn.Sequential(*convs(cin, middle), nn.Conv2d(middle, cout, 1))
        self.box, self.cls = (
            nn.ModuleList(branch(cin, middle, cout) for cin in channels) for middle, cout in ((box, 4 * bins), (cls, classes))
        )
        self.bins, self.classes = bins, classes
        self.expectation = nn.Conv2d(bins, 1, 1, bias=False)
        self.expectation.weight.data[:] = torch.arange(bins, dtype=torch.float).view(1, bins, 1, 1)
        grids = [torch.meshgrid(torch.arange(size[0] // s), torch.arange(size[1] // s), indexing="ij") for s in strides]
        points = [torch.stack([x, y]).view(2, -1) + 0.5 for y, x in grids]
        self.register_buffer("points", torch.cat(points, 1)[None])
        self.register_buffer("strides", torch.cat([torch.full((1, p.shape[1]), float(s)) for p, s in zip(points, strides)], 1))

    def boxes(self, maps):
        parts = [torch.cat([box(x), cls(x)], 1).flatten(2) for box, cls, x in zip(self.box, self.cls, maps)]
        box, cls = torch.cat(parts, 2).split([4 * self.bins, self.classes], 1)
        box = box.view(box.shape[0], 4, self.bins, -1).transpose(1, 2).softmax(1)
        before, behind = self.expectation(box).view(box.shape[0], 4, -1).chunk(2, 1)
        begin, end = self.points - before, self.points + behind
        return torch.cat([torch.cat([(begin + end) / 2, end - begin], 1) * self.strides, cls.sigmoid()], 1)


class Yolo8(Boxes8):
    """YOLOv8-n on two maps."""

    def __init__(self, size, channels=(4, 4, 6, 8), bins=4, classes=3):
        super().__init__()
        act, (a, b, c, d) = nn.SiLU, channels
        self.early = nn.Sequential(conv(3, a, 3, 2, act=act), conv(a, b, 3, 2, act=act), C2f(b, b), conv(b, c, 3, 2, act=act), C2f(c, c, 2))
        self.late = nn.Sequential(conv(c, d, 3, 2, act=act), C2f(d, d), Sppf(d))
        self.up, self.fine = nn.Upsample(scale_factor=2, mode="nearest"), C2f(c + d, c, adds=False)
        self.down, self.coarse = conv(c, c, 3, 2, act=act), C2f(c + d, d, adds=False)
        self.heads(size, (c, d), (8, 16), 6, 6, bins, classes, 1)

    def forward(self, x):
        early = self.early(x)
        late = self.late(early)
        fine = self.fine(torch.cat([self.up(late), early], 1))
        return self.boxes([fine, self.coarse(torch.cat([self.down(fine), late], 1))])


class Yolo8Three(Boxes8):
    """YOLOv8-n on its three maps, as published."""

    def __init__(self, size, channels=(16, 32, 64, 128, 256), depths=(1, 2, 2, 1), bins=16, classes=80):
        super().__init__()
        a, b, c, d, e = channels
        halve = lambda cin, cout: conv(cin, cout, 3, 2, act=nn.SiLU)
        stage = lambda cin, cout, depth: [halve(cin, cout), C2f(cout, cout, depth)]
        self.fine = nn.Sequential(halve(3, a), *stage(a, b, depths[0]), *stage(b, c, depths[1]))
        self.middle = nn.Sequential(*stage(c, d, depths[2]))
        self.coarse = nn.Sequential(*stage(d, e, depths[3]), Sppf(e))
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.up_middle, self.up_fine = C2f(e + d, d, adds=False), C2f(d + c, c, adds=False)
        self.halve_fine, self.down_middle = halve(c, c), C2f(c + d, d, adds=False)
        self.halve_middle, self.down_coarse = halve(d, d), C2f(d + e, e, adds=False)
        self.heads(size, (c, d, e), (8, 16, 32), max(16, c // 4, 4 * bins), max(c, min(classes, 100)), bins, classes, 2)

    def forward(self, x):
        fine = self.fine(x)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.up_middle(torch.cat([self.up(coarse), middle], 1))
        fine = self.up_fine(torch.cat([self.up(middle), fine], 1))
        middle = self.down_middle(torch.cat([self.halve_fine(fine), middle], 1))
        coarse = self.down_coarse(torch.cat([self.halve_middle(middle), coarse], 1))
        return self.boxes([fine, middle, coarse])


class RetinaNet(nn.Module):
    """A pyramid of maps, each with what is above it added, and the same heads on all (arXiv 1612.03144, 1708.02002)."""

    def __init__(self, channels=(4, 5, 6, 7), width=6, depth=1, anchors=2, classes=3):
        super().__init__()
        self.body(channels)
        self.lateral = nn.ModuleList(nn.Conv2d(cin, width, 1) for cin in channels[1:])
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, 1, 1) for _ in channels[1:])
        self.above = nn.Conv2d(channels[-1], width, 3, 2, 1)
        convs = lambda: [layer for _ in range(depth) for layer in plain(width, width, 3)]
        head = lambda columns: nn.Sequential(*convs(), nn.Conv2d(width, anchors * columns, 3, 1, 1))
        self.box, self.cls, self.classes = head(4), head(classes), classes

    def body(self, channels):
        """A stem, then a residual for each map."""
        stem = nn.Sequential(conv(3, channels[0], 7, 2), nn.MaxPool2d(3, 2, 1))
        self.stages = nn.ModuleList([stem, *(basic(cin, cout, 2) for cin, cout in zip(channels, channels[1:]))])

    def forward(self, x):
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        sums = [lateral(x) for lateral, x in zip(self.lateral, maps[1:])]
        for index in reversed(range(len(sums) - 1)):
            size = sums[index].shape[2:]
            sums[index] = sums[index] + nn.functional.interpolate(sums[index + 1], size=size, mode="nearest")
        maps = [smooth(x) for smooth, x in zip(self.smooth, sums)] + self.top(x)
        scores = rows([self.cls] * len(maps), maps, self.classes)
        return rows([self.box] * len(maps), maps, 4), torch.sigmoid(scores)

    def top(self, x):
        """What is above the pyramid."""
        return [self.above(x)]


class RetinaNet18(RetinaNet):
    """On ResNet-18, as published: two residuals a stage, a map more, heads of four convolutions."""

    def __init__(self, channels=(64, 128, 256, 512), width=256, depth=4, anchors=9, classes=80):
        super().__init__(channels, width, depth, anchors, classes)
        self.higher = nn.Conv2d(width, width, 3, 2, 1)

    def body(self, channels):
        first, stages = channels[0], zip(channels, channels[1:])
        stem = nn.Sequential(conv(3, first, 7, 2), nn.MaxPool2d(3, 2, 1), basic(first, first), basic(first, first))
        pairs = (nn.Sequential(basic(cin, cout, 2), basic(cout, cout)) for cin, cout in stages)
        self.stages = nn.ModuleList([stem, *pairs])

    def top(self, x):
        above = self.above(x)
        return [above, self.higher(torch.relu(above))]
