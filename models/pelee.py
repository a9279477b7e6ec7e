"""PeleeNet and the Pelee detector (Wang, Li, Ling, NeurIPS 2018, arXiv 1804.06882) in PyTorch.

Every convolution is Conv - BatchNorm - ReLU unless its name says otherwise.
"""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Config:
    """What may vary in a network of the family; the defaults are the paper's."""

    size: tuple[int, int] = (224, 224)
    classes: int = 1000
    stem: int = 32
    growth: int = 32
    layers: tuple[int, ...] = (3, 4, 8, 6)
    bottleneck: tuple[int, ...] = (1, 2, 4, 4)
    head: int = 256
    anchors: int = 6
    dropout: float = 0.05


PELEENET = Config()
PELEE = Config(size=(304, 304), classes=21)


def conv(cin, cout, kernel=1, stride=1, padding=None, relu=True):
    """Conv - BatchNorm, and ReLU unless told otherwise; padded to keep the size unless told otherwise."""
    padding = kernel // 2 if padding is None else padding
    parts = [nn.Conv2d(cin, cout, kernel, stride, padding, bias=False), nn.BatchNorm2d(cout)]
    return nn.Sequential(*parts, nn.ReLU()) if relu else nn.Sequential(*parts)


class Stem(nn.Module):
    """Quarters the picture: a strided convolution, then a pool and a strided convolution side by side."""

    def __init__(self, channels):
        super().__init__()
        self.first = conv(3, channels, 3, stride=2)
        self.pool = nn.MaxPool2d(2, 2)
        self.narrow = conv(channels, channels // 2)
        self.stride = conv(channels // 2, channels, 3, stride=2)
        self.join = conv(2 * channels, channels)

    def forward(self, x):
        x = self.first(x)
        return self.join(torch.cat([self.pool(x), self.stride(self.narrow(x))], 1))


class DenseLayer(nn.Module):
    """The two-way dense layer: the input, a 3x3 view and a 5x5 view of it, side by side."""

    def __init__(self, cin, growth, width):
        super().__init__()
        way, middle = growth // 2, bottleneck_channels(cin, growth, width)
        self.near = nn.Sequential(conv(cin, middle), conv(middle, way, 3))
        self.far = nn.Sequential(conv(cin, middle), conv(middle, way, 3), conv(way, way, 3))

    def forward(self, x):
        return torch.cat([x, self.near(x), self.far(x)], 1)


def bottleneck_channels(cin, growth, width):
    """Channels between the 1x1 and the 3x3 of a way: never more than half of the input's."""
    middle = growth // 2 * width // 4 * 4
    return cin // 8 * 4 if middle > cin / 2 else middle


class Body(nn.Module):
    """Stem and stages; gives the maps a detector looks at: the last two stages before their pools."""

    def __init__(self, config):
        super().__init__()
        self.stem = Stem(config.stem)
        self.stages = nn.ModuleList()
        self.channels = []
        channels = config.stem
        for layers, width in zip(config.layers, config.bottleneck):
            self.stages.append(stage(channels, config.growth, layers, width))
            channels += layers * config.growth
            self.channels.append(channels)
        self.pool = nn.AvgPool2d(2, 2, ceil_mode=True)

    def forward(self, x):
        maps = []
        x = self.stem(x)
        for index, layers in enumerate(self.stages):
            x = layers(self.pool(x) if index else x)
            maps.append(x)
        return maps[-2:]


def stage(cin, growth, layers, width):
    """Dense layers and the transition, which keeps the number of channels."""
    dense = [DenseLayer(cin + i * growth, growth, width) for i in range(layers)]
    cout = cin + layers * growth
    return nn.Sequential(*dense, conv(cout, cout))


class PeleeNet(nn.Module):
    """The classifier."""

    def __init__(self, config=PELEENET):
        super().__init__()
        self.body = Body(config)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(config.dropout)
        self.fc = nn.Linear(self.body.channels[-1], config.classes)

    def forward(self, x):
        x = self.pool(self.body(x)[-1])
        return self.fc(self.dropout(torch.flatten(x, 1)))


class Residual(nn.Module):
    """The residual prediction block in front of a map's heads."""

    def __init__(self, cin, head):
        super().__init__()
        self.skip = conv(cin, head, relu=False)
        self.branch = nn.Sequential(
            conv(cin, head // 2), conv(head // 2, head // 2, 3), conv(head // 2, head, relu=False)
        )
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.skip(x) + self.branch(x))


def extra_maps(cin, size, head):
    """Blocks for the maps after the body with their channels; ends before a map would be empty."""
    blocks = []
    for middle, stride, padding in [(head, 2, 1), (head // 2, 1, 0), (head // 2, 1, 0)]:
        size = tuple((side + 2 * padding - 3) // stride + 1 for side in size)
        if min(size) < 1:
            break
        blocks.append(nn.Sequential(conv(cin, middle), conv(middle, head, 3, stride, padding)))
        cin = head
    return blocks


def last_size(size):
    """Height and width of the body's last map; every halving rounds up."""
    for _ in range(5):
        size = tuple((side + 1) // 2 for side in size)
    return size


class Pelee(nn.Module):
    """The detector: box offsets [N, priors, 4] and class probabilities [N, priors, classes]."""

    def __init__(self, config=PELEE):
        super().__init__()
        self.classes = config.classes
        self.body = Body(config)
        extras = extra_maps(self.body.channels[-1], last_size(config.size), config.head)
        self.extras = nn.ModuleList(extras)
        inputs = self.body.channels[-2:] + [config.head] * len(extras)
        self.residuals = nn.ModuleList(Residual(cin, config.head) for cin in inputs)
        heads = range(len(inputs) + 1)
        self.loc = nn.ModuleList(nn.Conv2d(config.head, config.anchors * 4, 1) for _ in heads)
        self.conf = nn.ModuleList(nn.Conv2d(config.head, config.anchors * config.classes, 1) for _ in heads)

    def forward(self, x):
        maps = self.body(x)
        for block in self.extras:
            maps.append(block(maps[-1]))
        maps = [residual(x) for residual, x in zip(self.residuals, maps)]
        maps.insert(0, maps[0])
        loc = rows(self.loc, maps, 4)
        return loc, torch.softmax(rows(self.conf, maps, self.classes), -1)


def rows(heads, maps, columns):
    """What the heads say of their maps, one row for each prior box."""
    flat = [torch.flatten(head(x).permute(0, 2, 3, 1), 1) for head, x in zip(heads, maps)]
    flat = torch.cat(flat, 1)
    return flat.view(flat.size(0), -1, columns)
