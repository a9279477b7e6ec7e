"""Compares the definitions with the paper's figures: parameters, multiply-accumulates, convolutions."""

import sys

import torch
from torch import nn

from pelee import PELEE, PELEENET, Pelee, PeleeNet

# name, network, parameters in millions (batch norm folded), MACs, convolutions
PAPER = [
    ("PeleeNet", PeleeNet, PELEENET, 2.80, 508_000_000, 113),
    ("Pelee", Pelee, PELEE, 5.43, 1_204_968_960, 151),
]


def macs(model, size):
    """Multiply-accumulates of one picture in convolutions and fully connected layers."""
    total = 0

    def count(layer, _, output):
        nonlocal total
        total += layer.weight[0].numel() * output[0].numel()

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, *size))
    for hook in hooks:
        hook.remove()
    return total


def parameters(model):
    """Parameters after batch normalisation went into the convolutions: its scale goes, its shift stays."""
    scales = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    return sum(p.numel() for p in model.parameters()) - scales


def convolutions(model):
    return sum(isinstance(m, nn.Conv2d) for m in model.modules())


def close(ours, paper):
    """Equal to the digits that the paper gives, or within a hundredth."""
    return abs(ours - paper) <= 0.01 * paper


def main():
    print("| network | input | parameters | paper | MACs | paper | convolutions | paper | |")
    print("|---|---|---|---|---|---|---|---|---|")
    good = True
    for name, build, config, millions, operations, convs in PAPER:
        model = build(config)
        ours = parameters(model), macs(model, config.size), convolutions(model)
        same = close(ours[0], millions * 1e6) and close(ours[1], operations) and ours[2] == convs
        good &= same
        size = "x".join(map(str, config.size))
        print(
            f"| {name} | {size} | {ours[0]:,} | {millions} M | {ours[1]:,} | {operations:,} "
            f"| {ours[2]} | {convs} | {'ok' if same else 'DIFFERS'} |"
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
