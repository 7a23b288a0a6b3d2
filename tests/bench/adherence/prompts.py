"""Makes prompts.json: run it again only when the world's words change, and say so, because results compare only on the same list.

    KINOLOOM_TRAIN=folder-with-the-drawings /usr/bin/python3 prompts.py
"""
import json
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', '..', 'resources', 'models', 'train'))
import world  # noqa: E402

CLIPS, STREAMS = 210, 20
STAYING = 'bounce', 'spin', 'grow', 'shrink', 'swing', 'circle', 'pulse', 'still'  # never out of the frame


def entry(rng, obj, motion, back):
    return {'text': world.caption(obj, motion, back, rng), 'object': obj, 'motion': motion, 'backdrop': back, 'held_out': world.held_out(obj, motion)}


def main():
    rng = random.Random(20)
    pairs = [(o, m) for o in world.OBJECTS for m in world.MOTIONS]
    rng.shuffle(pairs)
    hidden = [p for p in pairs if world.held_out(*p)][:CLIPS // 3]
    used = {o for o, _ in hidden}
    shown = [p for p in pairs if not world.held_out(*p)]
    shown.sort(key=lambda p: p[0] in used)  # objects without a held-out pair first: every object has its turn
    chosen, count = [], {}
    for most in range(1, 9):
        for o, m in shown:
            if len(chosen) < CLIPS - len(hidden) and count.get(o, 0) < most and sum(m == k for _, k in chosen) < (CLIPS - len(hidden)) / len(world.MOTIONS) + 1 and (o, m) not in chosen:
                chosen.append((o, m))
                count[o] = count.get(o, 0) + 1
    backs = [world.BACKDROPS[i % len(world.BACKDROPS)] for i in range(CLIPS)]
    rng.shuffle(backs)
    clips = [entry(rng, o, m, b) for (o, m), b in zip(hidden + chosen, backs)]
    rng.shuffle(clips)
    staying = [p for p in pairs if p[1] in STAYING and not world.held_out(*p)]
    streams = [entry(rng, *next(p for p in staying[i * 7:] if p[1] == STAYING[i % len(STAYING)]), world.BACKDROPS[(i * 5) % len(world.BACKDROPS)]) for i in range(STREAMS)]
    lines = lambda items: '[\n' + ',\n'.join('    ' + json.dumps(e) for e in items) + '\n  ]'
    with open(os.path.join(HERE, 'prompts.json'), 'w') as f:
        f.write(f'{{\n  "clips": {lines(clips)},\n  "streams": {lines(streams)}\n}}\n')


if __name__ == '__main__':
    main()
