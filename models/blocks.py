"""Blocks that the networks of `classifiers.py` and `detectors.py` share."""

import torch
from torch import nn


def conv(cin, cout, kernel=1, stride=1, groups=1, act=nn.ReLU, padding=None):
    """Conv - BatchNorm - activation, if there is one; padded to keep the size unless told otherwise."""
    padding = kernel // 2 if padding is None else padding
    parts = [nn.Conv2d(cin, cout, kernel, stride, padding, groups=groups, bias=False), nn.BatchNorm2d(cout)]
    return nn.Sequential(*parts, *([act()] if act else []))


def depthwise(channels, kernel=3, stride=1, act=nn.ReLU):
    """One filter a channel."""
    return conv(channels, channels, kernel, stride, channels, act)


def separable(cin, cout, stride=1, act=nn.ReLU):
    """Depthwise 3x3, then 1x1."""
    return nn.Sequential(depthwise(cin, 3, stride, act), conv(cin, cout, act=act))


def classifier(channels, classes):
    """The mean of each channel, then a fully connected layer."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


class SqueezeExcite(nn.Module):
    """Each channel times a factor that follows from the means of all."""

    def __init__(self, channels, middle):
        super().__init__()
        parts = [nn.Conv2d(channels, middle, 1), nn.ReLU(), nn.Conv2d(middle, channels, 1), nn.Hardsigmoid()]
        self.factors = nn.Sequential(nn.AdaptiveAvgPool2d(1), *parts)

    def forward(self, x):
        return x * self.factors(x)


class Inverted(nn.Module):
    """The inverted residual: 1x1 to more channels, depthwise, 1x1 to fewer; the input is added where it has the same shape."""

    def __init__(self, cin, cout, middle, kernel=3, stride=1, act=nn.ReLU6, squeeze=0):
        super().__init__()
        expand = [conv(cin, middle, act=act)] if middle != cin else []
        excite = [SqueezeExcite(middle, squeeze)] if squeeze else []
        self.body = nn.Sequential(*expand, depthwise(middle, kernel, stride, act), *excite, conv(middle, cout, act=None))
        self.adds = stride == 1 and cin == cout

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


def inverted(cin, rows, act=nn.ReLU6):
    """Inverted residuals by rows of factor, channels, how many, stride of the first, kernel."""
    blocks = []
    for factor, cout, count, stride, kernel in rows:
        for index in range(count):
            blocks.append(Inverted(cin, cout, factor * cin, kernel, stride if index == 0 else 1, act))
            cin = cout
    return blocks


class Sum(nn.Module):
    """The residual of ResNet: a body, and a way round it that is a 1x1 where shapes differ."""

    def __init__(self, body, cin, cout, stride):
        super().__init__()
        same = cin == cout and stride == 1
        self.body, self.skip = body, nn.Identity() if same else conv(cin, cout, 1, stride, act=None)

    def forward(self, x):
        return torch.relu(self.body(x) + self.skip(x))


def basic(cin, cout, stride=1):
    """Two 3x3."""
    return Sum(nn.Sequential(conv(cin, cout, 3, stride), conv(cout, cout, 3, act=None)), cin, cout, stride)


def bottleneck(cin, cout, stride=1):
    """1x1, 3x3 and 1x1, with a fourth of the channels between."""
    narrow = cout // 4
    body = nn.Sequential(conv(cin, narrow), conv(narrow, narrow, 3, stride), conv(narrow, cout, act=None))
    return Sum(body, cin, cout, stride)


def shuffle(x, groups):
    """Channels of all groups in turn."""
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class NodeOf(torch.autograd.Function):
    """A computation that the tracing exporter writes as one ONNX node, which PyTorch has no function for."""

    @staticmethod
    def forward(ctx, x, function, op, attributes):
        # What is traced here would be in the way of the node, which has the same shape.
        return x.clone() if torch.onnx.is_in_onnx_export() else function(x)

    @staticmethod
    def symbolic(g, x, function, op, attributes):
        return g.op(op, x, **attributes).setType(x.type())


class Lrn(nn.Module):
    """Local response normalisation; PyTorch's own is an average pool over three dimensions, in Caffe's files it is one node."""

    def __init__(self, size=5, alpha=1e-1, beta=0.75):
        super().__init__()
        self.function = nn.LocalResponseNorm(size, alpha, beta)
        self.attributes = {"size_i": size, "alpha_f": alpha, "beta_f": beta, "bias_f": 1.0}

    def forward(self, x):
        return NodeOf.apply(x, self.function, "LRN", self.attributes)


class SamePool(nn.Module):
    """Darknet's max pool of two by two with stride 1, which keeps the size."""

    def forward(self, x):
        attributes = {"kernel_shape_i": [2, 2], "strides_i": [1, 1], "auto_pad_s": "SAME_UPPER"}
        return NodeOf.apply(x, self.pool, "MaxPool", attributes)

    @staticmethod
    def pool(x):
        return nn.functional.max_pool2d(nn.functional.pad(x, (0, 1, 0, 1), value=float("-inf")), 2, 1)


class EdgePool(nn.Module):
    """The same, as ports of Darknet to PyTorch write it: the last row and column come twice."""

    def forward(self, x):
        return nn.functional.max_pool2d(nn.functional.pad(x, (0, 1, 0, 1), mode="replicate"), 2, 1)


def rows(heads, maps, columns):
    """What the heads say of their maps, one row for each prior box."""
    flat = [head(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, columns) for head, x in zip(heads, maps)]
    return torch.cat(flat, 1)
