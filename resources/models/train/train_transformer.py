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
import torch.nn.functional as F

import codes
import world
from device import fast
from muon import Muon
from text import TextEncoder, Tokenizer, pad_ids
from transformer import CHUNK, Transformer, cells, chunk_mask

WORK = os.environ.get('KINOLOOM_TRAIN', 'work')


class Clips:
    """Cached latents, all in memory; new shards are picked up while training runs."""

    def __init__(self, kind):
        self.kind, self.seen, self.parts = kind, set(), []

    def refresh(self):
        for path in sorted(glob.glob(os.path.join(WORK, f'{self.kind}-*.npz'))):
            if path not in self.seen:
                try:
                    d = np.load(path)
                    self.parts.append((d['z'], d['m'], d['g'], json.load(open(path[:-3] + 'json'))))
                except (OSError, ValueError, KeyError):
                    continue
                self.seen.add(path)
        return self

    def draw(self, n, rng):
        """Latents [n,T,L,8,8], cover of the object [n,T,8,8], its place [n,T,5], specs"""
        rows = []
        for _ in range(n):
            p = rng.choice(self.parts)
            i = rng.randrange(len(p[0]))
            rows.append([v[i] for v in p])
        z, m, g, spec = zip(*rows)
        return torch.from_numpy(np.stack(z)).float(), torch.from_numpy(np.stack(m)).float(), torch.from_numpy(np.stack(g)), spec


def stream_plan(rng, chunks, tokens):
    """Which chunks stand clean and which are denoised, and who sees whom. Window: first chunk, up to two recent ones, itself."""
    if rng.random() < .45:
        clean, noisy = [0, 1, 2], [0, 1, 2, 3]
    else:  # far from the start: the middle is gone, only the chunk with a full history is denoised (twice)
        j = rng.randint(2, chunks - 3)
        clean, noisy = [0, j, j + 1], [0, j + 2, j + 2]
    return plan(clean, noisy, tokens)


def plan(clean, noisy, tokens):
    """(clean chunks, noisy chunks, positions of all frames, mask, mask for the history alone)"""
    see = lambda q, k, same: k <= q if same else k < q
    place = {c: i for i, c in enumerate(sorted(set(clean + noisy)))}
    frames = torch.tensor([place[c] * CHUNK + i for c in clean + noisy for i in range(CHUNK)])
    return clean, noisy, frames, chunk_mask(clean, noisy, see, tokens), chunk_mask(clean, clean, see, tokens)


BEGIN = [], [0], torch.arange(CHUNK), None, None       # the first chunk alone
# its frames alone, each at its own time and blind for the others: three times the pictures for the same work
SINGLE = [], [0], torch.zeros(CHUNK, dtype=torch.long), torch.full((CHUNK, CHUNK), -3e4).fill_diagonal_(0).repeat_interleave(16, 0).repeat_interleave(16, 1), None


def take(x, chunks):
    return torch.cat([x[:, c * CHUNK:(c + 1) * CHUNK] for c in chunks], 1)


def places(g):
    """Object's place [B,f,5] -> coordinates of every latent cell in the object's own frame [B,f,2,8,8] and whether they count."""
    x, y, z, r, alone = (v[..., None, None] for v in g.unbind(-1))
    at = (torch.arange(8, device=g.device) + .5) / 8
    dx, dy = (at[None, :] - x) / z, (at[:, None] - y) / z
    u, v = r.cos() * dx + r.sin() * dy, r.cos() * dy - r.sin() * dx
    return torch.stack([u, v], 2), ((u.abs() < .6) & (v.abs() < .6)) * alone


class Example:
    """A batch made ready: captions as ids, clean latents, what is given of the first frame."""

    def __init__(self, tok, batch, plan, rng, net, device, no_text=.1):
        z, m, g, spec = batch
        self.clean, self.noisy, self.frames, self.mask, self.history_mask = (v.to(device) if torch.is_tensor(v) else v for v in plan)
        B, self.device = len(z), device
        z, m, g = z.to(device), m.to(device), g.to(device)
        ids = pad_ids([tok('') if rng.random() < no_text else tok(world.caption(*s[:3], rng, **s[3])) for s in spec], net.text_len)
        self.ids = ids[:, :int((ids != 0).sum(1).max())].to(device)
        self.first, self.history = None, z[:, :0]
        self.times = len(self.noisy)
        if not self.frames.any():  # frames alone
            self.x, self.m, self.g, self.times = z, m, g, CHUNK
            return
        self.x, self.m, self.g = (take(v, self.noisy) for v in (z, m, g))
        if self.clean:
            self.history = take(z, self.clean)
        # a given first frame: its latent beside the noisy one, in the first chunk only
        given = (torch.rand(B, device=device) < .15).float()[:, None, None, None]
        self.first = torch.zeros(B, len(self.frames), 1 + net.latent, *z.shape[-2:], device=device)
        for i in [i * CHUNK for i, c in enumerate(self.clean + self.noisy) if c == 0]:
            self.first[:, i, 0] = given[:, 0]
            self.first[:, i, 1:] = given * z[:, 0]

    def velocity(self, net, context, x, t, history, told, tap=None):
        """Velocity of the noisy frames x at times t [B,f], after history whose time is said to be `told` [B,1]."""
        n = history.shape[1]
        y = net(torch.cat([history, x], 1), torch.cat([told.expand(-1, n), t], 1) * 1000, self.frames, context, self.mask, self.first, tap=tap)
        return y[:, n:] if tap is None else (y[0][:, n:], y[1][:, n:])

    @torch.no_grad()
    def own_history(self, net, context):
        """The history as the model itself makes it from a noisy version: at generation it must live with its own mistakes."""
        h, n = self.history, self.history.shape[1]
        s = (torch.rand(len(h), 1, device=self.device) * .5 + .35).expand(-1, n)
        x = h + s[..., None, None, None] * (torch.randn_like(h) - h)
        frames, first = self.frames[:n].repeat(2), self.first[:, :n].repeat(1, 2, 1, 1, 1)
        for now, then in ((s, s / 2), (s / 2, 0 * s)):
            v = net(torch.cat([h, x], 1), torch.cat([0 * now, now], 1) * 1000, frames, context, self.history_mask, first)[:, n:]
            x = x + (then - now)[..., None, None, None] * v
        return x.float()


