"""The small world the starter model knows: a named object moves in a named way over a named backdrop.

`clip()` draws one captioned clip. Everything that a caption can say, and nothing else, is in the tables below.
"""
import io
import math
import os
import random
import subprocess
import zlib

import numpy as np
from PIL import Image

ASSETS = os.path.join(os.environ.get('KINOLOOM_TRAIN', 'work'), 'package', 'assets')
ANIMATED = os.path.join(os.environ.get('KINOLOOM_TRAIN', 'work'), 'animated', 'package', 'assets')
SIZE = 128  # pixels

# name: (code point of the drawing, colour words, other names); a name that ends in .svg is a drawing of openclipart
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
    # animals
    'monkey': ('1f435', 'brown', ()), 'dog': ('1f436', '', ('puppy',)), 'fox': ('1f98a', 'orange', ()), 'lion': ('1f981', '', ()),
    'tiger': ('1f42f', '', ()), 'horse': ('1f434', 'brown', ()), 'unicorn': ('1f984', '', ()), 'cow': ('1f42e', '', ()), 'pig': ('1f437', 'pink', ()),
    'mouse': ('1f42d', '', ()), 'rabbit': ('1f430', 'white', ('bunny',)), 'bear': ('1f43b', 'brown', ()), 'koala': ('1f428', '', ()),
    'elephant': ('1f418', '', ()), 'giraffe': ('1f992', '', ()), 'zebra': ('1f993', '', ()), 'hedgehog': ('1f994', '', ()), 'bat': ('1f987', '', ()),
    'chick': ('1f424', 'yellow', ()), 'bird': ('1f426', 'red', ()), 'owl': ('1f989', 'brown', ()), 'swan': ('1f9a2', 'white', ()), 'flamingo': ('1f9a9', 'pink', ()),
    'parrot': ('1f99c', '', ()), 'rooster': ('1f413', '', ()), 'dolphin': ('1f42c', '', ()), 'whale': ('1f433', 'blue', ()), 'shark': ('1f988', '', ()),
    'crab': ('1f980', 'red', ()), 'lobster': ('1f99e', 'red', ()), 'jellyfish': ('1fabc', '', ()), 'snail': ('1f40c', '', ()), 'turtle': ('1f422', 'green', ()),
    'crocodile': ('1f40a', 'green', ()), 'snake': ('1f40d', 'green', ()), 'dragon': ('1f432', 'green', ()), 'dinosaur': ('1f995', '', ()),
    'caterpillar': ('1f41b', 'green', ()), 'spider': ('1f577-fe0f', 'black', ()),
    # plants and food
    'rose': ('1f339', 'red', ()), 'tulip': ('1f337', 'pink', ()), 'cactus': ('1f335', 'green', ()), 'palm': ('1f334', '', ('palm tree',)),
    'pine': ('1f332', 'green', ('pine tree',)), 'clover': ('1f340', 'green', ()), 'maple leaf': ('1f341', '', ()), 'shell': ('1f41a', '', ('seashell',)),
    'grapes': ('1f347', 'purple', ()), 'watermelon': ('1f349', '', ()), 'lemon': ('1f34b', 'yellow', ()), 'pineapple': ('1f34d', '', ()), 'pear': ('1f350', 'green', ()),
    'peach': ('1f351', '', ()), 'cherries': ('1f352', 'red', ()), 'kiwi': ('1f95d', 'green', ()), 'tomato': ('1f345', 'red', ()), 'avocado': ('1f951', 'green', ()),
    'eggplant': ('1f346', 'purple', ('aubergine',)), 'carrot': ('1f955', 'orange', ()), 'corn': ('1f33d', 'yellow', ()), 'broccoli': ('1f966', 'green', ()),
    'coconut': ('1f965', '', ()), 'croissant': ('1f950', '', ()), 'pretzel': ('1f968', '', ()), 'cheese': ('1f9c0', 'yellow', ()), 'hamburger': ('1f354', '', ('burger',)),
    'fries': ('1f35f', '', ('french fries',)), 'taco': ('1f32e', '', ()), 'egg': ('1f95a', 'brown', ()), 'cupcake': ('1f9c1', '', ()), 'cake': ('1f382', '', ('birthday cake',)),
    'cookie': ('1f36a', 'brown', ()), 'lollipop': ('1f36d', '', ()), 'candy': ('1f36c', '', ()), 'ice cream': ('1f366', '', ()), 'popcorn': ('1f37f', '', ()),
    'teapot': ('1fad6', 'red', ()), 'coffee': ('2615', '', ('cup of coffee',)),
    # journeys and the sky
    'car': ('1f697', 'red', ()), 'truck': ('1f69a', '', ()), 'tractor': ('1f69c', '', ()), 'locomotive': ('1f682', '', ('steam engine',)), 'train': ('1f686', '', ()),
    'scooter': ('1f6f5', '', ()), 'airplane': ('2708-fe0f', '', ('plane',)), 'helicopter': ('1f681', '', ()), 'ufo': ('1f6f8', '', ('flying saucer',)),
    'ship': ('1f6a2', '', ()), 'anchor': ('2693', '', ()), 'parachute': ('1fa82', '', ()), 'house': ('1f3e0', '', ()), 'castle': ('1f3f0', '', ()), 'tent': ('26fa', '', ()),
    'volcano': ('1f30b', '', ()), 'sun': ('1f31e', 'yellow', ()), 'cloud': ('2601-fe0f', 'white', ()), 'rainbow': ('1f308', '', ()), 'snowflake': ('2744-fe0f', 'blue', ()),
    'planet': ('1fa90', '', ('saturn',)), 'earth': ('1f30d', '', ('globe',)), 'fire': ('1f525', '', ('flame',)), 'raindrop': ('1f4a7', 'blue', ()), 'lightning': ('26a1', 'yellow', ()),
    # things
    'gift': ('1f381', '', ('present',)), 'trophy': ('1f3c6', 'gold', ()), 'medal': ('1f3c5', '', ()), 'baseball': ('26be', '', ()), 'volleyball': ('1f3d0', '', ()),
    'kite': ('1fa81', '', ()), 'dice': ('1f3b2', '', ()), 'teddy': ('1f9f8', '', ('teddy bear',)), 'puzzle': ('1f9e9', 'green', ()), 'palette': ('1f3a8', '', ()), 'yarn': ('1f9f6', '', ()),
    'sunglasses': ('1f576-fe0f', 'black', ()), 'hat': ('1f3a9', 'black', ('top hat',)), 'shirt': ('1f455', 'blue', ()), 'dress': ('1f457', '', ()), 'backpack': ('1f392', '', ()),
    'sneaker': ('1f45f', '', ('running shoe',)), 'ring': ('1f48d', '', ()), 'diamond': ('1f48e', 'blue', ('gem',)), 'bell': ('1f514', 'gold', ()), 'drum': ('1f941', '', ()),
    'guitar': ('1f3b8', '', ()), 'violin': ('1f3bb', '', ()), 'trumpet': ('1f3ba', '', ()), 'telephone': ('260e-fe0f', 'red', ()), 'laptop': ('1f4bb', '', ()),
    'television': ('1f4fa', '', ('tv',)), 'camera': ('1f4f7', '', ()), 'clock': ('23f0', '', ('alarm clock',)), 'hourglass': ('23f3', '', ()), 'candle': ('1f56f-fe0f', '', ()),
    'bulb': ('1f4a1', '', ('light bulb',)), 'book': ('1f4d5', 'red', ()), 'envelope': ('2709-fe0f', '', ('letter',)), 'pencil': ('270f-fe0f', 'yellow', ()), 'scissors': ('2702-fe0f', '', ()),
    'key': ('1f511', 'gold', ()), 'hammer': ('1f528', '', ()), 'bomb': ('1f4a3', 'black', ()), 'shield': ('1f6e1-fe0f', '', ()), 'magnet': ('1f9f2', 'red', ()), 'gear': ('2699-fe0f', '', ()),
    'bucket': ('1faa3', '', ()), 'chair': ('1fa91', '', ()), 'robot': ('1f916', '', ()), 'skull': ('1f480', 'white', ()), 'coin': ('1fa99', 'gold', ()),
    # a second style: drawings
    'lighthouse': ('buildings/lighthouse_matthew_gates_.svg', '', ()), 'lantern': ('tools/hurricane_lamp_ganson.svg', 'red', ()), 'puffin': ('animals/birds/puffin-md.svg', '', ()),
    'beachball': ('recreation/toys/beach_ball_01.svg', '', ('beach ball',)), 'wagon': ('recreation/toys/wagon_01.svg', 'red', ()),
    'anvil': ('tools/blacksmith_anvil_ganson.svg', '', ()), 'padlock': ('tools/lock.svg', 'yellow', ()), 'alien': ('people/alien_peterm_01.svg', 'green', ()),
    'barrel': ('buildings/furniture/wooden_barrel_petri_lumm_01.svg', '', ()), 'cube': ('recreation/toys/rubik_s_cube_simple_petr_01.svg', '', ()),
}
# what some objects do by themselves, from the animated set: verbs
ACTIONS = {'penguin': ('dances', 'is dancing'), 'octopus': ('dances', 'is dancing'), 'panda': ('looks around', 'is looking around'), 'cat': ('blinks', 'is blinking'),
           'dolphin': ('somersaults', 'jumps'), 'rabbit': ('nods', 'is nodding'), 'whale': ('spouts', 'spouts water'), 'pumpkin': ('laughs', 'is laughing'),
           'fish': ('swims', 'is swimming'), 'turtle': ('hides', 'is hiding')}
