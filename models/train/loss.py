"""The loss of SSD (Liu et al., ECCV 2016): cross-entropy with hard negatives, and smooth L1 of the offsets.

In place of choosing negatives, all can count by how wrong they are: the focal loss (Lin et al., ICCV 2017), of a softmax and without weights
of classes.
"""

import torch
from torch.nn import functional

NEGATIVES = 3
"""Negatives for each positive."""

FOCUS = 2
"""By which power of its error a prior counts in the focal loss."""


def corners(boxes):
    """Corners of boxes given as centre, width and height."""
    return torch.cat([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1)


def overlaps(a, b):
    """Intersection over union of boxes [N, M, 4] with boxes [P, 4], as corners: [N, M, P]."""
    a = a[:, :, None]
    sides = (torch.minimum(a[..., 2:], b[:, 2:]) - torch.maximum(a[..., :2], b[:, :2])).clamp_min(0)
    common = sides.prod(-1)
    return common / ((a[..., 2:] - a[..., :2]).prod(-1) + (b[:, 2:] - b[:, :2]).prod(-1) - common)


def match(truth, priors):
    """Class of each prior [N, P] and the object [N, P] it stands for.

    A prior stands for the object that it overlaps most if that is by half or more, and each object's best prior for it.
    """
    real = truth[..., 0] > 0
    shares = torch.where(real[..., None], overlaps(truth[..., 1:], corners(priors)), -1.0)
    share, owner = shares.max(1)
    best = shares.argmax(2)
    for index in range(truth.shape[1]):
        pictures = real[:, index].nonzero()[:, 0]
        share[pictures, best[pictures, index]] = 2
        owner[pictures, best[pictures, index]] = index
    labels = truth[..., 0].long().gather(1, owner)
    return torch.where(share >= 0.5, labels, 0), owner


def offsets(boxes, priors, variances):
    """What a network should say for corners [N, P, 4]."""
    centre = ((boxes[..., :2] + boxes[..., 2:]) / 2 - priors[:, :2]) / priors[:, 2:]
    size = torch.log((boxes[..., 2:] - boxes[..., :2]).clamp_min(1e-6) / priors[:, 2:])
    return torch.cat([centre, size], -1) / variances


def losses(loc, logits, truth, priors, variances, focal=False):
    """The losses of scores and of offsets, for each positive; `truth` [N, M, 5] is in shares of the picture."""
    labels, owner = match(truth, priors)
    positive = labels > 0
    count = positive.sum().clamp_min(1)
    entropy = functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
    wanted = truth[..., 1:].gather(1, owner[..., None].expand(-1, -1, 4))
    error = functional.smooth_l1_loss(loc[positive], offsets(wanted, priors, variances)[positive], reduction="sum")
    weight = (1 - torch.exp(-entropy)) ** FOCUS if focal else positive | hardest(entropy.detach(), positive)
    return (entropy * weight).sum() / count, error / count


def hardest(entropy, positive):
    """The negatives with the greatest loss, as many as each picture may have."""
    hard = entropy.masked_fill(positive, -1)
    rank = hard.argsort(1, descending=True).argsort(1)
    return rank < (NEGATIVES * positive.sum(1, keepdim=True)).clamp_min(NEGATIVES)
