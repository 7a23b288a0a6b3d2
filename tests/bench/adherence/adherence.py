#!/usr/bin/python3
"""Does the built-in model make what the prompt says? Renders a fixed list of prompts with `kinoloom` and measures, with no learned judge.

    adherence.py --drawings FOLDER [--part classifier,clips,streams,autoencoder] [--steps N --guidance X] [--limit N]
"""
import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
import time

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..', '..')
sys.path[:0] = [HERE, os.path.join(ROOT, 'resources', 'models', 'train')]

FRAMES = 33             # of a short clip: 2 s, the first three chunks
FIRST, CHUNK = 9, 12    # frames of the first chunk of a stream, and of the others
STREAM = FIRST + 79 * CHUNK  # 60 s
PARTS = 'classifier', 'clips', 'streams', 'autoencoder'
NEED = .97              # of the classifiers, on clips that the world drew


class Bench:
    def __init__(self, a):
        self.a = a
        os.environ['KINOLOOM_TRAIN'] = a.drawings
        import world
        if not os.path.isdir(world.ASSETS):
            sys.exit(f'there are no drawings in {world.ASSETS}: --drawings names the work folder of resources/models/train/train')
        from classify import Judge
        self.world, self.judge = world, Judge(world)
        shown = json.loads(subprocess.run([a.kinoloom, 'models', 'show', a.model, '--json'], check=True, capture_output=True).stdout)
        self.folder = shown['folder']
        self.known = [o for o in self.judge.objects if not shown['words']['objects'] or o in shown['words']['objects']]
        self.judge.objects = self.known
        phrases = shown['words']['motions']
        self.motions = [m for m, forms in world.MOTIONS.items() if not phrases or set(forms) & set(phrases)]
        prompts = json.load(open(os.path.join(HERE, 'prompts.json')))
        fits = lambda e: e['object'] in self.known and e['motion'] in self.motions
        self.clips, self.streams = ([e for e in prompts[k] if fits(e)][:a.limit] for k in ('clips', 'streams'))
        left = len(prompts['clips']) - sum(map(fits, prompts['clips']))
        print(f"{a.model}: {len(self.known)} objects, {len(self.motions)} motions, {len(world.BACKDROPS)} backdrops; chance is {100 / len(self.known):.1f} %, "
              f"{100 / len(self.motions):.1f} %, {100 / len(world.BACKDROPS):.1f} %" + (f'; {left} prompts left out, their words are not known' if left else ''), flush=True)

    # ---- rendering

    def render(self, entry, index, frames, setting):
        """uint8 [frames, 128, 128, 3]"""
        steps, guidance = setting
        folder = os.path.join(self.a.work, f'render-{os.getpid()}')
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        cmd = [self.a.kinoloom, 'render', 'text-to-video', '--model', self.a.model, '--prompt', entry['text'], '--size', '128x128', '--frames', str(frames), '--seed', str(1000 + index),
               '--steps', str(steps), '--guidance', str(guidance), '--no-provenance', '--yes', '--quiet', '--output', os.path.join(folder, 'f-%05d.png')]
        for name in ('solver', 'shift', 'threads'):
            if getattr(self.a, name):
                cmd += ['--' + name, getattr(self.a, name)]
        subprocess.run(cmd, check=True, stdout=subprocess.DEVNULL)
        files = sorted(os.listdir(folder))
        clip = np.stack([np.asarray(Image.open(os.path.join(folder, f)).convert('RGB')) for f in files])
        shutil.rmtree(folder)
        return clip

    # ---- the parts

    def score(self, entry, clip):
        r = self.judge.judge(clip)
        return {'object': r['object'] == entry['object'], 'top3': entry['object'] in r['top3'], 'motion': r['motion'] == entry['motion'], 'backdrop': r['backdrop'] == entry['backdrop'],
                'said': (r['object'], r['motion'], r['backdrop'])}

    def classifier(self):
        """The classifiers on clips that the world drew."""
        rng, results = random.Random(4), []
        scenes = self.world.Scenes(FRAMES + 8, 3, rng)
        entries = self.clips[:self.a.limit or 120]
        for e in entries:
            if len(results) % 10 == 9:
                scenes.renew(rng)
            results.append(self.score(e, self.world.clip(rng, scenes, FRAMES, (e['object'], e['motion'], e['backdrop'], {}))[0]))
        share = {k: np.mean([r[k] for r in results]) for k in ('object', 'top3', 'motion', 'backdrop')}
        print(f'\nThe classifiers themselves, on {len(results)} clips that the world drew:')
        print('| object | top 3 | motion | backdrop |\n|---|---|---|---|')
        print('| ' + ' | '.join(f'{100 * v:.1f} %' for v in share.values()) + ' |', flush=True)
        for e, r in zip(entries, results):
            if self.a.verbose and not (r['object'] and r['motion'] and r['backdrop']):
                print('  ', e['object'], e['motion'], e['backdrop'], '->', *r['said'])
        bad = [k for k in ('object', 'motion', 'backdrop') if share[k] < NEED]
        if bad:
            print(f"below {100 * NEED:.0f} % for {', '.join(bad)}: the numbers that follow mean nothing", flush=True)
        return not bad

    def prompts(self, setting):
        name = f'{setting[0]} steps, guidance {setting[1]:g}'
        results, thumbs, begin = [], [], time.time()
        for i, e in enumerate(self.clips):
            clip = self.render(e, i, FRAMES, setting)
            r = self.score(e, clip)
            results.append(r)
            if len(thumbs) < 40:
                thumbs.append(np.concatenate(list(clip[[0, 10, 21, 32]]), 1))
            if self.a.verbose:
                print('  ', e['text'], '->', *r['said'], '' if r['object'] and r['motion'] and r['backdrop'] else '(no)', flush=True)
        print(f'\n| {name} | prompts | object | top 3 | motion | backdrop | all three |\n|---|---|---|---|---|---|---|')
        for title, pick in (('seen pairs', lambda e: not e['held_out']), ('held out', lambda e: e['held_out']), ('all', lambda e: True)):
            rs = [r for e, r in zip(self.clips, results) if pick(e)]
            if rs:
                cells = [np.mean([r[k] for r in rs]) for k in ('object', 'top3', 'motion', 'backdrop')] + [np.mean([r['object'] and r['motion'] and r['backdrop'] for r in rs])]
                print(f'| {title} | {len(rs)} | ' + ' | '.join(f'{100 * c:.1f} %' for c in cells) + ' |')
        for what in ('motion', 'backdrop'):
            by = {}
            for e, r in zip(self.clips, results):
                by.setdefault(e[what], []).append(r[what])
            print(f'{what}s: ' + ', '.join(f'{k} {sum(v)}/{len(v)}' for k, v in sorted(by.items(), key=lambda kv: np.mean(kv[1]))))
        print(f'{(time.time() - begin) / max(1, len(results)):.1f} s a prompt', flush=True)
        self.sheet(thumbs, f'clips-{setting[0]}')

    def streams_part(self, setting):
        """60 s: what the last chunk still has of the first."""
        rows, thumbs = [], []
        for i, e in enumerate(self.streams):
            clip = self.render(e, 500 + i, STREAM, setting)
            rows.append(self.stream(e, clip))
            thumbs.append(np.concatenate(list(clip[np.linspace(0, len(clip) - 1, 8).astype(int)]), 1))
            if self.a.verbose:
                print('  ', e['text'], {k: round(float(v), 3) for k, v in rows[-1].items()}, flush=True)
        col = lambda k: np.array([r[k] for r in rows], float)
        n = len(rows)
        print(f'\n{n} streams of {STREAM} frames (60 s) at {setting[0]} steps, guidance {setting[1]:g}:')
        print('| measure | bar | got |\n|---|---|---|')
        print(f"| object recognised in the last chunk (first chunk) | 90 % | {100 * col('last').mean():.0f} % ({100 * col('first').mean():.0f} %) |")
        print(f"| backdrop colour, last chunk against first, 0..1: mean, worst | < 0.03 | {col('drift').mean():.3f}, {col('drift').max():.3f} |")
        print(f"| jump at joins against inside chunks: mean, worst | <= 1.3 | {col('joins').mean():.2f}, {col('joins').max():.2f} |")
        print(f"| frozen | 0 | {int(col('frozen').sum())} |", flush=True)
        self.sheet(thumbs, f'streams-{setting[0]}')

    def stream(self, entry, clip):
        j = self.judge
        parts = clip[:FIRST], clip[-CHUNK:]
        back = j.backdrop(clip[:FIRST])[0][1]
        named = []
        for p in parts:
            masks = j.foreground(p, back)
            named.append(j.object(p, masks, j.track(p, masks), entry['motion'] in ('spin', 'swing'))[0][1])
        base = [np.median(p[:, j.ring].reshape(len(p), -1, 3).astype(np.float32), 0) for p in parts]  # still colours: what passes by does not count
        step = np.abs(np.diff(clip.astype(np.int16), axis=0)).mean((1, 2, 3))  # step[i]: from frame i to i + 1
        join = (np.arange(len(step)) - (FIRST - 1)) % CHUNK == 0
        inside = step[~join].mean()
        early, late = step[FIRST:FIRST + 8 * CHUNK].mean(), step[-8 * CHUNK:].mean()
        return dict(first=named[0] == entry['object'], last=named[1] == entry['object'], drift=np.abs(np.median(base[1] - base[0], 0)).max() / 255, joins=step[join].mean() / (inside + 1e-3),
                    frozen=entry['motion'] != 'still' and late < .2 * early)

    def autoencoder(self):
        """Encode and decode, through the engine."""
        rng = random.Random(999)
        scenes = self.world.Scenes(FRAMES, 2, rng)
        vae = os.path.join(self.folder, 'vae.safetensors')
        db = []
        for _ in range(min(self.a.limit or 12, 12)):
            v = self.world.clip(rng, scenes, FRAMES)[0]
            out = subprocess.run([self.a.roundtrip, vae, str(v.shape[2]), str(v.shape[1])], input=v.tobytes(), check=True, capture_output=True).stdout
            w = np.frombuffer(out, np.uint8).reshape(v.shape)
            db.append(-10 * math.log10(((w.astype(np.float32) - v) ** 2).mean() / 255 ** 2))
        print(f'\nAutoencoder through the engine, {len(db)} held-out clips of {FRAMES} frames at 128 px: {np.mean(db):.2f} dB, worst {min(db):.2f} (bar: 32 dB)', flush=True)

    def sheet(self, rows, name):
        """A picture to look at: frames of each clip in a row."""
        if rows:
            half = (len(rows) + 1) // 2
            blank = np.zeros_like(rows[0])
            columns = [np.concatenate(c) for c in (rows[:half], rows[half:] + [blank] * (2 * half - len(rows)))]
            Image.fromarray(np.concatenate(columns, 1)).save(os.path.join(self.a.work, name + '.png'))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--drawings', default=os.environ.get('KINOLOOM_TRAIN', 'starter-work'), help='the work folder of resources/models/train/train, where it unpacked the drawings')
    p.add_argument('--build', default=os.path.join(ROOT, 'build'), help='build folder of the project')
    p.add_argument('--kinoloom', help='the command (default: the one in the build folder)')
    p.add_argument('--model', default='starter-video')
    p.add_argument('--work', default='adherence-work', help='folder for frames and contact sheets')
    p.add_argument('--part', default=','.join(PARTS), help='some of ' + ', '.join(PARTS))
    p.add_argument('--steps', type=int, help='one setting instead of 4 steps without and 20 steps with guidance')
    p.add_argument('--guidance', type=float, help='of that setting (default 1)')
    p.add_argument('--solver')
    p.add_argument('--shift')
    p.add_argument('--threads')
    p.add_argument('--limit', type=int, help='only so many prompts of each part')
    p.add_argument('--verbose', action='store_true', help='a line a clip')
    a = p.parse_args()
    a.kinoloom = a.kinoloom or os.path.join(a.build, 'app', 'cli', 'kinoloom')
    a.roundtrip = os.path.join(a.build, 'tests', 'tools', 'kl-vae-roundtrip')
    parts = a.part.split(',')
    if set(parts) - set(PARTS):
        p.error(f"{', '.join(set(parts) - set(PARTS))}: the parts are {', '.join(PARTS)}")
    os.makedirs(a.work, exist_ok=True)
    settings = [(a.steps, a.guidance or 1.)] if a.steps else [(4, a.guidance or 1.), (20, a.guidance or 2.)]
    bench = Bench(a)
    sound = bench.classifier() if 'classifier' in parts else True
    if 'clips' in parts:
        for s in settings:
            bench.prompts(s)
    if 'streams' in parts:
        bench.streams_part(settings[0])
    if 'autoencoder' in parts:
        bench.autoencoder()
    return 0 if sound else 1


if __name__ == '__main__':
    sys.exit(main())