MOTIONS = {  # canonical phrase first
    'right': ('moves left to right', 'moves from left to right', 'flies from left to right', 'goes to the right', 'is moving to the right', 'flies to the right', 'moves right', 'is flying to the right'),
    'left': ('moves right to left', 'moves from right to left', 'flies from right to left', 'goes to the left', 'is moving to the left', 'flies to the left', 'moves left', 'is flying to the left'),
    'up': ('rises up', 'flies up', 'is flying up', 'goes up', 'rises', 'moves up', 'floats up', 'is rising', 'rising'),
    'down': ('falls down', 'is falling down', 'drops down', 'goes down', 'falls', 'moves down', 'is falling', 'falling'),
    'bounce': ('bounces up and down', 'is bouncing', 'jumps up and down', 'bounces', 'is jumping', 'bouncing'),
    'spin': ('spins around', 'is spinning', 'rotates', 'turns around', 'spins', 'is rotating', 'spinning'),
    'grow': ('grows bigger', 'is growing', 'gets bigger', 'grows', 'becomes larger', 'grows larger', 'becomes bigger'),
    'shrink': ('shrinks', 'gets smaller', 'is shrinking', 'becomes smaller'),
    'swing': ('swings from side to side', 'swings', 'is swinging', 'swings left and right', 'sways from side to side'),
    'circle': ('flies in a circle', 'moves in a circle', 'is circling', 'goes around in a circle', 'flies in circles', 'flying in a circle'),
    'pulse': ('pulses', 'beats', 'is pulsing', 'throbs', 'is beating'),
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
SIZES = {'big': ('big', 'large', 'huge'), 'small': ('small', 'little', 'tiny')}
SPEEDS = {'slow': ('slowly',), 'fast': ('quickly', 'fast')}
TOGETHER = ('still', 'bounce', 'spin', 'swing', 'pulse', 'up', 'down')  # motions for two objects side by side


def held_out(obj, motion):
    """Pairs never shown in training, to measure whether the model combines what it knows."""
    return zlib.crc32(f'{obj}|{motion}'.encode()) % 16 == 0


def backdrop_phrase(back, rng=None):
    forms = SCENES.get(back) or tuple(p.format(back) for p in PLAIN)
    return forms[0] if rng is None or rng.random() < .4 else rng.choice(forms)


def article(noun):
    return noun if noun in ('grapes', 'cherries', 'fries', 'sunglasses', 'scissors') else ('an ' if noun[0] in 'aeiou' else 'a ') + noun


def plural(verb):
    first, _, rest = verb.partition(' ')
    first = {'is': 'are', 'does': 'do', 'flies': 'fly'}.get(first) or first[:-1] if first.endswith('s') else first
    return f'{first} {rest}'.strip()


def caption(obj, motion, back, rng=None, size='', speed='', other=''):
    """Without rng the canonical sentence, with rng one of its many natural variants. A second object stands on the right."""
    _, colour, others = OBJECTS[obj]
    forms = ACTIONS[obj] if motion == 'act' else MOTIONS[motion]
    many = len(forms) - (motion == 'still' and bool(other))
    noun, how = obj, ''
    if rng is None:
        verb, where = forms[0], backdrop_phrase(back)
        noun, how = f'{SIZES[size][0]} {noun}' if size else noun, SPEEDS[speed][0] if speed else ''
        subject = article(noun)
    else:
        if others and rng.random() < .25:
            noun = rng.choice(others)
        if colour and not noun.startswith((colour, 'gold', 'yellow')) and rng.random() < .3:
            noun = f'{colour} {noun}'
        if size:
            noun = f'{rng.choice(SIZES[size])} {noun}'
        if OBJECTS[obj][0].endswith('svg') and rng.random() < .3:
            noun = f'drawing of {article(noun)}'
        if speed:
            how = rng.choice(SPEEDS[speed])
        r = rng.random()
        subject = article(noun) if r < .7 or other else 'the ' + noun if r < .9 else noun
        verb = forms[0] if rng.random() < .4 else rng.choice(forms[:many])
        where = backdrop_phrase(back, rng)
    if other:
        subject, verb = f'{subject} and {article(other)}', plural(verb)
        if rng is None or rng.random() < .5:
            where += ', left and right' if rng is None or rng.random() < .5 else ', side by side'
    if rng is not None and not other and rng.random() < .08:
        text = f'{where}, {subject} {verb} {how}'
    else:
        text = f'{subject} {verb} {how} {where}'
    return ' '.join(text.split()) + ('.' if rng is not None and rng.random() < .08 else '')


def words():
    """Every word a caption may use."""
    out = {'a', 'an', 'the', 'gold', 'golden', 'of', 'with', 'and', 'background', 'drawing', 'side', 'by', 'left', 'right', 'are', 'do', 'fly'}
    for obj, (_, colour, others) in OBJECTS.items():
        for name in (obj, colour, *others):
            out.update(name.split())
    for forms in (*MOTIONS.values(), *SCENES.values(), *ACTIONS.values(), *SIZES.values(), *SPEEDS.values()):
        for form in forms:
            out.update(form.split())
    for motion in TOGETHER:
        for form in MOTIONS[motion]:
            out.update(plural(form).split())
    for colour in COLORS:
        for form in PLAIN:
            out.update(form.format(colour).split())
    return sorted(out)


def distinctive(obj):
    """The words that carry an object's looks: its name if that is one word, and of its names the words that no other object shares."""
    shared = {w for o, (_, colour, others) in OBJECTS.items() if o != obj for name in (o, colour, *others) for w in name.split()}
    _, colour, others = OBJECTS[obj]
    dull = {'of', 'cup', 'slice', 'space', 'running', 'sailing', 'flying', 'gold', 'golden', 'light', 'top', 'alarm', 'birthday', 'halloween', 'engine', *colour.split()}
    own = {w for name in (obj, *others) for w in name.split()} - shared - dull
    return sorted(own | ({obj} if ' ' not in obj else set()))


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
CLIPART = os.environ.get('OPENCLIPART', '/usr/share/openclipart/svg')
LEVELS = 24, 36, 52, 72, 100, 136


def square(im):
    """The drawing without its empty border, in the middle of a square; premultiplied."""
    im = im.crop(im.getchannel('A').point(lambda v: 255 if v > 8 else 0).getbbox())
    side = max(im.size)
    out = Image.new('RGBA', (side, side))
    out.paste(im, ((side - im.width) // 2, (side - im.height) // 2))
    return out.convert('RGBa')


def drawing(name):
    """A still drawing by its name in OBJECTS."""
    if not name.endswith('.svg'):
        return square(Image.open(os.path.join(ASSETS, name + '.webp')).convert('RGBA'))
    png = subprocess.run(['rsvg-convert', '-w', '256', '-h', '256', '-a', os.path.join(CLIPART, name)], check=True, capture_output=True).stdout
    return square(Image.open(io.BytesIO(png)).convert('RGBA'))


def levels(im):
    return [(n, im.resize((n, n), Image.BOX if n < im.width else Image.BICUBIC)) for n in LEVELS]


def sprite(obj):
    """Premultiplied drawing in several sizes, [(size, image)] from small to large."""
    if obj not in _sprites:
        _sprites[obj] = levels(drawing(OBJECTS[obj][0]))
    return _sprites[obj]


def acting(obj):
    """Like sprite(), for every frame (16 a second) of the animated drawing; the first frame's place is kept."""
    key = obj, 'act'
    if key not in _sprites:
        im = Image.open(os.path.join(ANIMATED, OBJECTS[obj][0] + '.webp'))
        frames = []
        for i in range(0, im.n_frames * 2 // 3):
            im.seek(i * 3 // 2)
            frames.append(im.convert('RGBA').resize((136, 136), Image.BOX))
        box = frames[0].getchannel('A').point(lambda v: 255 if v > 8 else 0).getbbox()
        for f in frames[1:]:
            b = f.getchannel('A').point(lambda v: 255 if v > 8 else 0).getbbox()
            box = min(box[0], b[0]), min(box[1], b[1]), max(box[2], b[2]), max(box[3], b[3])
        side = max(box[2] - box[0], box[3] - box[1])
        out = []
        for f in frames:
            q = Image.new('RGBA', (side, side))
            q.paste(f.crop(box), ((side - box[2] + box[0]) // 2, (side - box[3] + box[1]) // 2))
            out.append([(n, q.convert('RGBa').resize((n, n), Image.BOX if n < side else Image.BICUBIC)) for n in LEVELS])
        _sprites[key] = out
    return _sprites[key]


def track(motion, frames, rng, size='', speed='', place=None):
    """Centre x, y (0..1), size (0..1 of the frame) and angle of the object for every frame; place: of two objects, the left (0) or the right (1).

    Everything happens around the middle, at one size and one speed unless words say otherwise: what varies is where in its motion a clip begins.
    A small model that had to learn every place, size and speed of every object would need many times the clips."""
    t = np.arange(frames, dtype=np.float32) * {'': 1, 'slow': .45, 'fast': 1.9}[speed]
    z = {'': .5, 'big': .7, 'small': .3}[size] if place is None else .4
    X, Y = np.full(frames, .5, np.float32), np.full(frames, .5, np.float32)
    Z, R = np.full(frames, z, np.float32), np.zeros(frames, np.float32)
    speed, span, turn = .02, 1 + z, rng.random() * 2 * math.pi
    if motion in ('right', 'left', 'down', 'up'):  # leaves on one side, comes back on the other
        p = (rng.uniform(.15, .5) + z / 2 + speed * t) % span - z / 2
        if motion in ('right', 'left'):
            X = p if motion == 'right' else 1 - p
        else:
            Y = p if motion == 'down' else 1 - p
    elif motion == 'bounce':
        Y = .70 - .38 * np.abs(np.sin(turn / 2 + t * speed * 6))
    elif motion == 'spin':
        R = rng.uniform(-.6, .6) + t * speed * 8
    elif motion in ('grow', 'shrink'):  # slowly to the end, then quickly back, and again
        phase = (rng.uniform(0, .2) + t / 76) % 1
        k = np.where(phase < .88, phase / .88, .5 + .5 * np.cos((phase - .88) / .12 * math.pi))
        Z = .26 + .56 * (k if motion == 'grow' else 1 - k)
    elif motion == 'pulse':
        Z = z * (.9 + .22 * np.sin(turn + t * speed * 20))
    elif motion == 'swing':
        a = turn + t * speed * 8
        X, R = X + .17 * np.sin(a), -.35 * np.sin(a)
    elif motion == 'circle':
        a = turn + t * speed * 7
        X, Y = .5 + .22 * np.cos(a), .5 + .22 * np.sin(a)
    if place is not None:  # each in its own half
        X = (X - .5) * .3 + (.26, .74)[place]
    return X.astype(np.float32), Y.astype(np.float32), Z.astype(np.float32), R.astype(np.float32)


def paste(video, mask, obj, X, Y, Z, R, act=None):
    """Composites the object into uint8 video [T,S,S,3] in place; mask [T,S,S] gets its alpha. act: first frame of the animated drawing."""
    still, moving = (sprite(obj), None) if act is None else (None, acting(obj))
    S = SIZE
    for t in range(video.shape[0]):
        lv = still or moving[(act + t) % len(moving)]
        want = Z[t] * S
        n, im = next((l for l in lv if l[0] >= want * .95), lv[-1])
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
        np.maximum(mask[t, y0:y1, x0:x1], q[..., 3], out=mask[t, y0:y1, x0:x1])


def pick(rng):
    """(object, motion, backdrop, more): more may name a size, a speed, a second object."""
    while True:
        obj, motion = rng.choice(list(OBJECTS)), rng.choice(list(MOTIONS))
        back = rng.choice(list(SCENES)) if rng.random() < .55 else rng.choice(list(COLORS))
        if held_out(obj, motion):
            continue
        r, more = rng.random(), {}
        if r < .07:
            motion = rng.choice(TOGETHER)
            more['other'] = rng.choice([o for o in OBJECTS if o != obj])
        elif r < .10:
            obj, motion = rng.choice(list(ACTIONS)), 'act'
        elif r < .16 and motion not in ('grow', 'shrink'):
            more['size'] = rng.choice(list(SIZES))
        elif r < .21 and motion not in ('still', 'grow', 'shrink'):
            more['speed'] = rng.choice(list(SPEEDS))
        return obj, motion, back, more


def compose(rng, scenes, frames, spec=None):
    """(uint8 video [T,S,S,3], uint8 mask [T,S,S], spec, track of the first object)"""
    obj, motion, back, *rest = spec or pick(rng)
    more = rest[0] if rest else {}
    video = scenes.get(back, frames, rng)
    mask = np.zeros(video.shape[:3], np.uint8)
    other = more.get('other')
    way = track('still' if motion == 'act' else motion, frames, rng, more.get('size', ''), more.get('speed', ''), 0 if other else None)
    paste(video, mask, obj, *way, act=rng.randrange(48) if motion == 'act' else None)
    if other:  # moves alike, in the other half
        paste(video, mask, other, way[0] + np.float32(.48), *way[1:])
    return video, mask, (obj, motion, back, more), way


def clip(rng, scenes, frames, spec=None):
    """(uint8 video [T,S,S,3], uint8 mask [T,S,S], caption, spec)"""
    video, mask, spec, _ = compose(rng, scenes, frames, spec)
    return video, mask, caption(*spec[:3], rng, **spec[3]), spec


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
