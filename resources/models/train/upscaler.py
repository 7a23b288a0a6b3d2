"""Spatial upscaler: 128 px frames of the decoder to 512 px, frame by frame (ESPCN / "compact SRVGG" style).

Four 3x3 convolutions at low resolution and a last one to the 4 x 4 parts of every pixel, on top of copies of the pixel.
It learns from the same world: the same clip is drawn at 128 px, spoilt as a decoder spoils (or put through the real one,
`--decoder`), and drawn at 512 px from the same random numbers.
"""
import argparse
import importlib.util
import io
import json
import math
import os
import random
import signal
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image, ImageFilter

import world

WORK = os.environ.get('KINOLOOM_TRAIN', 'work')
HERE = os.path.dirname(os.path.abspath(__file__))
SCALE = 4


class Upscaler(nn.Module):
    def __init__(self, channels=24, layers=3, scale=SCALE):
        super().__init__()
        self.config = dict(scale=scale, channels=channels, layers=layers)
        self.scale = scale
        conv = lambda i, o: nn.Conv2d(i, o, 3, padding=1)
        body = [conv(3, channels), nn.ReLU()]
        for _ in range(layers):
            body += [conv(channels, channels), nn.ReLU()]
        self.body = nn.Sequential(*body, conv(channels, 3 * scale * scale))
        for c in self.body:
            if isinstance(c, nn.Conv2d):
                nn.init.kaiming_normal_(c.weight, nonlinearity='relu')
                nn.init.zeros_(c.bias)
        self.body[-1].weight.data.mul_(.05)  # begins as copies of the pixels

    def forward(self, x):
        """[B,3,H,W] in 0..1 -> [B,3,scale H,scale W], not clamped"""
        return F.pixel_shuffle(self.body(x) + x.repeat_interleave(self.scale ** 2, 1), self.scale)


# ---------------------------------------------------------------- pairs of frames

def fine_world():
    """The world drawn four times as large; everything else is the same, the random numbers too."""
    spec = importlib.util.spec_from_file_location('fine_world', world.__file__)
    w = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(w)
    w.SIZE = world.SIZE * SCALE
    w.LEVELS = 96, 144, 208, 288, 400
    return w


def spoil(frame, rng):
    """What an autoencoder does to a frame [S,S,3] uint8, roughly: blur, blocks and ringing, coarse and fine noise."""
    im = Image.fromarray(frame)
    if rng.random() < .7:
        im = im.filter(ImageFilter.GaussianBlur(rng.uniform(0, .8)))
    if rng.random() < .4:
        data = io.BytesIO()
        im.save(data, 'JPEG', quality=rng.randint(55, 95), subsampling=0)
        im = Image.open(data)
    x = np.asarray(im, np.float32)
    noise = np.random.RandomState(rng.randrange(2 ** 31))
    for cell in (1, rng.choice((2, 4, 8))):
        if rng.random() < .5:
            n = noise.randn(frame.shape[0] // cell, frame.shape[1] // cell, 3).astype(np.float32) * rng.uniform(0, 4)
            x = x + np.asarray(Image.fromarray((np.clip(n + 128, 0, 255)).astype(np.uint8)).resize(frame.shape[:2], Image.BILINEAR), np.float32) - 128
    return np.clip(x + .5, 0, 255).astype(np.uint8)


class Decoder:
    """The exported autoencoder: what really comes before the upscaler."""

    def __init__(self, folder):
        from autoencoder import AutoEncoder
        from export import read_safetensors
        w, meta = read_safetensors(f'{folder}/vae.safetensors')
        c = json.loads(meta['config'])
        self.ae = AutoEncoder(c['latent_channels'], c['encoder_width'], tuple(c['decoder_widths']), c['patch_size']).eval()
        self.ae.load_state_dict({k: v.float() for k, v in w.items()})

    @torch.no_grad()
    def __call__(self, video, rng):
        """uint8 [9,S,S,3] -> its last frame, encoded and decoded, [S,S,3]"""
        v = torch.from_numpy(video).permute(0, 3, 1, 2).float() / 255
        z = self.ae.encode(v[None])
        z = z + torch.randn(z.shape) * rng.uniform(0, .1)
        return (self.ae.decode(z)[0, -1].clamp(0, 1).permute(1, 2, 0) * 255 + .5).byte().numpy()


class Pairs:
    """A slowly renewed stock of (spoilt frame [3,S,S], fine frame [3,4S,4S], centre and size of the object)."""

    def __init__(self, seed, size, fine, decoder=None, variants=3):
        self.seed, self.n, self.worlds, self.decoder = seed, 0, (world, fine), decoder
        self.frames = 9 if decoder else 1
        self.scenes = [w.Scenes(self.frames, variants, random.Random(seed)) for w in self.worlds]
        self.rng = random.Random(seed + 1)
        self.stock = [self.make() for _ in range(size)]

    def renew_scenes(self):
        s = self.rng.randrange(2 ** 31)
        for w, scenes in zip(self.worlds, self.scenes):
            scenes.renew(random.Random(s))

    def draw(self, which, seed):
        w, rng = self.worlds[which], random.Random(seed)
        obj, motion, back, more = w.pick(rng)
        video = self.scenes[which].get(back, self.frames, rng)
        video, mask = (video[-1:], video[-1:, :, :, 0] * 0) if which else (video, video[..., 0] * 0)
        other, at = more.get('other'), rng.randint(0, 88)
        cut = slice(at + self.frames - len(video), at + self.frames)
        place = 0 if other else None
        ways = [(obj, w.track('still' if motion == 'act' else motion, 97, rng, more.get('size', ''), more.get('speed', ''), place))]
        if other:
            ways.append((other, w.track(motion, 97, rng, place=1)))
        for o, way in ways:
            w.paste(video, mask, o, *(v[cut] for v in way))
        return video, [v[at + self.frames - 1] for v in ways[0][1][:3]]

    def make(self):
        self.n += 1
        seed = self.seed * 1000003 + self.n
        low, place = self.draw(0, seed)
        fine, _ = self.draw(1, seed)
        rng = random.Random(seed + 7)
        low = self.decoder(low, rng) if self.decoder else low[-1] if rng.random() < .15 else spoil(low[-1], rng)
        planes = lambda v: torch.from_numpy(np.ascontiguousarray(v.transpose(2, 0, 1)))
        return planes(low), planes(fine[-1]), place

    def batch(self, n, crop):
        """Crops of `crop` px, most of them where the object is."""
        xs, ys = [], []
        for _ in range(n):
            k = self.rng.randrange(len(self.stock))
            if self.rng.random() < .04:
                self.stock[k] = self.make()
            if self.rng.random() < .004:
                self.renew_scenes()
            low, fine, (cx, cy, size) = self.stock[k]
            most = low.shape[1] - crop
            corner = lambda c: min(max(int((c + self.rng.uniform(-.5, .5) * size) * low.shape[1] - crop / 2), 0), most)
            x, y = (corner(cx), corner(cy)) if self.rng.random() < .75 else (self.rng.randint(0, most), self.rng.randint(0, most))
            a = low[:, y:y + crop, x:x + crop]
            b = fine[:, y * SCALE:(y + crop) * SCALE, x * SCALE:(x + crop) * SCALE]
            if self.rng.random() < .5:
                a, b = a.flip(2), b.flip(2)
            xs.append(a), ys.append(b)
        return torch.stack(xs).float() / 255, torch.stack(ys).float() / 255


# ---------------------------------------------------------------- measuring

def psnr(a, b):
    return -10 * math.log10((a - b).pow(2).mean().item() + 1e-12)


def slopes(x):
    return x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]


