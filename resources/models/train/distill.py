"""Teaches a copy of the transformer to go in 4 steps, without guidance, where the trained one goes in many steps with guidance.

Between two of the four times (`sampling.sigmas(4, shift)`) the teacher takes several guided steps; the student learns the straight line that
leads to the same place. Half of the starting points come from the student itself, half of the histories from the teacher's own mistakes.
The text encoder stays as it is, so both transformers share it.
"""
import argparse
import copy
import multiprocessing
import os
import random
import signal
import time

import numpy as np
import torch
import torch.nn as nn

import sampling
from device import fast
from muon import Muon
from text import pad_ids
from train_transformer import BEGIN, Clips, Example, Team, stream_plan

WORK = os.environ.get('KINOLOOM_TRAIN', 'work')


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument('--minutes', type=float, default=20)
    p.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    p.add_argument('--workers', type=int, default=2)
    p.add_argument('--teacher', default='dit')
    p.add_argument('--name', default='dit4')
    p.add_argument('--steps', type=int, default=4)
    p.add_argument('--shift', type=float, default=3.)
    p.add_argument('--guidance', type=float, default=2.)
    p.add_argument('--substeps', type=int, default=3, help='of the teacher between two times of the student')
    p.add_argument('--lr', type=float, default=3e-4)
    p.add_argument('--muon-lr', type=float, default=.004)
    p.add_argument('--batch', type=int, default=32)
    p.add_argument('--stream', type=float, default=.5)
    p.add_argument('--history', type=float, default=.1)
    p.add_argument('--object-weight', type=float, default=2.5)
    p.add_argument('--seed', type=int, default=1)
    return p.parse_args()