def step_loss(both, tok, batch, plan, rng, a, device, own=0., words=True):
    enc, net = both['enc'], both['net']
    e = Example(tok, batch, plan, rng, net, device)
    x, B = e.x, len(e.x)
    t = torch.randn(B, e.times, device=device).mul(a.spread).sigmoid()
    t = (a.shift * t / (1 + (a.shift - 1) * t)).repeat_interleave(x.shape[1] // e.times, 1)
    tt = t[..., None, None, None]
    eps = torch.randn_like(x)
    with fast(device):
        with torch.set_grad_enabled(words):
            rows = enc(e.ids)
        context = net.context(rows)
        h, told = e.history, torch.zeros(B, 1, device=device)
        if e.clean:  # a little noise in half of the histories, told only half of the time: at generation history passes for clean and is never perfect
            if rng.random() < own:
                h = e.own_history(net, context)
            s = torch.rand(B, 1, device=device) * a.history * (torch.rand(B, 1, device=device) < .5)
            ss = s[..., None, None, None]
            h, told = (1 - ss) * h + ss * torch.randn_like(h), s * (torch.rand(B, 1, device=device) < .5)
        v, hidden = e.velocity(net, context, (1 - tt) * x + tt * eps, t, h, told, tap=3)
        seen = cells(both['aim'](hidden), 4, 4).float()
    err = (v.float() - (eps - x)).pow(2).mean(2)
    w = 1 + (a.object_weight - 1) * e.m
    loss = (err * w).sum() / w.sum()
    # where the object is and which part of it a cell shows, from the middle of the network (this head is not exported)
    sure, (uv, counts) = (1 - t)[..., None, None], places(e.g)
    aim = ((seen[:, :, 0] - e.m).pow(2) * sure).mean() + ((seen[:, :, 1:] - uv).pow(2).sum(2) * counts * sure).sum() / counts.sum().clamp(min=1)
    return loss + a.aim * aim, err.detach().mean(), aim.detach(), (err.detach().mean((2, 3)), t)


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument('--minutes', type=float, default=130)
    p.add_argument('--until', type=float, default=1, help='stop after this part of the time')
    p.add_argument('--decay', type=float, default=.75, help='last part of the time in which the learning rate falls')
    p.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    p.add_argument('--workers', type=int, default=2, help='processes of one thread, each with its part of the batch (CPU); on a busy machine faster than threads')
    p.add_argument('--name', default='dit')
    p.add_argument('--dim', type=int, default=256)
    p.add_argument('--layers', type=int, default=5)
    p.add_argument('--ffn', type=int, default=768)
    p.add_argument('--heads', type=int, default=8)
    p.add_argument('--lr', type=float, default=2e-3)
    p.add_argument('--muon-lr', type=float, default=.012)
    p.add_argument('--batch', type=int, default=48, help='short clips a step; long clips a sixth of it')
    p.add_argument('--stream', type=float, default=.35, help='share of the steps on long clips')
    p.add_argument('--single', type=float, default=.55, help='share of the steps on single latent frames, in the first part of the time')
    p.add_argument('--single-part', type=float, default=.8, help='that part of the time')
    p.add_argument('--own', type=float, default=.6, help='share of the histories that the model makes itself, in the last part of the time')
    p.add_argument('--own-part', type=float, default=.2, help='that part of the time')
    p.add_argument('--words-part', type=float, default=.6, help='first part of the time, in which the text encoder learns too')
    p.add_argument('--codes', type=int, default=1, help='0: begin with random words')
    p.add_argument('--aim', type=float, default=.2, help='weight of the error in where the object is')
    p.add_argument('--shift', type=float, default=3.)
    p.add_argument('--spread', type=float, default=1.)
    p.add_argument('--history', type=float, default=.15, help='largest noise on history')
    p.add_argument('--object-weight', type=float, default=4, help='weight of latent positions under the object')
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
        self.orders = torch.zeros(3, dtype=torch.double).share_memory_()  # learning-rate factor, stop, single frames too
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
    enc = TextEncoder(tok.size)
    if a.codes:
        codes.begin(enc, tok)
    net = Transformer(dim=a.dim, ffn_dim=a.ffn, num_heads=a.heads, num_layers=a.layers)
    both = nn.ModuleDict({'enc': enc, 'net': net, 'aim': nn.Linear(a.dim, 12)}).to(a.device)
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
    if saved and saved['muon']:
        for k, v in muon.buf.items():
            v.copy_(saved['muon'][k])
    print(f'transformer {sum(q.numel() for q in net.parameters()) / 1e6:.2f} M, text encoder {sum(q.numel() for q in enc.parameters()) / 1e6:.2f} M, vocabulary {tok.size}')
    rest = (a, team, tok, both, others, muon, ema, saved, path)
    procs = [multiprocessing.get_context('fork').Process(target=work, args=(r, *rest)) for r in range(1, workers)]
    for q in procs:
        q.start()
    work(0, *rest)
    for q in procs:
        q.join()


def work(rank, a, team, tok, both, others, muon, ema, saved, path):
    if rank:
        os.setsid()  # the scheduler shares the processor among sessions, not processes
    stop = []
    signal.signal(signal.SIGTERM, (lambda *_: stop.append(1)) if rank == 0 else signal.SIG_IGN)  # ends with a checkpoint
    it, spent, clips = (saved['it'], saved['spent'], saved['clips']) if saved else (0, 0., 0)
    common, rng = random.Random(a.seed + it), random.Random(f'{a.seed} {it} {rank}')
    torch.manual_seed(a.seed + it * 16 + rank)
    adam = torch.optim.AdamW(others, a.lr, betas=(.9, .98), weight_decay=.01)
    if saved and saved['adam']:
        adam.load_state_dict(saved['adam'])
    part = muon.part(rank, team.workers)
    short, long = Clips('short'), Clips('long')
    while not short.refresh().parts or not long.refresh().parts:
        time.sleep(2)
    begin = time.time() - spent
    team.orders[2] = float(spent / (a.minutes * 60) < a.single_part)
    team.wait()
    log, tick, tick_clips = {'single': [], 'short': [], 'long': [], 'aim': [], 'bins': []}, time.time(), 0
    if rank == 0:
        print('step | min | lr | single loss | begin loss | stream loss | aim | loss by noise level 0-.25-.5-.75-1 | clips | clips/s', flush=True)
    share = max(1, a.batch // team.workers)
    while True:
        spent = time.time() - begin
        done = spent / (a.minutes * 60)
        if it % 40 == 0:
            short.refresh(), long.refresh()
        early = team.orders[2].item() > 0
        r = common.random()
        if early and r < a.single:
            kind, batch, order = 'single', short.draw(share, rng), SINGLE
        elif r > 1 - a.stream * (.5 if early else 1):
            kind, batch, order = 'long', long.draw(max(1, share // 6), rng), stream_plan(common, 8, 16)
        else:
            kind, batch, order = 'short', short.draw(share, rng), BEGIN
        loss, plain, aim, bins = step_loss(both, tok, batch, order, rng, a, a.device, a.own if done > 1 - a.own_part else 0, done < a.words_part)
        for q in both.parameters():
            q.grad = None
        loss.backward()
        team.losses[rank] = plain.item()
        if rank == 0:
            team.orders[0] = min(1, (it + 1) / 60) * min(1, max(.02, (1 - done) / a.decay))
            team.orders[1] = float(done >= a.until or bool(stop))
            team.orders[2] = float(done < a.single_part)
        team.reduce(rank)
        k, over, _ = team.orders.tolist()
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
        it, clips, tick_clips = it + 1, clips + len(batch[0]) * team.workers, tick_clips + len(batch[0]) * team.workers
        if rank == team.workers - 1:  # the one without Adam; a read while the others go on does no harm
            d = min(.996, it / (it + 10))
            with torch.no_grad():
                for n, q in both.state_dict().items():
                    ema[n].lerp_(q, 1 - d)
        if rank:
            continue
        log[kind].append(losses)
        log['aim'].append(aim.item())
        log['bins'].append((bins[0].flatten(), bins[1].flatten()))
        if it % 50 == 0:
            e, t = (torch.cat(v) for v in zip(*log['bins']))
            means = ' | '.join(f'{np.mean(log[n] or [0]):.4f}' for n in ('single', 'short', 'long', 'aim'))
            by = ' '.join(f'{e[(t >= lo) & (t < lo + .25)].mean():.3f}' for lo in (0, .25, .5, .75))
            print(f"{it} | {spent / 60:.1f} | {a.lr * k:.1e} | {means} | {by} | {clips} | {tick_clips / (time.time() - tick):.1f}", flush=True)
            log, tick, tick_clips = {n: [] for n in log}, time.time(), 0
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