def crispness(y, truth):
    """Steepness at the edges of the truth, as a share of the truth's."""
    out = []
    for a, b in zip(slopes(y), slopes(truth)):
        edge = b.abs() > .15
        out.append((a[edge] * b[edge].sign()).mean() / b[edge].abs().mean())
    return (sum(out) / 2).item()


@torch.no_grad()
def measure(net, check):
    got = {'net': [], 'bicubic': []}
    crisp = {'net': [], 'bicubic': []}
    for low, fine, _ in check:
        x, t = low[None].float() / 255, fine[None].float() / 255
        for name, y in (('net', net(x)), ('bicubic', F.interpolate(x, scale_factor=SCALE, mode='bicubic', align_corners=False))):
            got[name].append(psnr(y.clamp(0, 1), t))
            crisp[name].append(crispness(y.clamp(0, 1), t))
    return {k: (np.mean(got[k]), np.nanmean(crisp[k])) for k in got}


@torch.no_grad()
def sheet(net, check, path, rows=5, crop=40):
    """Beside each other: pixels, bicubic, ours, drawn."""
    out = []
    for low, fine, (cx, cy, _) in check[:rows]:
        c = lambda v: min(max(int(v * low.shape[1] - crop / 2), 0), low.shape[1] - crop)
        x, y = c(cx), c(cy)
        a = low[None].float() / 255
        four = [F.interpolate(a, scale_factor=SCALE), F.interpolate(a, scale_factor=SCALE, mode='bicubic', align_corners=False), net(a), fine[None].float() / 255]
        out.append(torch.cat([f[0, :, y * SCALE:(y + crop) * SCALE, x * SCALE:(x + crop) * SCALE].clamp(0, 1) for f in four], 2))
    Image.fromarray((torch.cat(out, 1).permute(1, 2, 0).numpy() * 255 + .5).astype(np.uint8)).resize((1280, 320 * rows), Image.NEAREST).save(path)


# ---------------------------------------------------------------- training and export

