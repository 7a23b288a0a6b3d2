"""Gives the half-trained transformer a block that fetches the right part of the object for every place.

By then the middle of the network knows, for every latent cell, where in the object's own frame it lies (the `aim` loss sees to that).
So a block is put in after the third: its cross-attention asks with those coordinates, fitted by least squares, among the 16 parts that the text
encoder makes of the object (codes.py), nearer parts first, and adds what they look like to the least used directions of the hidden state.
Everything else in the block is zero. It is trained on like all the others.
"""
import glob
import json
import math
import os

import numpy as np
import torch
import torch.nn.functional as F

import codes
import sampling
import world
from text import pad_ids
from train_transformer import places
from transformer import Transformer

WORK = os.environ.get('KINOLOOM_TRAIN', 'work')
AFTER = 3        # blocks
SHARP = 24.      # logit lost at a distance of 1 from a part's middle, in sides of the object squared
ABOVE = 9.       # logit of the parts over other words
ROOM = 2.        # constant in the queries, so that their length is nearly one
CLIPS = 260


def solve(x, y, ridge=1.):
    return torch.linalg.solve(x.T @ x + ridge * torch.eye(x.shape[1]), x.T @ y)


def by_cell(y):
    """[B,f,n,8,8] -> [B,f,16 tokens,4 cells,n]"""
    B, f, n = y.shape[:3]
    return y.view(B, f, n, 4, 2, 4, 2).permute(0, 1, 3, 5, 4, 6, 2).reshape(B, f, 16, 4, n)


@torch.no_grad()
def block(path):
    """State dict of the new block, fitted to the checkpoint and the newest clips."""
    enc, net, tok, _ = sampling.load(path, 'model')
    clips = sorted(glob.glob(os.path.join(WORK, 'short-*.npz')))[-1]
    d, specs = np.load(clips), json.load(open(clips[:-3] + 'json'))
    chosen = [i for i, s in enumerate(specs) if 'other' not in s[3] and s[1] != 'act'][:CLIPS]
    z, g, specs = torch.from_numpy(d['z'][chosen]).float(), torch.from_numpy(d['g'][chosen]), [specs[i] for i in chosen]
    ids = pad_ids([tok(world.caption(*s[:3], None, **s[3])) for s in specs], net.text_len)
    context = net.context(enc(ids[:, :int((ids != 0).sum(1).max())]))
    rows, n = context[0], context[0].shape[1]
    t = (torch.rand(len(z), 1) * .85 + .02).expand(-1, z.shape[1])
    x = (1 - t[..., None, None, None]) * z + t[..., None, None, None] * torch.randn_like(z)
    _, hidden = net(x, t * 1000, torch.arange(z.shape[1]), context, tap=AFTER)
    one = lambda v: torch.cat([v.reshape(-1, v.shape[-1]), torch.ones(v[..., 0].numel(), 1)], 1)

    fresh = Transformer(net.latent, *(net.config[k] for k in ('text_dim', 'dim', 'ffn_dim', 'num_heads')), num_layers=1).blocks[0]
    dim, heads = net.config['dim'], net.config['num_heads']
    size, share = dim // heads, heads // 4  # heads for one of a token's four cells
    a = fresh.cross_attn
    for lin in (a.q, a.k, a.v, a.o, fresh.self_attn.o, fresh.ffn[2]):
        lin.weight.zero_(), lin.bias.zero_()

    # queries: coordinates of the cell
    seen, (uv, counts) = one(F.layer_norm(hidden, (dim,), eps=1e-6)), places(g)
    uv, counts = by_cell(uv), by_cell(counts[:, :, None])[..., 0] > 0
    for c in range(4):
        w = solve(seen[counts[..., c].flatten()], uv[:, :, :, c][counts[..., c]])
        for h in range(c * share, (c + 1) * share):
            a.q.weight[h * size:h * size + 2], a.q.bias[h * size:h * size + 2] = w[:dim].T, w[dim]
            a.q.bias[h * size + 2], a.q.bias[h * size + 4] = 1, ROOM
    # keys: logit = ABOVE - SHARP * |coordinates - middle of the part|^2, less what all parts share; values: looks
    at = (torch.arange(4) + .5) / 4 - .5
    y, x = at.repeat_interleave(4), at.repeat(4)
    key = torch.stack([2 * SHARP * x, 2 * SHARP * y, ABOVE - SHARP * (x * x + y * y)], 1)
    key = torch.cat([key, (key.pow(2).sum(1).max() + 1 - key.pow(2).sum(1)).sqrt()[:, None]], 1)  # all of one length
    looks = codes.looks()
    want = torch.zeros(len(z), n, 4 + codes.LOOKS)
    want[:, :16, :4], want[:, :16, 4:] = key, torch.stack([looks[s[0]] for s in specs])
    w = solve(one(rows), want.flatten(0, 1))
    # the least used directions of the hidden state take the looks
    spread, directions = torch.linalg.eigh(torch.cov(hidden.reshape(-1, dim).T))
    used = 4 * codes.LOOKS
    scale = .6 * spread[:used].mean().clamp(min=0).sqrt() + .15 * hidden.pow(2).mean().sqrt()
    for h in range(heads):
        at, c, k = h * size, h // share, h % share
        a.k.weight[at:at + 4], a.k.bias[at:at + 4] = w[:dim, :4].T, w[dim, :4]
        first, last = k * size, min((k + 1) * size, codes.LOOKS)
        if first < last:
            m = last - first
            a.v.weight[at:at + m], a.v.bias[at:at + m] = w[:dim, 4 + first:4 + last].T, w[dim, 4 + first:4 + last]
            a.o.weight[:, at:at + m] = scale * directions[:, c * codes.LOOKS + first:c * codes.LOOKS + last]
    a.norm_q.weight.fill_(math.sqrt(heads * (1 + ROOM ** 2 + .15) / dim) * math.sqrt(size))
    a.norm_k.weight.fill_(math.sqrt(heads * key[0].pow(2).sum().item() / dim))
    miss = (one(rows) @ w - want.flatten(0, 1)).view_as(want)[:, :16]
    print(f'coordinates miss by {(seen @ torch.cat([a.q.weight[:2].T, a.q.bias[:2][None]]))[counts[..., 0].flatten()].sub(uv[:, :, :, 0][counts[..., 0]]).pow(2).mean().sqrt():.3f} '
          f'of an object; keys by {miss[..., :4].pow(2).mean() / key.pow(2).mean():.3f}, looks by {miss[..., 4:].pow(2).mean() / want[:, :16, 4:].pow(2).mean():.3f} of their variance')
    return fresh.state_dict()


def main():
    path = os.path.join(WORK, 'dit.pt')
    s = torch.load(path, map_location='cpu')
    if s.get('finder'):
        return
    new = block(path)
    for which in ('model', 'ema'):
        out = {}
        for k, v in s[which].items():
            if k.startswith('net.blocks.'):
                i, rest = k[len('net.blocks.'):].split('.', 1)
                k = f'net.blocks.{int(i) + (int(i) >= AFTER)}.{rest}'
            out[k] = v
        s[which] = {**out, **{f'net.blocks.{AFTER}.{k}': v.clone() for k, v in new.items()}}
    s['args']['layers'] += 1
    torch.save({**s, 'adam': None, 'muon': None, 'finder': True}, path + '.new')
    os.replace(path + '.new', path)


if __name__ == '__main__':
    main()
