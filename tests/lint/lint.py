#!/usr/bin/env python3
"""House rules that a machine can check: who includes whom, file sizes, the top level, headers that stand alone.

Usage: lint.py SOURCE_ROOT [CC FLAG...]   (with a compiler: every header is compiled by itself)
Exit status 1 if a rule is broken; one line for each."""
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

# layer -> (folders of ours it may include, system headers it must not)
GUI = ['gtk/', 'adwaita', 'gdk/', 'gsk/']
LAYERS = {
    'engine/base': (['engine/base'], ['glib', 'sqlite3', 'libav', 'dnnl', 'oneapi', 'vulkan', 'jansson', 'png.h'] + GUI),
    'engine/cpu': (['engine'], ['glib', 'sqlite3', 'libav', 'vulkan', 'jansson', 'png.h'] + GUI),
    'engine/vulkan': (['engine'], ['glib', 'sqlite3', 'libav', 'dnnl', 'oneapi', 'jansson', 'png.h'] + GUI),
    'engine': (['engine'], ['glib', 'sqlite3', 'libav', 'dnnl', 'oneapi', 'vulkan/', 'png.h'] + GUI),
    'media': (['engine/base', 'media'], ['glib', 'sqlite3', 'dnnl', 'vulkan'] + GUI),
    'app/core': (['engine', 'media', 'app/core'], ['dnnl', 'vulkan/', 'libav'] + GUI),
    'app/cli': (['engine/base', 'app/core', 'app/cli'], ['sqlite3', 'dnnl', 'vulkan/', 'libav'] + GUI),
    'ui': (['engine/base', 'app/core', 'ui'], ['sqlite3', 'dnnl', 'vulkan/', 'libav']),
    'app/studio': (['engine/base', 'app/core', 'ui', 'app/studio'], ['sqlite3', 'dnnl', 'vulkan/', 'libav']),
}
# Only these may name a backend's folder; everything else goes through engine/graph/backend.h.
BACKEND_USERS = ('engine/cpu', 'engine/vulkan', 'engine/backends.c', 'engine/bench', 'tests')
TOP = {'meson.build', 'meson_options.txt', 'app', 'engine', 'media', 'ui', 'resources', 'tests', 'po', 'README.md',
       'LICENSE', 'setup', 'run', 'check'}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
MOST_LINES = 1000


def layer_of(path):
    return max((l for l in LAYERS if path.startswith(l + '/')), key=len, default=None)


def check_includes(path, text, bad):
    layer = layer_of(path)
    if not layer:
        return
    ours, never = LAYERS[layer]
    for kind, name in INCLUDE.findall(text):
        if kind == '"' and '/' in name and not any(name.startswith(o + '/') for o in ours):
            bad.append(f'{path}: {layer} must not include "{name}"')
        if kind == '"' and re.match(r'engine/(cpu|vulkan)/', name) and not path.startswith(BACKEND_USERS):
            bad.append(f'{path}: only a backend and engine/backends.c may include "{name}"')
        if kind == '<' and any(name.startswith(n) for n in never):
            bad.append(f'{path}: {layer} must not include <{name}>')


def stands_alone(root, cc, header):
    """A header that includes what it uses compiles as a file of its own."""
    run = subprocess.run([*cc, '-std=gnu17', '-fsyntax-only', '-x', 'c', f'-I{root}', str(header)],
                         capture_output=True, text=True)
    if run.returncode == 0:
        return None
    first = next((l for l in run.stderr.splitlines() if 'error' in l), 'error')
    return f'{header.relative_to(root)}: does not compile alone: {first}'


def main():
    root, cc = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    bad = []
    for entry in root.iterdir():
        if entry.name not in TOP and not entry.name.startswith(('.', 'build')) and entry.name != 'out':
            bad.append(f'{entry.name}: does not belong on the top level')
    files = [p for d in sorted(TOP) if (root / d).is_dir() for p in sorted((root / d).rglob('*'))
             if p.suffix in ('.c', '.h', '.comp', '.py') and p.is_file()]
    for p in files:
        path, text = str(p.relative_to(root)), p.read_text()
        lines = text.count('\n')
        if lines > MOST_LINES and '_tables.' not in p.name:
            bad.append(f'{path}: {lines} lines, more than {MOST_LINES}: it wants a second room')
        if text and not text.endswith('\n'):
            bad.append(f'{path}: no newline at the end')
        if p.suffix in ('.c', '.h'):
            check_includes(path, text, bad)
        if p.suffix == '.h' and '#pragma once' not in text:
            bad.append(f'{path}: no #pragma once')
    for d in ['engine', 'media', 'app', 'ui']:
        for folder in [f for f in (root / d).rglob('*') if f.is_dir() and any(f.glob('*.c'))] if (root / d).is_dir() else []:
            if layer_of(str(folder.relative_to(root)) + '/') and not any(
                    (up / 'README.md').exists() for up in [folder, *folder.parents][:3] if up != root):
                bad.append(f'{folder.relative_to(root)}: no README.md')
    headers = [p for p in files if p.suffix == '.h' and p.relative_to(root).parts[0] != 'tests'
               and 'x86' not in p.parts]
    if cc:
        with ThreadPoolExecutor(2) as pool:
            bad += [m for m in pool.map(lambda h: stands_alone(root, cc, h), headers) if m]
    print('\n'.join(bad) if bad else f'{len(files)} files, {len(headers)} headers: all rules kept')
    sys.exit(bool(bad))


main()
