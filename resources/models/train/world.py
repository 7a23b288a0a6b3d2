"""The small world the starter model knows: a named object moves in a named way over a named backdrop.

`clip()` draws one captioned clip. Everything that a caption can say, and nothing else, is in the tables below.
"""
import math
import os
import random
import zlib

import numpy as np
from PIL import Image

ASSETS = os.path.join(os.environ.get('KINOLOOM_TRAIN', 'work'), 'package', 'assets')
SIZE = 128  # pixels

# name: (code point of the drawing, colour words, other names)
OBJECTS = {
    'heart': ('2764-fe0f', 'red', ()), 'star': ('2b50', 'yellow', ('yellow star', 'gold star')),
    'moon': ('1f319', 'yellow', ('crescent moon',)), 'apple': ('1f34e', 'red', ()), 'banana': ('1f34c', 'yellow', ()),
    'strawberry': ('1f353', 'red', ()), 'pizza': ('1f355', '', ('slice of pizza', 'pizza slice')),
    'donut': ('1f369', 'pink', ('doughnut',)), 'balloon': ('1f388', 'red', ()), 'rocket': ('1f680', '', ('space rocket', 'rocket ship')),
    'sailboat': ('26f5', '', ('boat', 'sailing boat')), 'bus': ('1f68c', '', ()), 'soccer ball': ('26bd', '', ('football',)),
    'basketball': ('1f3c0', 'orange', ()), 'duck': ('1f986', '', ()), 'bee': ('1f41d', 'yellow', ('honey bee',)),
    'ladybug': ('1f41e', 'red', ('ladybird',)), 'butterfly': ('1f98b', 'blue', ()), 'fish': ('1f41f', 'blue', ()),
    'octopus': ('1f419', '', ()), 'frog': ('1f438', 'green', ()), 'penguin': ('1f427', '', ()), 'panda': ('1f43c', '', ('panda bear',)),
    'cat': ('1f431', '', ('kitten',)), 'pumpkin': ('1f383', 'orange', ('halloween pumpkin',)), 'mushroom': ('1f344', 'red', ()),
    'sunflower': ('1f33b', 'yellow', ('flower',)), 'tree': ('1f333', 'green', ()), 'snowman': ('26c4', 'white', ()),
    'ghost': ('1f47b', 'white', ()), 'umbrella': ('2602-fe0f', '', ()), 'crown': ('1f451', 'gold', ('golden crown',)),
}
MOTIONS = {  # canonical phrase first
    'right': ('moves left to right', 'moves from left to right', 'flies from left to right', 'goes to the right', 'is moving to the right', 'flies to the right', 'moves right'),
    'left': ('moves right to left', 'moves from right to left', 'flies from right to left', 'goes to the left', 'is moving to the left', 'flies to the left', 'moves left'),
    'up': ('rises up', 'flies up', 'is flying up', 'goes up', 'rises', 'moves up', 'floats up'),
    'down': ('falls down', 'is falling down', 'drops down', 'goes down', 'falls', 'moves down', 'is falling'),
    'bounce': ('bounces up and down', 'is bouncing', 'jumps up and down', 'bounces', 'is jumping'),
    'spin': ('spins around', 'is spinning', 'rotates', 'turns around', 'spins', 'is rotating'),
    'grow': ('grows bigger', 'is growing', 'gets bigger', 'grows', 'becomes larger', 'grows larger', 'becomes bigger'),
    'shrink': ('shrinks', 'gets smaller', 'is shrinking', 'becomes smaller'),
    'swing': ('swings from side to side', 'swings', 'is swinging', 'swings left and right', 'sways from side to side'),
    'circle': ('flies in a circle', 'moves in a circle', 'is circling', 'goes around in a circle', 'flies in circles'),
    'still': ('stays still', 'stands still', 'does not move', 'is still', 'rests', ''),
}
COLORS = {'red': (214, 60, 60), 'orange': (240, 150, 60), 'yellow': (245, 215, 80), 'green': (80, 180, 100), 'blue': (70, 120, 220),
          'purple': (140, 90, 200), 'pink': (245, 170, 195), 'white': (245, 245, 245), 'gray': (150, 150, 155), 'black': (30, 30, 36)}
