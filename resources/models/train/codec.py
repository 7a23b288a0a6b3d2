"""Linear patch codec: 4 frames x 16 x 16 pixels <-> L numbers (principal components).

It defines the latent space. The transformer trains on its latents from the first minute on; the convolutional
autoencoder learns the same space by distillation, so both meet without waiting for each other.
Latent 0 is frame 0 (given three more times in front), latent i is frames 4i-3 .. 4i: nothing looks ahead.
"""
import json
import os
import random
import sys
import time
from multiprocessing import Process

import numpy as np
import torch
import torch.nn.functional as F

import world

WORK = os.environ.get('KINOLOOM_TRAIN', 'work')
L = 32          # latent channels
CAP = 1.5       # largest standard deviation of a channel: the decoder's clamp bends beyond +-3
FRAMES = 97     # of a long clip: 25 latents, of which 8 chunks of 3 are used
SHORT = 9       # of a short clip: the first chunk


def patches(video):
    """float [T,S,S,3] -> [1+(T-1)/4, S/16, S/16, 3072]"""
    v = np.concatenate([video[:1]] * 3 + [video])
    T, S = v.shape[0] // 4, v.shape[1] // 16
    return v.reshape(T, 4, S, 16, S, 16, 3).transpose(0, 2, 4, 1, 3, 5, 6).reshape(T, S, S, 3072)


def fit(path, clips=400, seed=1000):
    rng = random.Random(seed)
    scenes = world.Scenes(33, 4, rng)
    x = []
    for i in range(clips):
        p = patches(world.clip(rng, scenes, 33)[0]).reshape(-1, 3072)
        x.append(p[np.random.RandomState(i).choice(len(p), 160, False)].astype(np.float32) / 255)
        if i % 20 == 0:
            scenes.renew(rng)
    x = torch.from_numpy(np.concatenate(x))
    torch.manual_seed(0)
    mean = x.mean(0)
    c = x - mean
    _, _, basis = torch.pca_lowrank(c, L + 16, center=False, niter=2)
    basis = basis[:, :L]
    sd = (c @ basis).std(0)
    # half-whitened: large components count more than small ones, but not as much as their variance says
    half = sd.sqrt()
    scale = half * ((sd / half).pow(2).mean().sqrt())
    scale = torch.maximum(scale, sd / CAP)
    left = 1 - (sd ** 2).sum() / c.pow(2).mean(0).sum()
    print(f'principal components keep {1 - left.item():.4f} of the variance, {-10 * torch.log10(left * c.pow(2).mean()).item():.2f} dB; latent sd', [round(v, 2) for v in (sd / scale).tolist()])
    np.savez(path, mean=mean.numpy(), basis=basis.numpy(), scale=scale.numpy(), spread=(sd / scale).numpy())


class Codec:
    def __init__(self, path=None):
        d = np.load(path or os.path.join(WORK, 'pca.npz'))
        mean, basis, scale = (torch.from_numpy(d[k]) for k in ('mean', 'basis', 'scale'))
        w = (basis / scale).T.reshape(L, 4, 16, 16, 3).permute(0, 1, 4, 2, 3).reshape(L, 12, 16, 16)
        self.weight, self.bias = w.contiguous(), -(mean @ (basis / scale))
        self.back = (basis * scale).T.reshape(L, 4, 16, 16, 3).permute(0, 1, 4, 2, 3).reshape(L, 12, 16, 16).contiguous()
        self.mean = mean.reshape(4, 16, 16, 3).permute(0, 3, 1, 2).reshape(12, 16, 16)

    @torch.no_grad()
    def encode(self, video):
        """uint8 [T,S,S,3] -> f32 [T',L,S/16,S/16]"""
        v = torch.from_numpy(np.concatenate([video[:1]] * 3 + [video])).permute(0, 3, 1, 2).float() / 255
        return F.conv2d(v.reshape(-1, 12, *v.shape[2:]), self.weight, self.bias, stride=16)

    @torch.no_grad()
    def decode(self, z):
        """[T',L,h,w] -> f32 [T,3,S,S] in 0..1"""
        v = F.conv_transpose2d(z.float(), self.back, stride=16) + self.mean.repeat(1, z.shape[2], z.shape[3])
        return v.reshape(-1, 3, *v.shape[2:])[3:].clamp(0, 1)


def cover(mask):
    """uint8 alpha [T,S,S] -> bool [T',S/16,S/16]: latent positions that the object touches"""
    m = np.concatenate([mask[:1]] * 3 + [mask]) > 40
    T, S = m.shape[0] // 4, m.shape[1] // 16
    return m.reshape(T, 4, S, 16, S, 16).sum((1, 3, 5)) > 40


def place(way, alone):
    """Track of an object -> f32 [T',5]: centre x, y, size, angle in the middle of every latent's frames, and 1 if it is the only object."""
    v = np.stack(way, 1)
    v = np.concatenate([v[:1]] * 3 + [v])
    return np.concatenate([v[1::4], np.full((len(v) // 4, 1), alone, np.float32)], 1)


def draw(args):
    """Writes one shard of latents: long clips for streaming, short clips for the beginning."""
    part, n_long, n_short = args
    torch.set_num_threads(1)
    rng = random.Random(7_000_000 + part)
    codec, scenes = Codec(), world.Scenes(FRAMES, 6, rng)
    t0 = time.time()
    for kind, n, frames in (('short', n_short, SHORT), ('long', n_long, FRAMES)):
        T = (frames - 1) // 4 + 1
        z, m, g, specs = np.empty((n, T, L, 8, 8), np.float16), np.empty((n, T, 8, 8), bool), np.empty((n, T, 5), np.float32), []
        for i in range(n):
            video, mask, spec, way = world.compose(rng, scenes, frames)
            z[i], m[i], g[i] = codec.encode(video).numpy(), cover(mask), place(way, 'other' not in spec[3])
            specs.append(spec)
            if i % 40 == 0:
                scenes.renew(rng)
        new = os.path.join(WORK, f'new{part}.npz')
        np.savez(new, z=z, m=m, g=g)
        with open(os.path.join(WORK, f'{kind}-{part:03}.json'), 'w') as f:
            json.dump(specs, f)
        os.replace(new, os.path.join(WORK, f'{kind}-{part:03}.npz'))
    print(f'part {part}: {n_long} long and {n_short} short clips in {time.time() - t0:.0f} s', flush=True)


if __name__ == '__main__':
    path = os.path.join(WORK, 'pca.npz')
    if not os.path.exists(path):
        fit(path)
    parts, first, n_long, n_short, workers = (int(v) for v in sys.argv[1:6])
    todo = [p for p in range(first, first + parts) if not os.path.exists(os.path.join(WORK, f'long-{p:03}.npz'))]
    def run(mine):
        for p in mine:
            draw((p, n_long, n_short))
    procs = [Process(target=run, args=(todo[w::workers],)) for w in range(workers)]
    for p in procs:
        p.start()
    for p in procs:
        p.join()
