"""Trains the text encoder and the transformer together on cached latents."""
import argparse
import glob
import json
import multiprocessing
import os
import random
import signal
import time

import numpy as np
import torch
import torch.nn as nn

import world
from muon import Muon
from text import TextEncoder, Tokenizer, pad_ids
from transformer import CHUNK, Transformer, chunk_mask

WORK = os.environ.get('KINOLOOM_TRAIN', 'work')


class Clips:
    """Cached latents, all in memory; new shards are picked up while training runs."""

    def __init__(self, kind):
        self.kind, self.seen, self.z, self.m, self.spec = kind, set(), [], [], []

    def refresh(self, keep=14):
        for path in sorted(glob.glob(os.path.join(WORK, f'{self.kind}-*.npz'))):
            if path not in self.seen:
                try:
                    d = np.load(path)
                    z, m, spec = d['z'], d['m'], [s for s, _ in json.load(open(path[:-3] + 'json'))]
                except (OSError, ValueError, KeyError):
                    continue
                self.seen.add(path)
                self.z.append(z), self.m.append(m), self.spec.append(spec)
        self.z, self.m, self.spec = self.z[-keep:], self.m[-keep:], self.spec[-keep:]
        return self

    def draw(self, n, rng):
        z, m, spec = [], [], []
        for _ in range(n):
            p = rng.randrange(len(self.z))
            i = rng.randrange(len(self.z[p]))
            z.append(self.z[p][i]), m.append(self.m[p][i]), spec.append(self.spec[p][i])
        return torch.from_numpy(np.stack(z)).float(), torch.from_numpy(np.stack(m)).float(), spec


def stream_plan(rng, chunks, tokens):
    """Which chunks stand clean and which are denoised, and who sees whom. Window: first chunk, up to two recent ones, itself."""
    if rng.random() < .45:
        clean, noisy = [0, 1, 2], [0, 1, 2, 3]
    else:  # far from the start: the middle is gone, only the chunk with a full history is denoised (twice)
        j = rng.randint(2, chunks - 3)
        clean, noisy = [0, j, j + 1], [0, j + 2, j + 2]
    see = lambda q, k, same: k <= q if same else k < q
    mask = chunk_mask(clean, noisy, see, tokens)
    place = {c: i for i, c in enumerate(sorted(set(clean + noisy)))}
    frames = torch.tensor([place[c] * CHUNK + i for c in clean + noisy for i in range(CHUNK)])
    return clean, noisy, frames, mask


def take(x, chunks):
    return torch.cat([x[:, c * CHUNK:(c + 1) * CHUNK] for c in chunks], 1)


def step_loss(enc, net, tok, z, m, spec, plan, rng, a, device):
    clean, noisy, frames, mask = plan
    B = len(z)
    z, m = z.to(device), m.to(device)
    ids = pad_ids([tok('') if rng.random() < .1 else tok(world.caption(*s, rng)) for s in spec], net.text_len)
    ids = ids[:, :int((ids != 0).sum(1).max())].to(device)
    x = take(z, noisy)
    t = torch.randn(B, len(noisy), device=device).mul(a.spread).sigmoid()
    t = (a.shift * t / (1 + (a.shift - 1) * t)).repeat_interleave(CHUNK, 1)
    tt = t[..., None, None, None]
    eps = torch.randn_like(x)
    seq, times = (1 - tt) * x + tt * eps, t
    # a given first frame: its latent beside the noisy one, in the first chunk only
    given = (torch.rand(B, device=device) < .15).float()[:, None, None, None]
    first = torch.zeros(B, len(frames), 1 + net.latent, *z.shape[-2:], device=device)
    at = [i * CHUNK for i, c in enumerate(clean + noisy) if c == 0]
    for i in at:
        first[:, i, 0] = given[:, 0]
        first[:, i, 1:] = given * z[:, 0]
    if clean:  # history with a little noise in half of the clips, told only half of the time: at generation it passes for clean and is never perfect
        h = take(z, clean)
        s = torch.rand(B, 1, device=device) * a.history * (torch.rand(B, 1, device=device) < .5)
        ss = s[..., None, None, None]
        seq, times = torch.cat([(1 - ss) * h + ss * torch.randn_like(h), seq], 1), torch.cat([(s * (torch.rand(B, 1, device=device) < .5)).expand(B, h.shape[1]), t], 1)
    with torch.autocast(device, torch.bfloat16):
        context = net.context(enc(ids))
        v = net(seq, times * 1000, frames.to(device), context, None if mask is None else mask.to(device), first)
    err = (v[:, len(clean) * CHUNK:].float() - (eps - x)).pow(2).mean(2)
    w = 1 + (a.object_weight - 1) * take(m, noisy)
    return (err * w).sum() / w.sum(), err.detach().mean(), (err.detach().mean((2, 3)), t)


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument('--minutes', type=float, default=130)
    p.add_argument('--decay', type=float, default=.5, help='last part of the time in which the learning rate falls')
    p.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    p.add_argument('--workers', type=int, default=2, help='processes of one thread, each with its part of the batch (CPU); on a busy machine faster than threads')
    p.add_argument('--name', default='dit')
    p.add_argument('--dim', type=int, default=256)
    p.add_argument('--layers', type=int, default=6)
    p.add_argument('--lr', type=float, default=1e-3)
    p.add_argument('--muon-lr', type=float, default=.01)
    p.add_argument('--batch', type=int, default=60, help='short clips a step; long clips a sixth of it')
    p.add_argument('--stream', type=float, default=.4, help='share of the steps on long clips')
    p.add_argument('--shift', type=float, default=2.)
    p.add_argument('--spread', type=float, default=1.)
    p.add_argument('--history', type=float, default=.15, help='largest noise on history')
    p.add_argument('--object-weight', type=float, default=2.5, help='weight of latent positions under the object')
    p.add_argument('--seed', type=int, default=0)
    return p.parse_args()