SCENES = {
    'sky': ('on a blue sky with clouds', 'in a blue sky with clouds', 'in the sky', 'in a cloudy sky', 'in the clouds'),
    'night': ('at night under the stars', 'at night', 'under the stars', 'in a starry night'),
    'sunset': ('at sunset', 'in front of a sunset', 'in the evening'),
    'meadow': ('over a green meadow', 'on a green meadow', 'over a meadow', 'on the grass', 'over green grass'),
    'sea': ('over the sea', 'on the sea', 'over the ocean', 'above the water', 'on the water'),
    'desert': ('in the desert', 'over the desert', 'on the sand', 'in a sandy desert'),
    'snow': ('in falling snow', 'in the snow', 'while snow is falling', 'in winter'),
    'space': ('in space', 'in outer space', 'in deep space'),
}
PLAIN = ('on a plain {} background', 'on {}', 'on a {} background', 'against a plain {} background', 'in front of a {} wall')
BACKDROPS = list(SCENES) + list(COLORS)


def held_out(obj, motion):
    """Pairs never shown in training, to measure whether the model combines what it knows."""
    return zlib.crc32(f'{obj}|{motion}'.encode()) % 16 == 0


def backdrop_phrase(back, rng=None):
    forms = SCENES.get(back) or tuple(p.format(back) for p in PLAIN)
    return forms[0] if rng is None or rng.random() < .4 else rng.choice(forms)


def article(noun):
    return ('an ' if noun[0] in 'aeiou' else 'a ') + noun


def caption(obj, motion, back, rng=None):
    """Without rng the canonical sentence, with rng one of its many natural variants."""
    _, colour, others = OBJECTS[obj]
    if rng is None:
        return ' '.join(w for w in (article(obj), MOTIONS[motion][0], backdrop_phrase(back)) if w)
    noun = rng.choice(others) if others and rng.random() < .25 else obj
    if colour and not noun.startswith((colour, 'gold', 'yellow')) and rng.random() < .4:
        noun = f'{colour} {noun}'
    r = rng.random()
    subject = article(noun) if r < .7 else 'the ' + noun if r < .9 else noun
    verb = MOTIONS[motion][0] if rng.random() < .4 else rng.choice(MOTIONS[motion])
    where = backdrop_phrase(back, rng)
    text = f'{where}, {subject} {verb}' if rng.random() < .08 else f'{subject} {verb} {where}'
    return ' '.join(text.split()) + ('.' if rng.random() < .08 else '')


def words():
    """Every word a caption may use."""
    out = {'a', 'an', 'the', 'gold', 'golden', 'video', 'of', 'with', 'and', 'background', 'very', 'big', 'small', 'little'}
    for obj, (_, colour, others) in OBJECTS.items():
        for name in (obj, colour, *others):
            out.update(name.split())
    for forms in (*MOTIONS.values(), *SCENES.values()):
        for form in forms:
            out.update(form.split())
    for colour in COLORS:
        for form in PLAIN:
            out.update(form.format(colour).split())
    return sorted(out - {'very', 'big', 'small', 'little', 'video'})


# ---------------------------------------------------------------- drawing

def lerp(a, b, t):
    return a + (b - a) * t


def _grid():
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) / SIZE
    return x, y


def _ramp(top, bottom, y):
    """Vertical gradient between two 0..255 colours."""
    return lerp(np.array(top, np.float32) / 255, np.array(bottom, np.float32) / 255, np.clip(y, 0, 1)[..., None])


def _over(frame, mask, colour):
    m = np.clip(mask, 0, 1)[..., None]
    return frame * (1 - m) + m * colour


