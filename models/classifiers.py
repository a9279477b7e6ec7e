"""Classifiers of the field in PyTorch, each with the structure of its paper and widths that are parameters, and a U-Net."""

import torch
from torch import nn

from blocks import Inverted, Lrn, basic, bottleneck, classifier, conv, depthwise, inverted, separable, shuffle


V1 = ((4, 1), (8, 2), (8, 1), (16, 2), (16, 1), (32, 2), (32, 1), (48, 2))


def mobilenet_v1(stem=2, rows=V1, classes=10):
    """Depthwise separable convolutions (arXiv 1704.04861), by rows of channels, stride."""
    blocks, cin = [conv(3, stem, 3, 2, act=nn.ReLU6)], stem
    for cout, stride in rows:
        blocks.append(separable(cin, cout, stride, nn.ReLU6))
        cin = cout
    return nn.Sequential(*blocks, classifier(cin, classes))


V2 = ((1, 4, 1, 1, 3), (6, 5, 2, 2, 3), (6, 6, 2, 2, 3), (6, 8, 1, 2, 3), (6, 9, 1, 1, 3))


def mobilenet_v2(stem=8, rows=V2, last=28, classes=10):
    """Inverted residuals (arXiv 1801.04381), by the rows of `inverted`."""
    body, act = inverted(stem, rows), nn.ReLU6
    return nn.Sequential(conv(3, stem, 3, 2, act=act), *body, conv(rows[-1][1], last, act=act), classifier(last, classes))


RELU, SWISH = nn.ReLU, nn.Hardswish
V3 = ((4, 4, 3, 2, RELU, 3), (18, 6, 3, 2, RELU, 0), (22, 6, 3, 1, RELU, 0), (24, 8, 5, 2, SWISH, 6), (27, 8, 5, 1, SWISH, 6))


def mobilenet_v3(stem=4, rows=V3, last=(24, 20), classes=10):
    """MobileNetV3-Small: hard swish, squeeze and excite (arXiv 1905.02244).

    Rows of channels between, channels, kernel, stride, activation, channels that excite, `last` of the last convolution and layer.
    """
    body, cin = [], stem
    for middle, cout, kernel, stride, act, squeeze in rows:
        body.append(Inverted(cin, cout, middle, kernel, stride, act, squeeze))
        cin = cout
    wide, middle = last
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(wide, middle), SWISH(), nn.Linear(middle, classes)]
    return nn.Sequential(conv(3, stem, 3, 2, act=SWISH), *body, conv(cin, wide, act=SWISH), *end)


class ShuffleUnit1(nn.Module):
    """Grouped 1x1, shuffle, depthwise, grouped 1x1; beside the input, or beside its average pool where it halves."""

    def __init__(self, cin, cout, stride, groups):
        super().__init__()
        middle, self.groups, self.halves = cout // 4, groups, stride == 2
        self.first = conv(cin, middle, groups=groups)
        self.second = nn.Sequential(
            depthwise(middle, 3, stride, None), conv(middle, cout - cin if self.halves else cout, groups=groups, act=None)
        )
        self.pool = nn.AvgPool2d(3, 2, 1)

    def forward(self, x):
        y = self.second(shuffle(self.first(x), self.groups))
        return torch.relu(torch.cat([self.pool(x), y], 1) if self.halves else x + y)


def shufflenet_v1(groups=3, classes=10):
    """Grouped 1x1 convolutions and shuffles (arXiv 1707.01083)."""
    units = [ShuffleUnit1(12, 36, 2, groups), ShuffleUnit1(36, 36, 1, groups), ShuffleUnit1(36, 72, 2, groups)]
    units += [ShuffleUnit1(72, 72, 1, groups)]
    return nn.Sequential(conv(3, 12, 3, 2), nn.MaxPool2d(3, 2, 1), *units, classifier(72, classes))