def export(out, paths):
    """Writes upscaler.safetensors, the mean of the checkpoints, and names it in model.json, whose size becomes the enlarged one."""
    from export import write_safetensors
    runs = [torch.load(p, map_location='cpu') for p in paths]
    s = runs[-1]
    mean = {k: sum(r['ema'][k] for r in runs) / len(runs) for k in s['ema']}
    write_safetensors(f'{out}/upscaler.safetensors', {k: v.half() for k, v in mean.items()}, {'format': 'pt', 'config': json.dumps(dict(s['config'], size=world.SIZE))})
    declare(out)
    print(f"{out}/upscaler.safetensors: step {s['it']}, {os.path.getsize(out + '/upscaler.safetensors') / 1e3:.0f} KB")


def declare(out):
    with open(f'{out}/model.json') as f:
        model = json.load(f)
    model['upscaler'] = 'upscaler.safetensors'
    model['size_multiple'] = 32 * SCALE  # 32: the decoder's stride times the transformer's patch
    model['defaults'].update(width=world.SIZE * SCALE, height=world.SIZE * SCALE)
    with open(f'{out}/model.json', 'w') as f:
        json.dump(model, f, indent=2, ensure_ascii=False)
        f.write('\n')


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--minutes', type=float, default=60)
    p.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    p.add_argument('--threads', type=int, default=1)
    p.add_argument('--lr', type=float, default=2e-3)
    p.add_argument('--batch', type=int, default=8)
    p.add_argument('--crop', type=int, default=36)
    p.add_argument('--stock', type=int, default=250, help='frames held ready')
    p.add_argument('--decoder', metavar='MODEL', help='learn on what the autoencoder of this model folder decodes (fine-tuning)')
    p.add_argument('--name', default='upscaler', help='of the checkpoint; of several (a,b) the mean is exported')
    p.add_argument('--start', metavar='CHECKPOINT', help='begin with these weights')
    p.add_argument('--seed', type=int, default=0)
    p.add_argument('--export', metavar='MODEL', help='only write the weights into this model folder')
    a = p.parse_args()
    if a.export:
        return export(a.export, [os.path.join(WORK, n + '.pt') for n in a.name.split(',')])
    path = os.path.join(WORK, a.name + '.pt')
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    net = Upscaler().to(a.device).to(memory_format=torch.channels_last)
    opt = torch.optim.AdamW(net.parameters(), a.lr, betas=(.9, .98), weight_decay=1e-4)
    if a.start and not os.path.exists(path):
        net.load_state_dict(torch.load(a.start, map_location=a.device)['ema'])
    ema, it, spent = {k: v.clone() for k, v in net.state_dict().items()}, 0, 0.
    if os.path.exists(path):
        s = torch.load(path, map_location=a.device)
        net.load_state_dict(s['model'])
        opt.load_state_dict(s['opt'])
        ema, it, spent = s['ema'], s['it'], s['spent']
        print('resumed at', it, flush=True)
    fine, decoder = fine_world(), Decoder(a.decoder) if a.decoder else None
    check = Pairs(987654321, 40, fine, decoder).stock
    data = Pairs(it + a.seed + 11, a.stock, fine, decoder)
    base = measure(net, check)['bicubic']
    print(f'parameters {sum(q.numel() for q in net.parameters())}, bicubic {base[0]:.2f} dB, crispness {base[1]:.2f}')
    print('step | min | lr | loss | held-out dB | crispness of edges (1: as drawn)', flush=True)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))  # ends with a checkpoint
    begin, log = time.time() - spent, []
    live = Upscaler().eval()

    def save():
        torch.save({'model': net.state_dict(), 'ema': ema, 'opt': opt.state_dict(), 'it': it, 'spent': spent, 'config': net.config}, path + '.new')
        os.replace(path + '.new', path)
        live.load_state_dict(ema)

    while True:
        spent = time.time() - begin
        done = spent / 60 / a.minutes
        if done >= 1 or stop:
            break
        k = min(1, (it + 1) / 100) * (.5 * (1 + math.cos(math.pi * done)) * .98 + .02)
        for g in opt.param_groups:
            g['lr'] = a.lr * k
        x, t = (v.to(a.device) for v in data.batch(a.batch, a.crop))
        with torch.autocast(a.device, torch.bfloat16, enabled=a.device != 'cpu'):
            y = net(x.contiguous(memory_format=torch.channels_last))
        y = y.float()
        loss = (y - t).abs().mean() + 2 * (y - t).pow(2).mean() + .5 * sum((g - h).abs().mean() for g, h in zip(slopes(y), slopes(t)))
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), .5)
        opt.step()
        log.append(loss.item())
        it += 1
        d = min(.999, it / (it + 10))
        with torch.no_grad():
            for n, q in net.state_dict().items():
                ema[n].lerp_(q, 1 - d)
        if it % 500 == 0:
            save()
            m = measure(live, check)['net']
            print(f"{it} | {spent / 60:.1f} | {a.lr * k:.1e} | {np.mean(log):.4f} | {m[0]:.2f} | {m[1]:.2f}", flush=True)
            log = []
    save()
    m = measure(live, check)
    print('held-out', {k: tuple(round(float(x), 3) for x in v) for k, v in m.items()})
    sheet(live, check, os.path.join(WORK, a.name + '.png'))


if __name__ == '__main__':
    main()