def draw_scene(name, frames, rng):
    """uint8 [frames, SIZE, SIZE, 3]"""
    x, y = _grid()
    out = np.empty((frames, SIZE, SIZE, 3), np.uint8)
    put = lambda t, f: np.copyto(out[t], (np.clip(f, 0, 1) * 255 + .5).astype(np.uint8))
    horizon, phase = rng.uniform(.6, .72), rng.random() * 6
    if name in ('sky', 'meadow'):
        base = _ramp((90, 160, 235), (190, 225, 250), y * 1.2)
        drift = rng.uniform(.002, .006)
        clouds = [(rng.random() * 1.4, rng.uniform(.08, .4), rng.uniform(.08, .16)) for _ in range(3)]
        hill = np.clip((y - horizon - .03 * np.sin(x * 7 + phase)) * SIZE / 2, 0, 1)
        grass = _ramp((120, 200, 90), (50, 140, 60), (y - horizon) * 2.5)
        for t in range(frames):
            m = np.zeros_like(x)
            for cx, cy, r in clouds:
                xx = (cx + drift * t) % 1.4 - .2
                for dx, dy, k in ((0, 0, 1), (-.8, .25, .7), (.8, .25, .7)):
                    m = np.maximum(m, (1 - np.sqrt(((x - xx - dx * r) / (r * k)) ** 2 + ((y - cy - dy * r) / (r * k * .7)) ** 2)) * 6)
            f = _over(base, np.clip(m, 0, 1) * .85, 1.)
            put(t, _over(f, hill, grass) if name == 'meadow' else f)
    elif name == 'sea':
        base = _ramp((90, 160, 235), (190, 225, 250), y * 1.2)
        deep = _ramp((50, 130, 200), (15, 60, 130), (y - horizon) * 2.5)
        for t in range(frames):
            edge = horizon + .012 * np.sin(x * 18 + phase + t * .35)
            put(t, _over(base, (y - edge) * SIZE / 2, deep + .04 * np.sin(y * 60 - t * .5 + 3 * np.sin(x * 9))[..., None]))
    elif name == 'desert':
        f = _over(_ramp((120, 180, 235), (250, 225, 180), y * 1.6), (y - horizon - .05 * np.sin(x * 5 + phase)) * SIZE / 2,
                  _ramp((240, 205, 130), (205, 150, 85), (y - horizon) * 2.5))
        put(0, f)
        out[1:] = out[0]
    elif name == 'snow':
        base = _over(_ramp((150, 175, 205), (215, 225, 235), y), (y - .82 - .02 * np.sin(x * 6 + phase)) * SIZE / 2, np.array([.95, .97, 1.]))
        flakes = [(rng.random(), rng.random(), rng.uniform(.008, .016)) for _ in range(40)]
        for t in range(frames):
            f = base.copy()
            for fx, fy, r in flakes:
                _dot(f, (fx + .02 * math.sin(t * .2 + fx * 20)) % 1, (fy + .022 * t * (r / .012)) % 1.05, r, 1.)
            put(t, f)
    elif name in ('night', 'space'):
        if name == 'night':
            base = _ramp((10, 14, 45), (35, 45, 95), y)
        else:
            cx, cy, c = rng.random(), rng.random(), np.array(rng.choice([(120, 40, 160), (30, 80, 170), (170, 50, 90)]), np.float32) / 255
            base = _ramp((8, 6, 20), (22, 10, 45), y) + np.exp(-(((x - cx) / .35) ** 2 + ((y - cy) / .25) ** 2))[..., None] * c * .6
        stars = [(rng.random(), rng.random(), rng.uniform(.005, .011), rng.random() * 6) for _ in range(26)]
        for t in range(frames):
            f = base.copy()
            for sx, sy, r, p in stars:
                _dot(f, sx, sy, r, .65 + .35 * math.sin(t * .4 + p))
            put(t, f)
    else:
        f = _ramp((60, 40, 110), (250, 140, 70), y * 1.25)
        f = _over(f, (.13 - np.hypot(x - rng.uniform(.25, .75), y - .66)) * SIZE / 3, np.array([1., .88, .5]))
        put(0, _over(f, (y - .74) * SIZE / 2, _ramp((90, 50, 80), (35, 25, 55), (y - .74) * 4)))
        out[1:] = out[0]
    return out


