"""A detector that starts as a narrower one: it has that one's channels and computes the same with them.

Channels that are new have fresh weights, and those that are not do not look at them yet: their weights for them are zero.
Layers of a stage that are new come after the others; the transition does not look at them yet either.

    grow.py     checks that
"""

from dataclasses import replace

import torch

from network import NETWORKS, Detector, read_weights


def grow(detector, config, old, old_config):
    """Takes weights and statistics from the detector `old`, which has no more of anything than `detector`."""
    stem = torch.arange(old_config.stem)
    half = stem[: old_config.stem // 2]
    new, old_body = detector.body, old.body
    conv(new.stem.first, old_body.stem.first, torch.arange(3), stem)
    conv(new.stem.narrow, old_body.stem.narrow, stem, half)
    conv(new.stem.stride, old_body.stem.stride, half, stem)
    conv(new.stem.join, old_body.stem.join, torch.cat([stem, config.stem + stem]), stem)
    kept, width, maps = stem, config.stem, []
    for stage, old_stage, layers in zip(new.stages, old_body.stages, config.layers):
        kept = dense(stage, old_stage, kept, width, config.growth)
        width += layers * config.growth
        conv(stage[-1], old_stage[-1], kept, kept)
        maps.append(kept)
    maps = maps[-2:]
    for block, old_block in zip(detector.extras, old.extras):
        chain(block, old_block, maps[-1])
        maps.append(first(old_block[-1]))
    for residual, old_residual, kept in zip(detector.residuals, old.residuals, maps):
        conv(residual.skip, old_residual.skip, kept, first(old_residual.skip))
        chain(residual.branch, old_residual.branch, kept)
    for heads, old_heads in [(detector.loc, old.loc), (detector.conf, old.conf)]:
        for head, old_head in zip(heads, old_heads):
            place(head.weight, old_head.weight, torch.arange(old_head.in_channels), torch.arange(head.out_channels))
            head.bias.data.copy_(old_head.bias.data)


def dense(stage, old_stage, kept, width, growth):
    """The dense layers of a stage; gives where its old channels are among its channels."""
    for index, (layer, old_layer) in enumerate(zip(stage[:-1], old_stage[:-1])):
        chain(layer.near, old_layer.near, kept)
        chain(layer.far, old_layer.far, kept)
        start, way = width + index * growth, first(old_layer.near[-1])
        kept = torch.cat([kept, start + way, start + growth // 2 + way])
    return kept


def chain(blocks, old_blocks, kept):
    """Convolutions one after the other, whose old channels come first."""
    for block, old_block in zip(blocks, old_blocks):
        conv(block, old_block, kept, first(old_block))
        kept = first(old_block)


def first(block):
    """The places of a block's channels where they come first."""
    return torch.arange(block[0].out_channels)


def conv(block, old_block, inputs, outputs):
    """Conv - BatchNorm, whose old inputs and outputs are at these places."""
    place(block[0].weight, old_block[0].weight, inputs, outputs)
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(block[1], name).data[outputs] = getattr(old_block[1], name).data


def place(weight, old_weight, inputs, outputs):
    weight.data[outputs] = 0
    weight.data[outputs[:, None], inputs] = old_weight.data


def check():
    """Stops if the large detector, grown out of the small one, says anything else of pictures of the small one's size."""
    small, large = NETWORKS["small"], NETWORKS["large"]
    old, config = small.detector().eval(), replace(large.config, size=small.config.size)
    read_weights(old, small.folder / "model.onnx")
    detector = Detector(config).eval()
    grow(detector, config, old, small.config)
    picture = torch.randn(2, 3, *config.size)
    with torch.no_grad():
        for found, wanted in zip(detector(picture), old(picture)):
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    check()
