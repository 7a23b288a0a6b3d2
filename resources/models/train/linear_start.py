"""Lets the autoencoder begin as the linear codec, which it then only has to improve on.

Signals stay positive, so that no ReLU cuts them: every level carries its coordinates plus a constant, and one channel that is always 1.
A level's coordinates are principal components of its block of pixels (space x frames), as many as its channels hold.
Arrays of a block: [..., frames, 3, rows, columns].
"""
import torch


def main_directions(vectors, n):
    """The n main directions [d, n] of weighted vectors [d, m] (weights in their lengths)."""
    u, s, _ = torch.linalg.svd(vectors, full_matrices=False)
    n = min(n, int((s > 1e-5 * s[0]).sum()))
    return u[:, :n]


@torch.no_grad()
def decoder_start(net, codec, spread):
    """The decoder's weights. `spread`: standard deviation of every latent."""
    d, L = net.decoder, codec.weight.shape[0]
    widths = [d[i].weight.shape[1] for i in (8, 14, 20, 22)]
    # pixels of a block are base @ (signals, 1); a signal stands in its channel as signal + shift, `lengths` are standard deviations
    base = torch.cat([codec.back, codec.mean[None]]).view(L + 1, 4, 3, 16, 16)
    first, signals = d[1], L
    first.weight.mul_(.5)
    first.weight[:L + 1] = 0
    first.weight[torch.arange(L), torch.arange(L), 1, 1] = 1.04
    shift, lengths = torch.full((L,), 4.5), torch.cat([spread, torch.ones(1)])
    first.bias[:L], first.bias[L] = shift, 1
    # the first block straightens what the clamp 3 tanh(x / 3) has bent, by four straight pieces a channel (where it has room for them)
    bend = d[3].conv
    if widths[0] >= 4 * L:
        h = torch.arange(4 * L)
        channel, sign, outer = h // 4, 1. - 2 * (h // 2 % 2), (h % 2).bool()
        for i in (0, 2):
            bend[i].weight[:4 * L] = 0
        bend[0].weight[h, channel, 1, 1] = sign / 1.04
        bend[0].bias[h] = -torch.where(outer, 1.9, 1.) - sign * shift[channel] / 1.04
        bend[2].weight[h, h, 1, 1] = 1
        bend[4].weight[channel, h, 1, 1] = sign * torch.where(outer, 1.1, .308)

    def coordinates(flats, n):
        """Main directions of several matrices [pixels, signals + 1] and their deviations; takes the mean, which it returns, out of the matrices."""
        mean = sum(f[:, -1] for f in flats) / len(flats)
        for f in flats:
            f[:, -1] -= mean
        U = main_directions(torch.cat([f * lengths for f in flats], 1), n)
        sd = sum((U.T @ f[:, :-1] * lengths[:-1]).pow(2).sum(1) for f in flats).div(len(flats)).sqrt()
        return U, sd, mean

    def quiet(blocks, free=0):
        """What the residual blocks see has no constant part and is small, so that learning in them does not shake the signals."""
        level = torch.cat([shift, torch.ones(1)])
        for b in blocks:
            w, n = b.conv[0].weight, b.conv[0].weight.shape[0]
            w[free:] *= .2
            both = (w[:, :n] + w[:, n:]).sum((2, 3))[:, :len(level)]
            b.conv[0].bias[free:] = -(both @ level)[free:]
            free = 0

    for level, (grow, up, frames) in enumerate(((7, 8, 1), (13, 14, 2), (19, 20, 2))):
        quiet(d[grow - 4:grow - 1], 4 * L if level == 0 and widths[0] >= 4 * L else 0)
        grow, up = d[grow].conv, d[up]
        n, m = widths[level], widths[level + 1]
        F_, side = base.shape[1] // frames, base.shape[-1] // 2
        grow.weight.mul_(.5)
        if frames == 1:
            grow.weight.zero_()
            grow.weight[torch.arange(n), torch.arange(n), 0, 0] = 1
        else:  # time: coordinates of each part of the frames, not shifted
            flats = [base[:, k * F_:(k + 1) * F_].reshape(signals + 1, -1).T.clone() for k in range(frames)]
            U, sd, mean = coordinates(flats, n - 1)
            inner, scale = U.shape[1], 1 / sd.max()
            for k, f in enumerate(flats):
                w = scale * U.T @ f  # [inner, signals + 1]
                grow.weight[k * n:k * n + inner + 1] = 0
                grow.weight[k * n:k * n + inner, :signals, 0, 0] = w[:, :-1]
                grow.weight[k * n:k * n + inner, signals, 0, 0] = w[:, -1] - w[:, :-1] @ shift
                grow.weight[k * n + inner, signals, 0, 0] = 1
            base = torch.cat([U / scale, mean[:, None]], 1).T.reshape(inner + 1, F_, 3, 2 * side, 2 * side)
            signals, shift, lengths = inner, torch.zeros(inner), torch.cat([sd * scale, torch.ones(1)])
        # space: four parts, each in coordinates of its own
        quarters = {(y, x): base[..., y * side:(y + 1) * side, x * side:(x + 1) * side].reshape(signals + 1, -1).T.clone() for y in (0, 1) for x in (0, 1)}
        if level == 2:
            U = torch.eye(12)
            scale, shift_next, sd, mean = 1., torch.full((12,), .4), torch.full((12,), .25), torch.zeros(12)
        else:
            U, sd, mean = coordinates(list(quarters.values()), m - 4)
            scale = 1 / sd.max()
            shift_next = 4.5 * sd * scale + .1
        k = U.shape[1]
        up.weight.mul_(.5)
        for (y, x), q in quarters.items():
            w, rows = scale * U.T @ q, torch.arange(k) * 4 + y * 2 + x
            up.weight[rows] = 0
            up.weight[rows, :signals, 1, 1] = w[:, :-1]
            up.weight[rows, signals, 1, 1] = w[:, -1] - w[:, :-1] @ shift + shift_next
            up.weight[k * 4 + y * 2 + x] = 0
            up.weight[k * 4 + y * 2 + x, signals, 1, 1] = 1
        base = torch.cat([U / scale, mean[:, None]], 1).T.reshape(k + 1, F_, 3, side, side)
        signals, shift, lengths = k, shift_next, torch.cat([sd * scale, torch.ones(1)])
    # a block is now [1 frame, colour, 2, 2], the order of the final pixel shuffle
    end = d[22]
    end.weight.zero_()
    end.weight[torch.arange(12), torch.arange(12), 1, 1] = 1
    end.bias.copy_(-shift)