def _dot(frame, cx, cy, radius, light):
    """A soft white disc, drawn only where it is."""
    k = int(radius * SIZE) + 2
    px, py = int(cx * SIZE), int(cy * SIZE)
    y0, y1, x0, x1 = max(0, py - k), min(SIZE, py + k + 1), max(0, px - k), min(SIZE, px + k + 1)
    if y0 >= y1 or x0 >= x1:
        return
    gy, gx = np.mgrid[y0:y1, x0:x1].astype(np.float32) / SIZE
    m = np.clip((radius - np.hypot(gx - cx, gy - cy)) * SIZE * .7, 0, 1)[..., None] * light
    frame[y0:y1, x0:x1] += m * (1 - frame[y0:y1, x0:x1])


class Scenes:
    """A pool of drawn backdrops, slowly renewed: drawing one costs more than a whole clip."""

    def __init__(self, frames, variants, rng):
        self.frames = frames
        self.pool = {s: [draw_scene(s, frames, rng) for _ in range(variants)] for s in SCENES}

    def renew(self, rng):
        s = rng.choice(list(SCENES))
        self.pool[s][rng.randrange(len(self.pool[s]))] = draw_scene(s, self.frames, rng)

    def get(self, back, frames, rng):
        if back in COLORS:
            c = np.clip([v + rng.uniform(-5, 5) for v in COLORS[back]], 0, 255).astype(np.uint8)
            return np.broadcast_to(c, (frames, SIZE, SIZE, 3)).copy()
        v = rng.choice(self.pool[back])
        start = rng.randint(0, self.frames - frames)
        v = v[start:start + frames]
        return (v[:, :, ::-1] if rng.random() < .5 else v).copy()


_sprites = {}


