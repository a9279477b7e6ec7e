"""Compares the definitions with the published figures: parameters, multiply-accumulates, convolutions."""

import sys

import torch
from torch import nn

from pelee import PELEE, PELEENET, Pelee, PeleeNet

# name, network, its figures: parameters to 10 thousand, MACs to the given unit, convolutions
FIGURES = [
    ("PeleeNet", PeleeNet, PELEENET, 2_800_000, 508_000_000, 1_000_000, 113),
    ("Pelee", Pelee, PELEE, 5_430_000, 1_204_968_960, 1, 151),
]


def macs(model, shape):
    """Multiply-accumulates of one input of this shape in convolutions and fully connected layers."""
    total = 0

    def count(layer, _, output):
        nonlocal total
        total += layer.weight[0].numel() * output[0].numel()

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        model.eval()(torch.zeros(1, *shape))
    for hook in hooks:
        hook.remove()
    return total


def parameters(model):
    """Learnt numbers, the scales and shifts of batch normalisation among them."""
    return sum(p.numel() for p in model.parameters())


def convolutions(model):
    return sum(isinstance(m, nn.Conv2d) for m in model.modules())


def same(ours, figure, unit):
    """Equal once rounded to the unit that the figure is given in."""
    return round(ours / unit) == round(figure / unit)


def main():
    print("| network | input | parameters | expected | MACs | expected | convolutions | expected | |")
    print("|---|---|---|---|---|---|---|---|---|")
    good = True
    for name, build, config, params, operations, unit, convs in FIGURES:
        model = build(config)
        ours = parameters(model), macs(model, (3, *config.size)), convolutions(model)
        row = same(ours[0], params, 10_000) and same(ours[1], operations, unit) and ours[2] == convs
        good &= row
        size = "x".join(map(str, config.size))
        print(
            f"| {name} | {size} | {ours[0]:,} | {params:,} | {ours[1]:,} | {operations:,} "
            f"| {ours[2]} | {convs} | {'same' if row else 'DIFFERS'} |"
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