@torch.no_grad()
def encoder_start(net, codec):
    """The encoder's weights: pixels are positive; coordinates of ever larger blocks, then the codec's."""
    e, L = net.encoder, codec.weight.shape[0]
    width = e[0].weight.shape[0]
    # the block under one signal as a basis [frames, 3, rows, columns]; statistics of pixels are those that the codec shows
    back = codec.back.view(L, 4, 3, 16, 16)
    mean = codec.mean.view(1, 4, 3, 16, 16)
    samples = torch.cat([back * 3, mean])  # vectors whose directions matter
    first = e[0]
    first.weight.mul_(.3)
    first.weight[:13] = 0
    first.weight[torch.arange(12), torch.arange(12), 1, 1] = 1
    first.bias[12] = 1
    U, signals, shift, one = torch.eye(12), 12, torch.zeros(12), 12
    basis = torch.eye(12).view(12, 1, 3, 2, 2)

    def merged(axis, parts):
        """Bases of a block made of `parts` blocks along an axis: [signals * parts, ...], ordered part, signal."""
        out = []
        for k in range(parts):
            pads = [torch.zeros_like(basis)] * parts
            pads[k] = basis
            out.append(torch.cat(pads, axis))
        return torch.cat(out)

    def onto(bigger, n):
        """Main directions among what the bigger basis spans, seen over all blocks of that size: coordinates [n, bigger]."""
        f, r, c = bigger.shape[1], bigger.shape[3], bigger.shape[4]
        cut = samples.unfold(1, f, f).unfold(3, r, r).unfold(4, c, c)  # [s, F/f, 3, R/r, C/c, f, r, c]
        v = cut.permute(0, 1, 3, 4, 5, 2, 6, 7).reshape(-1, f * 3 * r * c)
        b = bigger.reshape(len(bigger), -1)
        u = main_directions((v @ b.T).T, n)
        return u.T  # [n, bigger]

    for level, (pool, down, frames) in enumerate(((2, 3, 2), (7, 8, 2), (12, 13, 1))):
        pool, down = e[pool].conv, e[down]
        for conv in (pool, down):
            conv.weight.mul_(.3)
        if frames == 1:
            pool.weight.zero_()
            pool.weight[torch.arange(width), torch.arange(width), 0, 0] = 1
            one_inner, shift_inner, inner = one, shift, signals
        else:
            bigger = merged(1, frames)
            w = onto(bigger, width - 1)
            inner = len(w)
            pool.weight[:inner + 1] = 0
            for k in range(frames):
                part = w[:, k * signals:(k + 1) * signals]
                pool.weight[:inner, k * width:k * width + signals, 0, 0] = part
                pool.weight[:inner, k * width + one, 0, 0] = -part @ shift
            pool.weight[inner, one, 0, 0] = 1
            basis = torch.einsum('nb,b...->n...', w, bigger)
            one_inner, shift_inner = inner, torch.zeros(inner)
        rows = merged(3, 2)
        n_in = len(basis)
        wide = torch.cat([torch.cat([rows, torch.zeros_like(rows)], 4), torch.cat([torch.zeros_like(rows), rows], 4)])  # column, row, signal
        w = onto(wide, width - 1)
        n = len(w)
        down.weight[:n + 1] = 0
        for x in range(2):
            for y in range(2):
                part = w[:, (x * 2 + y) * n_in:(x * 2 + y + 1) * n_in]
                down.weight[:n, :n_in, 1 + y, 1 + x] = part
                down.weight[:n, one_inner, 1 + y, 1 + x] += -part @ shift_inner
        new = torch.einsum('nb,b...->n...', w, wide)
        # enough room that no pixel makes a signal negative
        room = new.reshape(n, -1).clamp(max=0).sum(1).abs() + .1
        down.weight[:n, one_inner, 1, 1] += room
        down.weight[n, one_inner, 1, 1] = 1
        basis, signals, shift, one = new, n, room, n
    last = e[-1]
    last.weight.zero_()
    w = codec.weight.view(L, -1) @ basis.reshape(signals, -1).T  # the basis is orthonormal
    last.weight[:, :signals, 1, 1] = w
    last.bias.copy_(codec.bias - w @ shift)


def linear_start(net, codec, spread):
    decoder_start(net, codec, spread)
    encoder_start(net, codec)
