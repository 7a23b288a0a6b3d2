#!/usr/bin/env python3
"""Forty infographics are drawn and read back by tesseract: the words must be there, spelt right.

Briefs are put together from texts.json, always the same ones; a quarter has 20 or more texts. Spelling precision:
of the words that tesseract reads, the share that stands in the brief (each as often as it does there); recall: of the
brief's words, the share that is read. Words of one letter are passed over: icons and bullets look like them.
Exit status 77: tesseract is not installed. `-v` prints each."""
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
TEXTS = json.loads((HERE / 'texts.json').read_text())
KINOLOOM = os.environ.get('KINOLOOM', 'kinoloom')
BRIEFS, DENSE = 40, 10
PALETTES = ['paper', 'ocean', 'forest', 'sunset', 'berry', 'mono', 'ink', 'midnight']
SHAPES = ['760x900', '900x760', '820x820', '700x980']


def brief(i):
    """Brief number i; its words."""
    r, dense = random.Random(1000 + i), i % (BRIEFS // DENSE) == 0
    words, layers = [], 2
    out = {'kinoloom_brief': 1, 'language': 'en', 'palette': PALETTES[i % len(PALETTES)], 'title': TEXTS['titles'][i % len(TEXTS['titles'])],
           'subtitle': r.choice(TEXTS['subtitles']), 'sections': []}
    words += [out['title'], out['subtitle']]
    bodies, headings = r.sample(TEXTS['bodies'], 15), r.sample(TEXTS['headings'], 12)
    for k in range(9 if dense else r.randint(1, 3)):
        section = [{'heading': headings[k]}, {'body': bodies[k]}]
        words += [headings[k], bodies[k]]
        extra = r.choice(['none', 'none', 'number', 'icon'] if dense else ['number', 'list', 'chart', 'quote', 'icon'])
        if extra == 'number':
            value, label = r.choice(TEXTS['numbers'])
            section.append({'number': {'value': value, 'label': label}})
            words += [value, label]
            layers += 1
        elif extra == 'list':
            section.append({'list': r.choice(TEXTS['lists'])})
            words += section[-1]['list']
            layers += 1
        elif extra == 'chart':
            section.append({'chart': r.choice(TEXTS['charts'])})
            chart = section[-1]['chart']
            words += [chart['title'], *chart['labels']]
            layers += 1
        elif extra == 'quote':
            text, who = r.choice(TEXTS['quotes'])
            section.append({'quote': {'text': text, 'by': who}})
            words += [text, who]
            layers += 1
        elif extra == 'icon':
            section.append({'icon': {'name': r.choice(TEXTS['icons'])}})
        layers += 2
        out['sections'].append({'content': section})
    out['canvas'] = '1100x1400' if dense else r.choice(SHAPES)
    assert not dense or layers >= 20
    return out, words, layers


def tokens(text):
    return [w for w in re.findall(r"[a-z0-9]+", text.lower().replace('’', '')) if len(w) > 1 and not w.isdigit()]


def check(i, folder):
    out, words, layers = brief(i)
    source, picture = folder / f'{i}.json', folder / f'{i}.png'
    source.write_text(json.dumps(out))
    run = subprocess.run([KINOLOOM, 'render', 'infographic', source, '-o', picture, '-q', '--scale', '1.5'],
                         capture_output=True, text=True)
    if run.returncode:
        return i, layers, 0, 0, 0, 1, [run.stderr.strip()]
    read = subprocess.run(['tesseract', picture, '-', '--psm', '11', '--dpi', '150'], capture_output=True, text=True,
                          env={**os.environ, 'OMP_THREAD_LIMIT': '1'}, check=True).stdout
    seen, there = collections.Counter(tokens(read)), collections.Counter(tokens(' '.join(words)))
    right = sum((seen & there).values())
    return i, layers, right, sum(seen.values()), right, sum(there.values()), [*(seen - there), '|', *(there - seen)]


def main():
    if not shutil.which('tesseract'):
        print('tesseract is not installed: skipped')
        return 77
    with tempfile.TemporaryDirectory(prefix='kinoloom-ocr-') as tmp, concurrent.futures.ThreadPoolExecutor(2) as pool:
        folder = pathlib.Path(os.environ.get('KL_OCR_KEEP', tmp))
        rows = list(pool.map(lambda i: check(i, folder), range(BRIEFS)))
    for row in rows if '-v' in sys.argv else [r for r in rows if r[2] < r[3] or r[4] < r[5]]:
        print(f'brief {row[0]:2}: {row[1]:2} texts, {row[2]} of {row[3]} words right, {row[4]} of {row[5]} found', *row[6])
    right, seen, found, there = (sum(r[k] for r in rows) for k in range(2, 6))
    dense = [r for r in rows if r[1] >= 20]
    precision, recall = right / max(seen, 1), found / there
    dense_precision = sum(r[2] for r in dense) / max(sum(r[3] for r in dense), 1)
    print(f'{len(rows)} briefs, {len(dense)} with 20 texts or more: spelling precision {precision:.2%} '
          f'({dense_precision:.2%} in the dense ones), recall {recall:.2%}')
    return 0 if precision >= 0.99 and recall >= 0.97 and len(dense) * 4 >= len(rows) else 1


sys.exit(main())
