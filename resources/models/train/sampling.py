"""Streamed sampling as the engine does it: chunk after chunk, keys and values of finished chunks kept.

Keys are kept before RoPE; positions are relative to the window, the sink stands just before it. A finished chunk
passes once more at t = 0, seeing the history it was made with, and leaves its keys and values behind.
"""
import argparse
import os

import numpy as np
import torch
from PIL import Image

from device import fast
from text import TextEncoder, Tokenizer, pad_ids
from transformer import CHUNK, Transformer, rotate

WORK = os.environ.get('KINOLOOM_TRAIN', 'work')
PROMPTS = ['a red heart grows bigger on a plain blue background', 'a rocket rises up at night under the stars', 'a panda spins around on a plain pink background',
           'a fish moves left to right over the sea', 'a bee bounces up and down over a green meadow', 'a pizza flies in a circle in space',
           'a penguin stays still in falling snow', 'a bus moves right to left in the desert', 'a yellow star shrinks on a plain purple background',
           'a balloon floats up in the sky', 'a ladybug swings from side to side on a plain white background', 'a pumpkin falls down at sunset']


def sigmas(steps, shift):
    s = torch.linspace(1, 0, steps + 1, dtype=torch.double)
    return (shift * s / (1 + (shift - 1) * s)).tolist()


class Stream:
    """One video, conditional and unconditional branch side by side in the batch."""

    def __init__(self, net, contexts, window=12, sink=3):
        self.net, self.context, self.window, self.sink = net, contexts, window // CHUNK, sink // CHUNK
        self.cache = []  # a chunk: per layer (key before RoPE, value)

    def history(self):
        room = self.window - 1
        return self.cache if len(self.cache) <= room else self.cache[:self.sink] + self.cache[-(room - self.sink):]

    def forward(self, x, t, first=None, store=False):
        """x [B,3,L,h,w]; every layer attends to [history | itself]."""
        net, hist = self.net, self.history()
        n, here = len(hist), []
        frames = torch.arange((n + 1) * CHUNK)
        gh, gw = x.shape[-2] // 2, x.shape[-1] // 2
        cos, sin = net.rope(frames, gh, gw)
        own = n * CHUNK * gh * gw
        rope_q = cos[own:], sin[own:]

        def attention(layer):
            def run(h, context=None, rope=None, mask=None):
                a = net.blocks[layer].self_attn
                split = lambda y: y.view(*y.shape[:2], a.heads, -1)
                q, k, v = split(a.norm_q(a.q(h))), split(a.norm_k(a.k(h))), split(a.v(h))
                here.append((k, v))
                keys = rotate(torch.cat([c[layer][0] for c in hist] + [k], 1), cos, sin)
                values = torch.cat([c[layer][1] for c in hist] + [v], 1)
                q, keys, values = rotate(q, *rope_q).transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2)
                w = ((q * q.shape[-1] ** -.5) @ keys.transpose(-1, -2)).softmax(-1)
                return a.o((w @ values).transpose(1, 2).flatten(2))
            return run

        y = net.forward(x, torch.full(x.shape[:2], float(t)), frames[-CHUNK:], self.context, None, first, [attention(i) for i in range(len(net.blocks))])
        if store:
            self.cache.append(here)
            room = self.window - 1
            if len(self.cache) > room:
                self.cache = self.cache[:self.sink] + self.cache[-(room - self.sink):]
        return y


@torch.no_grad()
def sample(enc, net, tok, prompts, chunks=3, steps=16, guidance=2., shift=3., seed=0, noise=None, first=None):
    """Latents [B,3*chunks,L,8,8]. Noise [B,3*chunks,L,8,8] may be given; first [B,L,8,8] is a first frame's latent."""
    B = len(prompts)
    ids = [tok(p) for p in prompts] + ([tok('')] * B if guidance != 1 else [])
    ids = pad_ids(ids, net.text_len)
    ids = ids[:, :int((ids != 0).sum(1).max())]
    stream = Stream(net, net.context(enc(ids)))
    if noise is None:
        noise = torch.randn(B, chunks * CHUNK, net.latent, 8, 8, generator=torch.Generator().manual_seed(seed))
    s, done = sigmas(steps, shift), []
    for k in range(chunks):
        x, extra = noise[:, k * CHUNK:(k + 1) * CHUNK], None
        if first is not None and k == 0:
            extra = torch.zeros(B, CHUNK, 1 + net.latent, *x.shape[-2:])
            extra[:, 0, 0], extra[:, 0, 1:] = 1, first
        twice = (lambda y: torch.cat([y, y])) if guidance != 1 else (lambda y: y)
        extra = None if extra is None else twice(extra)
        for i in range(steps):
            v = stream.forward(twice(x), s[i] * 1000, extra)
            if guidance != 1:
                c, u = v.chunk(2)
                v = u + guidance * (c - u)
            x = x + (s[i + 1] - s[i]) * v.float()
        stream.forward(twice(x), 0, extra, store=True)
        done.append(x)
    return torch.cat(done, 1)


def load(path=None, which='ema'):
    s = torch.load(path or os.path.join(WORK, 'dit.pt'), map_location='cpu')
    a, tok = s['args'], Tokenizer()
    enc, net = TextEncoder(tok.size), Transformer(dim=a['dim'], ffn_dim=a['ffn'], num_heads=a['heads'], num_layers=a['layers'])
    torch.nn.ModuleDict({'enc': enc, 'net': net}).load_state_dict({k: v for k, v in s[which].items() if not k.startswith('aim')})
    return enc.eval(), net.eval(), tok, s


def decoder():
    """The convolutional decoder where it is trained, else the codec."""
    path = os.path.join(WORK, 'ae.pt')
    if os.path.exists(path):
        from autoencoder import AutoEncoder
        s = torch.load(path, map_location='cpu')
        net = AutoEncoder()
        net.load_state_dict(s['ema'])
        return lambda z: net.decode(z[None])[0].clamp(0, 1)
    from codec import Codec
    return Codec().decode


def sheet(path, z, decode, every=4):
    with torch.no_grad():
        rows = [torch.cat(list(decode(v)[::every]), 2).permute(1, 2, 0).numpy() for v in z]
    Image.fromarray((np.concatenate(rows) * 255).astype(np.uint8)).save(path)


if __name__ == '__main__':
    p = argparse.ArgumentParser()
    p.add_argument('out')
    p.add_argument('--prompt', action='append')
    p.add_argument('--chunks', type=int, default=3)
    p.add_argument('--steps', type=int, default=16)
    p.add_argument('--guidance', type=float, default=2.)
    p.add_argument('--shift', type=float, default=3.)
    p.add_argument('--seed', type=int, default=0)
    p.add_argument('--every', type=int, default=4)
    p.add_argument('--codec', action='store_true', help='show the linear codec, not the convolutional decoder')
    p.add_argument('--name', default='dit')
    a = p.parse_args()
    torch.set_num_threads(1)
    enc, net, tok, state = load(os.path.join(WORK, a.name + '.pt'))
    with fast('cpu'):
        z = sample(enc, net, tok, a.prompt or PROMPTS, a.chunks, a.steps, a.guidance, a.shift, a.seed).float()
    if a.codec:
        from codec import Codec
    sheet(a.out, z, Codec().decode if a.codec else decoder(), a.every)
    print('step', state['it'], 'latent sd by chunk', [round(z[:, i * CHUNK:(i + 1) * CHUNK].std().item(), 3) for i in range(a.chunks)])