class ShuffleUnit2(nn.Module):
    """Half of the channels pass, the others are convolved; where it halves, all are, twice; then a shuffle."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        half, self.halves = cout // 2, stride == 2
        left = cin if self.halves else half
        self.right = nn.Sequential(conv(left, half), depthwise(half, 3, stride, None), conv(half, half))
        self.left = nn.Sequential(depthwise(cin, 3, 2, None), conv(cin, half)) if self.halves else nn.Identity()

    def forward(self, x):
        left, right = (x, x) if self.halves else x.chunk(2, 1)
        return shuffle(torch.cat([self.left(left), self.right(right)], 1), 2)


def shufflenet_v2(stem=8, stages=((16, 2), (26, 2)), last=32, classes=10):
    """Split, shuffle (arXiv 1807.11164); stages of channels, how many units."""
    units, cin = [], stem
    for cout, count in stages:
        units += [ShuffleUnit2(cin, cout, 2), *(ShuffleUnit2(cout, cout, 1) for _ in range(count - 1))]
        cin = cout
    pool = nn.MaxPool2d(3, 2, 1)
    return nn.Sequential(conv(3, stem, 3, 2), pool, *units, conv(cin, last), classifier(last, classes))


class PreConv(nn.Sequential):
    """BatchNorm - ReLU - Conv."""

    def __init__(self, cin, cout, kernel=1):
        super().__init__(nn.BatchNorm2d(cin), nn.ReLU(), nn.Conv2d(cin, cout, kernel, 1, kernel // 2, bias=False))


class DenseBlock(nn.ModuleList):
    """Dense layers: each reads all maps before it, joined anew from their list as torchvision does."""

    def forward(self, x):
        maps = [x]
        for layer in self:
            maps.append(layer(torch.cat(maps, 1)))
        return torch.cat(maps, 1)


def dense_layer(cin, growth):
    return nn.Sequential(PreConv(cin, 4 * growth), PreConv(4 * growth, growth, 3))


def densenet(growth=3, layers=(2, 3, 2), classes=10):
    """Dense blocks (arXiv 1608.06993)."""
    blocks, channels = [conv(3, 2 * growth, 7, 2), nn.MaxPool2d(3, 2, 1)], 2 * growth
    for index, count in enumerate(layers):
        if index:
            blocks += [PreConv(channels, channels // 2), nn.AvgPool2d(2, 2)]
            channels //= 2
        blocks.append(DenseBlock(dense_layer(channels + layer * growth, growth) for layer in range(count)))
        channels += count * growth
    return nn.Sequential(*blocks, nn.BatchNorm2d(channels), nn.ReLU(), classifier(channels, classes))


def alexnet(lrn=nn.LocalResponseNorm, classes=10):
    """Two groups, local response normalisation, three fully connected layers (Krizhevsky, Sutskever, Hinton, NeurIPS 2012)."""
    pair = lambda cin, cout, kernel: [nn.Conv2d(cin, cout, kernel, padding=kernel // 2, groups=2), nn.ReLU()]
    norm, pool = lrn(5, 1e-1, 0.75), nn.MaxPool2d(3, 2)
    early = [*plain(3, 4, 11, 4, 2), norm, pool, *pair(4, 8, 5), norm, pool]
    late = [*plain(8, 10, 3), *pair(10, 10, 3), *pair(10, 8, 3), nn.Flatten()]
    return nn.Sequential(*early, *late, nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, classes))


class Inception(nn.Module):
    """Four ways side by side: 1x1, 3x3, 5x5, pool."""

    def __init__(self, cin, one, three, five, pool):
        super().__init__()
        ways = [plain(cin, one, 1), plain(cin, three[0], 1) + plain(*three, 3), plain(cin, five[0], 1) + plain(*five, 5)]
        ways.append([nn.MaxPool2d(3, 1, 1, ceil_mode=True)] + plain(cin, pool, 1))
        self.ways = nn.ModuleList(nn.Sequential(*way) for way in ways)

    def forward(self, x):
        return torch.cat([way(x) for way in self.ways], 1)


def plain(cin, cout, kernel, stride=1, padding=None):
    """Conv - ReLU."""
    return [nn.Conv2d(cin, cout, kernel, stride, kernel // 2 if padding is None else padding), nn.ReLU()]


def googlenet(lrn=Lrn, classes=10):
    """Inceptions, with local response normalisation in front (arXiv 1409.4842)."""
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    stem = [*plain(3, 6, 7, 2), pool, lrn(), *plain(6, 6, 1), *plain(6, 12, 3), lrn(), pool]
    ways = [Inception(12, 4, (4, 8), (2, 3), 3), Inception(18, 5, (6, 9), (3, 4), 3), pool]
    return nn.Sequential(*stem, *ways, Inception(21, 8, (6, 10), (3, 4), 4), classifier(26, classes), nn.Softmax(1))


class Fire(nn.Module):
    """1x1 to few channels, then 1x1 and 3x3 side by side."""

    def __init__(self, cin, few, many):
        super().__init__()
        self.squeeze = nn.Sequential(*plain(cin, few, 1))
        self.ones, self.threes = nn.Sequential(*plain(few, many, 1)), nn.Sequential(*plain(few, many, 3))

    def forward(self, x):
        x = self.squeeze(x)
        return torch.cat([self.ones(x), self.threes(x)], 1)


FIRES = (((4, 8), (4, 8)), ((5, 12), (5, 12)), ((7, 16),))


def squeezenet(stem=12, stages=FIRES, classes=10):
    """Fire modules; the classes are channels (version 1.1 of arXiv 1602.07360). Stages between pools, of few channels, many."""
    pool, fires, cin = nn.MaxPool2d(3, 2, ceil_mode=True), [], stem
    for stage in stages:
        fires.append(pool)
        for few, many in stage:
            fires.append(Fire(cin, few, many))
            cin = 2 * many
    last = [*plain(cin, classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*plain(3, stem, 3, 2, 0), *fires, nn.Dropout(0.5), *last)


def resnet(block, channels, depths=(2, 2, 2, 2), classes=10):
    """Residuals (arXiv 1512.03385): the stem of ImageNet, then stages that halve, of so many blocks."""
    blocks, cin = [conv(3, channels[0], 7, 2), nn.MaxPool2d(3, 2, 1)], channels[0]
    for stage, (cout, depth) in enumerate(zip(channels[1:], depths)):
        blocks += [block(cin, cout, 2 if stage else 1), *(block(cout, cout) for _ in range(depth - 1))]
        cin = cout
    return nn.Sequential(*blocks, classifier(cin, classes))


def resnet_basic():
    return resnet(basic, (4, 4, 6, 9))


def resnet_bottleneck():
    return resnet(bottleneck, (6, 12, 20, 28))


LITE = ((1, 4, 1, 1, 3), (6, 5, 2, 2, 3), (6, 6, 1, 2, 5), (6, 7, 1, 2, 3), (6, 8, 1, 1, 5))


def efficientnet_lite(stem=8, rows=LITE, last=24, classes=10):
    """EfficientNet-Lite0: MobileNetV2 with two kernels."""
    return mobilenet_v2(stem, rows, last, classes)


CHAIN = ((1, 4, 1, 1, 3), (3, 5, 1, 2, 7), (4, 5, 1, 1, 3), (5, 5, 1, 1, 5), (3, 7, 1, 2, 7), (3, 7, 1, 1, 5), (3, 8, 1, 2, 7))


def mcunet(stem=8, rows=CHAIN, classes=2):
    """A chain as MCUNet's search finds: kernels of 3, 5 and 7, factors of 3 to 6 (arXiv 2007.10319)."""
    return nn.Sequential(conv(3, stem, 3, 2, act=nn.ReLU6), *inverted(stem, rows), classifier(rows[-1][1], classes))