class Team:
    """Data-parallel processes over shared memory: everyone adds a gradient, everyone updates its part of the parameters."""

    def __init__(self, params, workers):
        self.params, self.workers = params, workers
        self.barrier = multiprocessing.get_context('fork').Barrier(workers) if workers > 1 else None
        if workers > 1:
            for q in params:
                q.data.share_memory_()
        self.grads = torch.zeros(workers, sum(q.numel() for q in params)).share_memory_() if workers > 1 else None
        self.orders = torch.zeros(2, dtype=torch.double).share_memory_()  # learning-rate factor, stop
        self.losses = torch.zeros(workers).share_memory_()

    def wait(self):
        if self.barrier:
            self.barrier.wait()

    def reduce(self, rank, clip=1.):
        if self.workers == 1:
            nn.utils.clip_grad_norm_(self.params, clip)
            return
        torch.cat([torch.zeros(q.numel()) if q.grad is None else q.grad.flatten() for q in self.params], out=self.grads[rank])
        self.wait()
        mean = self.grads.mean(0)
        mean.mul_(min(1., clip / (mean.norm().item() + 1e-6)))
        at = 0
        for q in self.params:
            q.grad = mean[at:at + q.numel()].view_as(q)
            at += q.numel()


def main():
    a = arguments()
    workers = 1 if a.device == 'cuda' else a.workers
    if a.device == 'cpu':
        torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    tok = Tokenizer()
    enc = TextEncoder(tok.size).to(a.device)
    net = Transformer(dim=a.dim, ffn_dim=4 * a.dim, num_heads=a.dim // 64, num_layers=a.layers).to(a.device)
    both = nn.ModuleDict({'enc': enc, 'net': net})
    inner = [q for n, q in net.named_parameters() if n.startswith('blocks') and q.ndim == 2]
    chosen = {id(q) for q in inner}
    others = [q for q in both.parameters() if id(q) not in chosen]
    muon = Muon(inner, a.muon_lr)
    path = os.path.join(WORK, a.name + '.pt')
    saved = torch.load(path, map_location=a.device) if os.path.exists(path) else None
    if saved:
        both.load_state_dict(saved['model'])
    team = Team(list(both.parameters()), workers)
    ema = {k: v.clone() for k, v in (saved['ema'] if saved else both.state_dict()).items()}
    if workers > 1:
        ema = {k: v.share_memory_() for k, v in ema.items()}
        muon.buf = {k: v.share_memory_() for k, v in muon.buf.items()}
    if saved:
        for k, v in muon.buf.items():
            v.copy_(saved['muon'][k])
    print(f'transformer {sum(q.numel() for q in net.parameters()) / 1e6:.2f} M, text encoder {sum(q.numel() for q in enc.parameters()) / 1e6:.2f} M, vocabulary {tok.size}')
    rest = (a, team, tok, enc, net, both, others, muon, ema, saved, path)
    procs = [multiprocessing.get_context('fork').Process(target=work, args=(r, *rest)) for r in range(1, workers)]
    for q in procs:
        q.start()
    work(0, *rest)
    for q in procs:
        q.join()


def work(rank, a, team, tok, enc, net, both, others, muon, ema, saved, path):
    if rank:
        os.setsid()  # the scheduler shares the processor among sessions, not processes
    stop = []
    signal.signal(signal.SIGTERM, (lambda *_: stop.append(1)) if rank == 0 else signal.SIG_IGN)  # ends with a checkpoint
    it, spent, clips = (saved['it'], saved['spent'], saved['clips']) if saved else (0, 0., 0)
    common, rng = random.Random(a.seed + it), random.Random(f'{a.seed} {it} {rank}')
    torch.manual_seed(a.seed + it * 16 + rank)
    adam = torch.optim.AdamW(others, a.lr, betas=(.9, .98), weight_decay=.01)
    if saved:
        adam.load_state_dict(saved['adam'])
    part = muon.part(rank, team.workers)
    short, long = Clips('short'), Clips('long')
    while not short.refresh().z or not long.refresh().z:
        time.sleep(2)
    begin = time.time() - spent
    log, tick, tick_clips = {'short': [], 'long': [], 'bins': []}, time.time(), 0
    if rank == 0:
        print('step | min | lr | begin loss | stream loss | loss by noise level 0-.25-.5-.75-1 | clips | clips/s', flush=True)
    share = max(1, a.batch // team.workers)
    while True:
        spent = time.time() - begin
        done = spent / (a.minutes * 60)
        if it % 40 == 0:
            short.refresh(), long.refresh()
        if common.random() < a.stream:
            kind, (z, m, spec) = 'long', long.draw(max(1, share // 6), rng)
            plan = stream_plan(common, 8, 16)
        else:
            kind, (z, m, spec) = 'short', short.draw(share, rng)
            plan = [], [0], torch.arange(CHUNK), None
        loss, plain, bins = step_loss(enc, net, tok, z, m, spec, plan, rng, a, a.device)
        for q in both.parameters():
            q.grad = None
        loss.backward()
        team.losses[rank] = plain.item()
        if rank == 0:
            team.orders[0] = min(1, (it + 1) / 60) * min(1, max(.02, (1 - done) / a.decay))
            team.orders[1] = float(done >= 1 or bool(stop))
        team.reduce(rank)
        k, over = team.orders.tolist()
        if over:
            break
        for g in adam.param_groups:
            g['lr'] = a.lr * k
        muon.lr = a.muon_lr * k
        if rank == 0:
            adam.step()
        muon.step(part)
        losses = team.losses.mean().item()
        team.wait()
        it, clips, tick_clips = it + 1, clips + len(z) * team.workers, tick_clips + len(z) * team.workers
        if rank == team.workers - 1:  # the one without Adam; a read while the others go on does no harm
            d = min(.9985, it / (it + 10))
            with torch.no_grad():
                for n, q in both.state_dict().items():
                    ema[n].lerp_(q, 1 - d)
        if rank:
            continue
        log[kind].append(losses)
        log['bins'].append((bins[0].flatten(), bins[1].flatten()))
        if it % 50 == 0:
            e, t = (torch.cat(v) for v in zip(*log['bins']))
            by = ' '.join(f'{e[(t >= lo) & (t < lo + .25)].mean():.3f}' for lo in (0, .25, .5, .75))
            print(f"{it} | {spent / 60:.1f} | {a.lr * k:.1e} | {np.mean(log['short'] or [0]):.4f} | {np.mean(log['long'] or [0]):.4f} | {by} | {clips} | {tick_clips / (time.time() - tick):.1f}", flush=True)
            log, tick, tick_clips = {'short': [], 'long': [], 'bins': []}, time.time(), 0
        if it % 100 == 0:
            save(path, both, ema, adam, muon, it, spent, clips, a)
    if rank == 0:
        save(path, both, ema, adam, muon, it, spent, clips, a)


def save(path, both, ema, adam, muon, it, spent, clips, a):
    torch.save({'model': both.state_dict(), 'ema': ema, 'adam': adam.state_dict(), 'muon': muon.buf,
                'it': it, 'spent': spent, 'clips': clips, 'args': vars(a)}, path + '.new')
    os.replace(path + '.new', path)


if __name__ == '__main__':
    main()