def sprite(obj):
    """Premultiplied drawing in several sizes, [(size, image)] from small to large."""
    if obj not in _sprites:
        im = Image.open(os.path.join(ASSETS, OBJECTS[obj][0] + '.webp')).convert('RGBA')
        im = im.crop(im.getchannel('A').point(lambda v: 255 if v > 8 else 0).getbbox())
        side = max(im.size)
        square = Image.new('RGBA', (side, side))
        square.paste(im, ((side - im.width) // 2, (side - im.height) // 2))
        _sprites[obj] = [(n, square.convert('RGBa').resize((n, n), Image.BOX if n < side else Image.BICUBIC)) for n in (24, 36, 52, 72, 100, 136)]
    return _sprites[obj]


def track(motion, frames, rng):
    """Centre x, y (0..1), size (0..1 of the frame) and angle of the object for every frame."""
    t = np.arange(frames, dtype=np.float32)
    size = rng.uniform(.36, .52)
    X, Y = np.full(frames, rng.uniform(.38, .62), np.float32), np.full(frames, rng.uniform(.38, .62), np.float32)
    Z, R = np.full(frames, size, np.float32), np.zeros(frames, np.float32)
    speed, span = rng.uniform(.016, .024), 1 + size
    if motion in ('right', 'left', 'down', 'up'):  # leaves on one side, comes back on the other
        p = (rng.uniform(.15, .5) + size / 2 + speed * t) % span - size / 2
        if motion in ('right', 'left'):
            X = p if motion == 'right' else 1 - p
        else:
            Y = p if motion == 'down' else 1 - p
    elif motion == 'bounce':
        Y = .70 - .38 * np.abs(np.sin(rng.random() * math.pi + t * speed * 6))
    elif motion == 'spin':
        R = rng.uniform(-.6, .6) + t * speed * 8
    elif motion in ('grow', 'shrink'):  # slowly to the end, then quickly back, and again
        phase = (rng.uniform(0, .2) + t / rng.uniform(64, 90)) % 1
        k = np.where(phase < .88, phase / .88, .5 + .5 * np.cos((phase - .88) / .12 * math.pi))
        Z = .26 + .56 * (k if motion == 'grow' else 1 - k)
        X[:], Y[:] = rng.uniform(.46, .54), rng.uniform(.46, .54)
    elif motion == 'swing':
        a = rng.random() * 2 * math.pi + t * speed * 8
        X, R = X + .17 * np.sin(a), -.35 * np.sin(a)
    elif motion == 'circle':
        a = rng.random() * 2 * math.pi + t * speed * 7
        X, Y = .5 + .22 * np.cos(a), .5 + .22 * np.sin(a)
    return X.astype(np.float32), Y.astype(np.float32), Z.astype(np.float32), R.astype(np.float32)


def paste(video, mask, obj, X, Y, Z, R):
    """Composites the object into uint8 video [T,S,S,3] in place; mask [T,S,S] gets its alpha."""
    levels = sprite(obj)
    S = SIZE
    for t in range(video.shape[0]):
        want = Z[t] * S
        n, im = next((l for l in levels if l[0] >= want * .95), levels[-1])
        r = Z[t] * S * (.5 + .21 * abs(math.sin(2 * R[t]))) + 1.5
        cx, cy = X[t] * S, Y[t] * S
        x0, x1, y0, y1 = max(0, int(cx - r)), min(S, int(cx + r) + 1), max(0, int(cy - r)), min(S, int(cy + r) + 1)
        if x0 >= x1 or y0 >= y1:
            continue
        k = n / want
        c, s = math.cos(R[t]) * k, math.sin(R[t]) * k
        q = np.asarray(im.transform((x1 - x0, y1 - y0), Image.AFFINE,
                                    (c, s, c * (x0 - cx) + s * (y0 - cy) + n / 2, -s, c, -s * (x0 - cx) + c * (y0 - cy) + n / 2), Image.BILINEAR))
        under = video[t, y0:y1, x0:x1].astype(np.uint16) * (255 - q[..., 3:].astype(np.uint16)) // 255 + q[..., :3]
        video[t, y0:y1, x0:x1] = np.minimum(under, 255)
        mask[t, y0:y1, x0:x1] = q[..., 3]


def pick(rng):
    while True:
        spec = rng.choice(list(OBJECTS)), rng.choice(list(MOTIONS)), (rng.choice(list(SCENES)) if rng.random() < .55 else rng.choice(list(COLORS)))
        if not held_out(*spec[:2]):
            return spec


def clip(rng, scenes, frames, spec=None):
    """(uint8 video [T,S,S,3], uint8 mask [T,S,S], caption, spec)"""
    spec = spec or pick(rng)
    video = scenes.get(spec[2], frames, rng)
    mask = np.zeros(video.shape[:3], np.uint8)
    paste(video, mask, spec[0], *track(spec[1], frames, rng))
    return video, mask, caption(*spec, rng), spec


if __name__ == '__main__':  # a contact sheet to look at
    import sys
    import time
    rng = random.Random(0)
    t0 = time.time()
    scenes = Scenes(97, 1, rng)
    print('scenes', time.time() - t0, 's', 'held out:', [(o, m) for o in OBJECTS for m in MOTIONS if held_out(o, m)])
    t0, rows = time.time(), []
    for i in range(14):
        v, m, text, _ = clip(rng, scenes, 97)
        rows.append(np.concatenate(list(v[::9]), 1))
        print(text)
    print((time.time() - t0) / 14, 's per clip', len(words()), 'words')
    Image.fromarray(np.concatenate(rows, 0)).save(sys.argv[1] if len(sys.argv) > 1 else 'world.png')
