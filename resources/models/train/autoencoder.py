"""TAEHV-style convolutional autoencoder, patch size 2: 16 x 16 pixels x 4 frames <-> one latent position.

Decoder: from codec latents to pixels. Encoder: from pixels to codec latents. Both learn beside the transformer.
"""
import argparse
import math
import os
import random
import signal
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image

import codec
import world
from device import fast
from linear_start import linear_start
from muon import Muon

WORK = os.environ.get('KINOLOOM_TRAIN', 'work')


def conv(i, o, **k):
    return nn.Conv2d(i, o, 3, padding=1, **k)


class Clamp(nn.Module):
    def forward(self, x):
        return torch.tanh(x / 3) * 3


class MemBlock(nn.Module):
    """Residual block that also sees its own input of the step before."""

    def __init__(self, n):
        super().__init__()
        self.conv = nn.Sequential(conv(2 * n, n), nn.ReLU(), conv(n, n), nn.ReLU(), conv(n, n))

    def forward(self, x, batch):
        v = x.view(batch, -1, *x.shape[1:])
        past = torch.cat([torch.zeros_like(v[:, :1]), v[:, :-1]], 1).reshape(x.shape)
        return F.relu(self.conv(torch.cat([x, past], 1)) + x)


class TPool(nn.Module):
    def __init__(self, n, stride):
        super().__init__()
        self.stride, self.conv = stride, nn.Conv2d(n * stride, n, 1, bias=False)

    def forward(self, x):
        return self.conv(x.reshape(-1, self.stride * x.shape[1], *x.shape[2:]))


class TGrow(nn.Module):
    def __init__(self, n, stride):
        super().__init__()
        self.conv = nn.Conv2d(n, n * stride, 1, bias=False)

    def forward(self, x):
        return self.conv(x).reshape(-1, x.shape[1], *x.shape[2:])


class Shuffle(nn.Conv2d):
    """Convolution to four times the channels and pixel shuffle: unlike nearest upsampling it tells the places inside a cell apart."""

    def __init__(self, n, out):
        super().__init__(n, 4 * out, 3, padding=1, bias=False)

    def forward(self, x):
        return F.pixel_shuffle(super().forward(x), 2)


