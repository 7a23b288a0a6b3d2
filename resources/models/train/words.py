"""What the model knows, in groups: every entry is a phrase, or a list of one and others that mean the same.

    python3 words.py > words.json
"""
import json

import world


def words():
    def entries(forms):
        return [f[0] if len(f) == 1 else list(f) for f in forms]

    spoken = lambda forms: [f for f in dict.fromkeys(forms) if f]
    return {
        'objects': entries((o, *others) for o, (_, _, others) in world.OBJECTS.items()),
        'motions': entries(spoken(forms) for forms in world.MOTIONS.values()),
        'actions': entries([f'{o} {v}' for v in verbs] for o, verbs in world.ACTIONS.items()),
        'backdrops': entries(world.SCENES.values()) + entries([p.format(c) for p in world.PLAIN] for c in world.COLORS),
        'sizes': entries(world.SIZES.values()),
        'speeds': entries(world.SPEEDS.values()),
        'colours': sorted({c for _, c, _ in world.OBJECTS.values() if c} | set(world.COLORS)),
    }


def text():
    """As a file: a line an entry."""
    groups = (f'  {json.dumps(k)}: [\n' + ',\n'.join('    ' + json.dumps(e, ensure_ascii=False) for e in v) + '\n  ]' for k, v in words().items())
    return '{\n' + ',\n'.join(groups) + '\n}\n'


if __name__ == '__main__':
    print(text(), end='')