def step_loss(teacher, student, enc, tok, batch, plan, rng, a):
    device = a.device
    e = Example(tok, batch, plan, rng, student, device, no_text=0)
    x, B = e.x, len(e.x)
    times = torch.tensor(sampling.sigmas(a.steps, a.shift), device=device).float()
    wide = lambda t: t.repeat_interleave(x.shape[1] // len(e.noisy), 1)
    i = torch.randint(0, a.steps, (B, len(e.noisy)), device=device)
    now, then = wide(times[i]), wide(times[i + 1])
    deep = lambda t: t[..., None, None, None]
    eps = torch.randn_like(x)
    with fast(device), torch.no_grad():
        context = student.context(enc(e.ids))
        nothing = student.context(enc(pad_ids([tok('')] * B, 1).to(device)))
        h, told = e.history, torch.zeros(B, 1, device=device)
        if e.clean:
            if rng.random() < .5:
                h = e.own_history(teacher, context)
            s = deep(torch.rand(B, 1, device=device) * a.history)
            h = (1 - s) * h + s * torch.randn_like(h)
        if rng.random() < .5:  # where the student comes from the time before
            before = wide(times[(i - 1).clamp(min=0)])
            y = (1 - deep(before)) * x + deep(before) * eps
            y = y + deep(now - before) * e.velocity(student, context, y, before, h, told).float()
        else:
            y = (1 - deep(now)) * x + deep(now) * eps
        w = y
        for k in range(a.substeps):
            t, u = now + (then - now) * (k / a.substeps), now + (then - now) * ((k + 1) / a.substeps)
            with_text, without = (e.velocity(teacher, c, w, t, h, told).float() for c in (context, nothing))
            w = w + deep(u - t) * (without + a.guidance * (with_text - without))
        target = (w - y) / deep(then - now)
    with fast(device):
        v = e.velocity(student, context, y, now, h, told).float()
    err = (v - target).pow(2).mean(2)
    weight = 1 + (a.object_weight - 1) * e.m
    return (err * weight).sum() / weight.sum(), err.detach().mean(), (err.detach().mean((2, 3)), wide(i))


def main():
    a = arguments()
    if a.device == 'cpu':
        torch.set_num_threads(1)
    workers = 1 if a.device == 'cuda' else a.workers
    torch.manual_seed(a.seed)
    enc, teacher, tok, state = sampling.load(os.path.join(WORK, a.teacher + '.pt'))
    enc, teacher = enc.to(a.device).requires_grad_(False), teacher.to(a.device).requires_grad_(False)
    path = os.path.join(WORK, a.name + '.pt')
    saved = torch.load(path, map_location=a.device) if os.path.exists(path) else None
    student = copy.deepcopy(teacher).requires_grad_(True)
    if saved:
        student.load_state_dict({k[4:]: v for k, v in saved['model'].items() if k.startswith('net.')})
    team = Team(list(student.parameters()), workers)
    ema = {k: v.clone().share_memory_() for k, v in student.state_dict().items()}
    if saved:
        for k, v in ema.items():
            v.copy_(saved['ema']['net.' + k])
    inner = [q for n, q in student.named_parameters() if n.startswith('blocks') and q.ndim == 2]
    muon = Muon(inner, a.muon_lr)
    muon.buf = {k: v.share_memory_() for k, v in muon.buf.items()} if workers > 1 else muon.buf
    rest = (a, team, tok, enc, teacher, student, muon, ema, state, saved, path)
    procs = [multiprocessing.get_context('fork').Process(target=work, args=(r, *rest)) for r in range(1, workers)]
    for q in procs:
        q.start()
    work(0, *rest)
    for q in procs:
        q.join()


def work(rank, a, team, tok, enc, teacher, student, muon, ema, state, saved, path):
    if rank:
        os.setsid()
    stop = []
    signal.signal(signal.SIGTERM, (lambda *_: stop.append(1)) if rank == 0 else signal.SIG_IGN)
    it, spent = (saved['steps'], saved['seconds']) if saved else (0, 0.)
    common, rng = random.Random(a.seed + it), random.Random(f'{a.seed} {it} {rank}')
    torch.manual_seed(a.seed + it * 16 + rank)
    inner = {id(q) for ps in muon.groups.values() for q in ps}
    adam = torch.optim.AdamW([q for q in student.parameters() if id(q) not in inner], a.lr, betas=(.9, .98), weight_decay=0)
    part, share = muon.part(rank, team.workers), max(1, a.batch // team.workers)
    short, long = Clips('short').refresh(), Clips('long').refresh()
    begin, log, tick = time.time() - spent, {'short': [], 'long': [], 'by': []}, time.time()
    if rank == 0:
        print('step | min | lr | begin loss | stream loss | loss by step | steps/s', flush=True)
    while True:
        spent = time.time() - begin
        done = spent / (a.minutes * 60)
        if common.random() < a.stream:
            kind, batch, plan = 'long', long.draw(max(1, share // 5), rng), stream_plan(common, 8, 16)
        else:
            kind, batch, plan = 'short', short.draw(share, rng), BEGIN
        loss, plain, by = step_loss(teacher, student, enc, tok, batch, plan, rng, a)
        for q in student.parameters():
            q.grad = None
        loss.backward()
        team.losses[rank] = plain.item()
        if rank == 0:
            team.orders[0] = min(1, (it + 1) / 20) * min(1, max(.02, (1 - done) / .8))
            team.orders[1] = float(done >= 1 or bool(stop))
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
        it += 1
        if rank == team.workers - 1:
            d = min(.99, it / (it + 10))
            with torch.no_grad():
                for n, q in student.state_dict().items():
                    ema[n].lerp_(q, 1 - d)
        if rank:
            continue
        log[kind].append(losses), log['by'].append((by[0].flatten(), by[1].flatten()))
        if it % 20 == 0:
            e, i = (torch.cat(v) for v in zip(*log['by']))
            print(f"{it} | {spent / 60:.1f} | {a.lr * k:.1e} | {np.mean(log['short'] or [0]):.4f} | {np.mean(log['long'] or [0]):.4f} | "
                  + ' '.join(f'{e[i == s].mean():.3f}' for s in range(a.steps)) + f' | {20 / (time.time() - tick):.2f}', flush=True)
            log, tick = {n: [] for n in log}, time.time()
        if it % 40 == 0:
            save(path, student, enc, ema, state, it, spent)
    if rank == 0:
        save(path, student, enc, ema, state, it, time.time() - begin)


def save(path, student, enc, ema, state, steps, seconds):
    """The same layout as the trained one, so that sampling and export read both."""
    words = {'enc.' + k: v for k, v in enc.state_dict().items()}
    torch.save({'model': {**words, **{'net.' + k: v for k, v in student.state_dict().items()}}, 'ema': {**words, **{'net.' + k: v for k, v in ema.items()}},
                'steps': steps, 'seconds': seconds, 'it': state['it'], 'clips': state['clips'], 'args': state['args']}, path + '.new')
    os.replace(path + '.new', path)


if __name__ == '__main__':
    main()