class AutoEncoder(nn.Module):
    def __init__(self, latent=codec.L, width=64, widths=(160, 112, 40, 32), patch=2):
        super().__init__()
        self.config = dict(latent_channels=latent, patch_size=patch, encoder_width=width, decoder_widths=list(widths), front_padding=True, upsampling='shuffle')
        self.patch = patch
        layers = [conv(3 * patch * patch, width), nn.ReLU()]
        for stride in (2, 2, 1):
            layers += [TPool(width, stride), conv(width, width, stride=2, bias=False), MemBlock(width), MemBlock(width), MemBlock(width)]
        self.encoder = nn.Sequential(*layers, conv(width, latent))
        layers = [Clamp(), conv(latent, widths[0]), nn.ReLU()]
        for i, stride in enumerate((1, 2, 2)):
            n = widths[i]
            layers += [MemBlock(n), MemBlock(n), MemBlock(n), nn.Identity(), TGrow(n, stride), Shuffle(n, widths[i + 1])]
        self.decoder = nn.Sequential(*layers, nn.ReLU(), conv(widths[3], 3 * patch * patch))
        for c in self.modules():
            if isinstance(c, nn.Conv2d):
                nn.init.kaiming_normal_(c.weight, nonlinearity='relu')
                if c.bias is not None:
                    nn.init.zeros_(c.bias)
        for c in self.modules():
            if isinstance(c, MemBlock):
                nn.init.zeros_(c.conv[-1].weight)  # blocks start as the identity

    @staticmethod
    def run(layers, x):
        B = x.shape[0]
        x = x.flatten(0, 1)
        for layer in layers:
            x = layer(x, B) if isinstance(layer, MemBlock) else layer(x)
        return x.view(B, -1, *x.shape[1:])

    def encode(self, v):
        """[B,T,3,H,W] in 0..1, T = 4n+1 -> [B,n+1,L,H/16,W/16]"""
        v = torch.cat([v[:, :1]] * 3 + [v], 1)
        return self.run(self.encoder, F.pixel_unshuffle(v.flatten(0, 1), self.patch).view(*v.shape[:2], -1, v.shape[3] // self.patch, v.shape[4] // self.patch))

    def decode(self, z):
        y = self.run(self.decoder, z)
        return F.pixel_shuffle(y.flatten(0, 1), self.patch).view(*y.shape[:2], 3, y.shape[3] * self.patch, y.shape[4] * self.patch)[:, 3:]


class Pixels:
    """A slowly renewed stock of drawn clips; the codec's latents come with them."""

    def __init__(self, seed, size=96, frames=33):
        self.rng, self.frames = random.Random(seed), frames
        self.codec, self.scenes = codec.Codec(), world.Scenes(frames, 4, self.rng)
        self.stock = [self.make() for _ in range(size)]

    def make(self):
        video, mask, _, _ = world.clip(self.rng, self.scenes, self.frames)
        return torch.from_numpy(video).permute(0, 3, 1, 2).contiguous(), self.codec.encode(video)

    def batch(self, n, latents, crop):
        """Pixels of `latents` latent frames and the latents; a crop of `crop` latent positions a side."""
        v, z = [], []
        for _ in range(n):
            k = self.rng.randrange(len(self.stock))
            if self.rng.random() < .08:
                self.stock[k] = self.make()
            if self.rng.random() < .01:
                self.scenes.renew(self.rng)
            video, lat = self.stock[k]
            i = self.rng.randint(0, lat.shape[0] - latents)
            y, x = self.rng.randint(0, 8 - crop), self.rng.randint(0, 8 - crop)
            a = 0 if i == 0 else 4 * i - 3
            w = video[a:4 * (i + latents - 1) + 1, :, y * 16:(y + crop) * 16, x * 16:(x + crop) * 16].float() / 255
            if i == 0:
                w = torch.cat([w[:1]] * 3 + [w])
            v.append(w), z.append(lat[i:i + latents, :, y:y + crop, x:x + crop])
        return torch.stack(v), torch.stack(z)


def slopes(x):
    return x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]


def raw_decode(net, z):
    y = net.run(net.decoder, z)
    return F.pixel_shuffle(y.flatten(0, 1), net.patch).view(*y.shape[:2], 3, y.shape[3] * net.patch, y.shape[4] * net.patch)


def raw_encode(net, v):
    return net.run(net.encoder, F.pixel_unshuffle(v.flatten(0, 1), net.patch).view(*v.shape[:2], -1, v.shape[3] // net.patch, v.shape[4] // net.patch))


def psnr(a, b):
    return -10 * math.log10((a - b).pow(2).mean().item() + 1e-12)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--minutes', type=float, default=60)
    p.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    p.add_argument('--threads', type=int, default=1)
    p.add_argument('--lr', type=float, default=1e-4)
    p.add_argument('--muon-lr', type=float, default=.0002, help='inside the residual blocks')
    p.add_argument('--encoder-share', type=float, default=0, help='share of the steps that train the encoder')
    p.add_argument('--noise', type=float, default=.03, help='noise on the latents while the decoder learns: the transformer is not exact')
    p.add_argument('--steps', type=int, default=10 ** 9)
    p.add_argument('--seed', type=int, default=0)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    net = AutoEncoder()
    linear_start(net, codec.Codec(), torch.from_numpy(np.load(os.path.join(WORK, 'pca.npz'))['spread']))
    net = net.to(a.device).to(memory_format=torch.channels_last)
    opts, muons = {}, {}
    for part in ('encoder', 'decoder'):
        layers = getattr(net, part)
        inner = [q for block in layers if isinstance(block, MemBlock) for q in block.parameters() if q.ndim == 4]
        chosen = {id(q) for q in inner}
        others = [q for q in layers.parameters() if id(q) not in chosen]
        opts[part] = torch.optim.AdamW([{'params': [q for q in others if q.ndim == 4], 'share': .2}, {'params': [q for q in others if q.ndim != 4], 'share': 1}],
                                       a.lr, betas=(.9, .95), weight_decay=0)
        muons[part] = Muon(inner, a.muon_lr, decay=0)
    ema = {k: v.clone() for k, v in net.state_dict().items()}
    path, it, spent = os.path.join(WORK, 'ae.pt'), 0, 0.
    if os.path.exists(path):
        s = torch.load(path, map_location=a.device)
        net.load_state_dict(s['model'])
        ema, it, spent = s['ema'], s['it'], s['spent']
        for part in opts:
            opts[part].load_state_dict(s[part])
            muons[part].buf = s['muon'][part]
        print('resumed at', it, flush=True)
    data = Pixels(it + 5)
    check = Pixels(999, size=12)
    cv, cz = (torch.stack(v) for v in zip(*check.stock))
    cv = cv.float() / 255
    print('codec itself', round(psnr(torch.stack([check.codec.decode(z) for z in cz]), cv), 2), 'dB')
    print('step | min | lr | decoder loss | encoder error (of variance) | held-out dB from codec latents | encoder and decoder', flush=True)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))  # ends with a checkpoint
    begin, log = time.time() - spent, {'encoder': [], 'decoder': []}
    while it < a.steps:
        spent = time.time() - begin
        done = spent / 60 / a.minutes
        if done >= 1 or stop:
            break
        k = min(1, (it + 1) / 60) * (.5 * (1 + math.cos(math.pi * done)) * .97 + .03)
        part = 'encoder' if data.rng.random() < a.encoder_share else 'decoder'
        opt = opts[part]
        for g in opt.param_groups:
            g['lr'] = a.lr * k * g['share']
        muons[part].lr = a.muon_lr * k
        v, z = (x.to(a.device) for x in data.batch(*((4, 4, 4) if part == 'encoder' else (3, 3, 8))))
        with fast(a.device):
            y = raw_encode(net, v) if part == 'encoder' else raw_decode(net, z + torch.randn_like(z) * torch.rand(len(z), 1, 1, 1, 1, device=a.device) * a.noise)
        y = y.float()
        if part == 'encoder':
            loss = ((y - z)[:, 1:]).pow(2).mean()  # the first step has no past
            log[part].append((loss / z.pow(2).mean()).item())
        else:
            y, v = y[:, 4:], v[:, 4:]
            loss = 10 * (y - v).pow(2).mean() + .1 * (y - v).abs().mean() + .1 * sum((g - h).abs().mean() for g, h in zip(slopes(y), slopes(v)))
            log[part].append(loss.item())
        net.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(getattr(net, part).parameters(), 1.)
        opt.step()
        muons[part].step()
        it += 1
        d = min(.998, it / (it + 10))
        with torch.no_grad():
            for n, q in net.state_dict().items():
                if n.startswith(part):
                    ema[n].lerp_(q, 1 - d)
        if it % 50 == 0:
            live = {k: v.clone() for k, v in net.state_dict().items()}
            net.load_state_dict(ema)
            with torch.no_grad():
                a1 = psnr(torch.cat([net.decode(z[None, :5].to(a.device)) for z in cz]).clamp(0, 1).cpu(), cv[:, :17])
                b1 = psnr(torch.cat([net.decode(net.encode(v[None, :17].to(a.device))) for v in cv[:6]]).clamp(0, 1).cpu(), cv[:6, :17])
            net.load_state_dict(live)
            print(f"{it} | {spent / 60:.1f} | {a.lr * k:.1e} | {np.mean(log['decoder']):.4f} | {np.mean(log['encoder'] or [0]):.4f} | {a1:.2f} | {b1:.2f}", flush=True)
            log = {'encoder': [], 'decoder': []}
            save(path, net, ema, it, spent, muons, opts)
    save(path, net, ema, it, time.time() - begin, muons, opts)
    # a sheet to look at: drawn above, decoded from the codec's latents below
    net.load_state_dict(ema)
    with torch.no_grad():
        y = net.decode(cz[:6].to(a.device)).clamp(0, 1).cpu()
    rows = [np.concatenate([f.permute(1, 2, 0).numpy() for f in torch.cat([cv[i, ::7], y[i, ::7]])], 1) for i in range(6)]
    Image.fromarray((np.concatenate(rows) * 255).astype(np.uint8)).save(os.path.join(WORK, 'ae.png'))


def save(path, net, ema, it, spent, muons, opts):
    torch.save({'model': net.state_dict(), 'ema': ema, 'it': it, 'spent': spent, 'config': net.config,
                'muon': {k: m.buf for k, m in muons.items()}, **{k: o.state_dict() for k, o in opts.items()}}, path + '.new')
    os.replace(path + '.new', path)


if __name__ == '__main__':
    main()