def ds_cnn(channels=18, classes=12):
    """Keywords in sound, of 49 frames of 10 coefficients (arXiv 1711.07128)."""
    first = [nn.Conv2d(1, channels, (10, 4), 2, (5, 1), bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
    blocks = [separable(channels, channels) for _ in range(4)]
    return nn.Sequential(*first, *blocks, classifier(channels, classes), nn.Softmax(1))


class UNet(nn.Module):
    """Down by pools, up by transposed convolutions, with the map of the same size beside (arXiv 1505.04597)."""

    def __init__(self, channels=(4, 7, 12)):
        super().__init__()
        pair = lambda cin, cout: nn.Sequential(conv(cin, cout, 3), conv(cout, cout, 3))
        self.down = nn.ModuleList(pair(cin, cout) for cin, cout in zip((1, *channels), channels))
        steps = list(zip(channels[::-1], channels[-2::-1]))
        self.up = nn.ModuleList(nn.ConvTranspose2d(cin, cout, 2, 2) for cin, cout in steps)
        self.join = nn.ModuleList(pair(2 * cout, cout) for _, cout in steps)
        self.last = nn.Conv2d(channels[0], 1, 1)

    def forward(self, x):
        maps = []
        for index, down in enumerate(self.down):
            x = down(nn.functional.max_pool2d(x, 2) if index else x)
            maps.append(x)
        for up, join, beside in zip(self.up, self.join, maps[-2::-1]):
            x = join(torch.cat([beside, up(x)], 1))
        return torch.sigmoid(self.last(x))


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of a map."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNextBlock(nn.Module):
    """Depthwise 7x7, LayerNorm, two layers over the channels, a learned scale, the input added."""

    def __init__(self, channels):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.body = nn.Sequential(nn.LayerNorm(channels), *mlp(channels, 4 * channels))
        self.scale = nn.Parameter(torch.rand(channels))

    def forward(self, x):
        y = self.body(self.depthwise(x).permute(0, 2, 3, 1))
        return x + (self.scale * y).permute(0, 3, 1, 2)


def mlp(channels, middle):
    """Two fully connected layers."""
    return [nn.Linear(channels, middle), nn.GELU(), nn.Linear(middle, channels)]


def convnext(channels=(7, 11), classes=10):
    """ConvNeXt (arXiv 2201.03545)."""
    first, second = channels
    stem = [nn.Conv2d(3, first, 4, 4), ChannelNorm(first), ConvNextBlock(first), ConvNextBlock(first)]
    halve = [ChannelNorm(first), nn.Conv2d(first, second, 2, 2), ConvNextBlock(second)]
    return nn.Sequential(*stem, *halve, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(second), nn.Linear(second, classes))


class Attention(nn.Module):
    """Every place looks at every place, by several heads."""

    def __init__(self, channels, heads):
        super().__init__()
        self.heads, self.width = heads, channels // heads
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)

    def forward(self, x):
        n, places, channels = x.shape
        parts = self.qkv(x).reshape(n, places, 3, self.heads, self.width).permute(2, 0, 3, 1, 4)
        query, key, value = parts[0], parts[1], parts[2]
        weights = torch.softmax(query @ key.transpose(2, 3) * self.width**-0.5, -1)
        return self.out((weights @ value).transpose(1, 2).reshape(n, places, channels))


class Beside(nn.Module):
    """LayerNorm and a body, the input added; the body sees columns in place of rows if asked to."""

    def __init__(self, channels, body, columns=False):
        super().__init__()
        self.norm, self.body, self.columns = nn.LayerNorm(channels), body, columns

    def forward(self, x):
        y = self.norm(x)
        return x + (self.body(y.transpose(1, 2)).transpose(1, 2) if self.columns else self.body(y))


class Vit(nn.Module):
    """A vision transformer: patches, a class token, places added, attention (arXiv 2010.11929)."""

    def __init__(self, channels=12, patches=9, heads=3, depth=2, classes=10):
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, channels, 8, 8), nn.Parameter(torch.randn(1, 1, channels))
        self.places = nn.Parameter(torch.randn(1, patches + 1, channels))
        look = lambda: Beside(channels, Attention(channels, heads))
        think = lambda: Beside(channels, nn.Sequential(*mlp(channels, 2 * channels)))
        self.body = nn.Sequential(*[part() for _ in range(depth) for part in (look, think)], nn.LayerNorm(channels))
        self.head = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        return self.head(self.body(x)[:, 0])


class Mixer(nn.Module):
    """MLP-Mixer: layers over the places, then layers over the channels (arXiv 2105.01601)."""

    def __init__(self, channels=12, patches=15, depth=2, classes=10):
        super().__init__()
        self.patches = nn.Conv2d(3, channels, 6, 6)
        places = lambda: Beside(channels, nn.Sequential(*mlp(patches, 10)), columns=True)
        within = lambda: Beside(channels, nn.Sequential(*mlp(channels, 24)))
        self.body = nn.Sequential(*[part() for _ in range(depth) for part in (places, within)], nn.LayerNorm(channels))
        self.head = nn.Linear(channels, classes)

    def forward(self, x):
        return self.head(self.body(self.patches(x).flatten(2).transpose(1, 2)).mean(1))
