#!/usr/bin/env python3
"""Writes the exemplars beside it: designs drawn by hand, as rules on a grid, one JSON file a canvas.

A family says where title, hero and sections stand; a cell says how a section is filled. Each exemplar carries its plan,
by which the engine makes the like of it for another brief, and its boxes, to which candidates are compared. Lengths are
pixels; `s` is the size of running text. Run by hand after a change: resources/layouts/make_layouts.py"""
import json
import pathlib

CANVASES = {'infographic': (896, 2240), 'slide': (1536, 864), 'square': (1080, 1080), 'story': (1080, 1920), 'a4': (1240, 1754)}


class Page:
    def __init__(self, kind):
        self.kind, (self.w, self.h) = kind, CANVASES[kind]
        side = min(self.w, self.h)
        self.m, self.s = round(0.062 * side), min(side, 0.66 * max(self.w, self.h)) / 33
        self.x, self.y, self.right, self.bottom = self.m, self.m, self.w - self.m, self.h - self.m
        self.boxes = []

    def put(self, kind, x, y, w, h):
        self.boxes.append([kind, round(x), round(y), round(w), round(h)])

    # ---- the top ----
    def head(self, x, w, y, lines=2, scale=3.2, subtitle=True):
        """Title and subtitle; returns where they end."""
        t = scale * self.s
        self.put('title', x, y, w, lines * 1.15 * t)
        y += lines * 1.15 * t
        if subtitle:
            self.put('subtitle', x, y + 0.7 * self.s, w, 1.7 * self.s)
            y += 2.4 * self.s
        return y

    # ---- a section in a cell ----
    def cell(self, what, x, y, w, h, pad=0.0):
        """what: names from top to bottom; heights by kind, visuals and running text share what is left."""
        x, y, w, h = x + pad * self.s, y + pad * self.s, w - 2 * pad * self.s, h - 2 * pad * self.s
        own = {'heading': 1.8, 'number': 4.9, 'icon': 2.8, 'quote': 4.2, 'subtitle': 1.7}
        share = {'picture': 1.6, 'chart': 2.0, 'body': 1.0, 'list': 1.4}
        gap = 0.7 * self.s
        left = h - gap * (len(what) - 1) - sum(own.get(k, 0) * self.s for k in what)
        total = sum(share.get(k, 0) for k in what)
        for k in what:
            tall = own[k] * self.s if k in own else max(left * share[k] / total, 1.4 * self.s)
            if k == 'body':
                tall = min(tall, 7 * self.s)
            if k == 'list':
                tall = min(tall, 9 * self.s)
            self.put(k, x, y, own['icon'] * self.s if k == 'icon' else w, tall)
            y += tall + gap

    def beside(self, what, x, y, w, h, share, flip):
        """The first of `what` on one side, the rest on the other, in the middle of its height."""
        gap = 1.8 * self.s
        v = (w - gap) * share
        if what[0] == 'icon':
            v = 3.2 * self.s
            gap = self.s
        side = min(h, v) if what[0] == 'icon' else min(h, 4.9 * self.s) if what[0] == 'number' else h
        words = sum({'heading': 1.8, 'body': 5.6, 'list': 6.5, 'number': 4.9}.get(k, 3) + 0.7 for k in what[1:]) * self.s
        words = min(words, h)
        vx, tx = (x + w - v, x) if flip else (x, x + v + gap)
        self.put(what[0], vx, y + (h - side) / 2, v, side)
        self.cell(what[1:], tx, y + (h - words) / 2, w - v - gap, words)

    # ---- many sections ----
    def rows(self, sections, x, y, w, bottom, inner='stack', share=0.42, flip=False, zigzag=False, cards=False):
        gap = (1.1 if cards else 2.4) * self.s
        pad = 1.4 if cards else 0.0
        h = (bottom - y - gap * (len(sections) - 1)) / len(sections)
        for i, what in enumerate(sections):
            if inner == 'beside' and what[0] in ('picture', 'chart', 'number', 'icon'):
                p = pad * self.s
                self.beside(what, x + p, y + p, w - 2 * p, h - 2 * p, share, flip ^ (zigzag and i % 2 == 1))
            else:
                self.cell(what, x, y, w, h, pad)
            y += h + gap

    def grid(self, sections, x, y, w, bottom, k, cards=True):
        n, gap = len(sections), (1.1 if cards else 2.0) * self.s
        rows = -(-n // k)
        h = (bottom - y - gap * (rows - 1)) / rows
        for r in range(rows):
            part = sections[r * n // rows:(r + 1) * n // rows]
            cw = (w - gap * (len(part) - 1)) / len(part)
            for i, what in enumerate(part):
                self.cell(what, x + i * (cw + gap), y + r * (h + gap), cw, h, 1.1 if cards else 0)


EXEMPLARS = {k: [] for k in CANVASES}


def plan(**given):
    base = {'body': 'rows', 'columns': 1, 'head': 'start', 'hero': 'none', 'inner': 'stack', 'cards': False, 'flip': False,
            'hero_share': 0.34, 'beside': 0.42, 'title': 3.2}
    assert set(given) <= set(base), given
    return {**base, **given}


def keep(page, name, p):
    EXEMPLARS[page.kind].append({'name': f'{page.kind}/{name}', 'plan': p, 'boxes': page.boxes})


# ---- families ----
def hero_top(kind, name, sections, share, k=0, cards=False, inner='stack', head='start', lines=2, beside=0.42, title=3.2, below=False,
             flip=False):
    p = Page(kind)
    if below:
        y = p.head(p.x, p.right - p.x, p.y, lines, title) + 2.2 * p.s
        p.put('picture', 0, y, p.w, share * p.h)
        y += share * p.h + 2.2 * p.s
    else:
        p.put('picture', 0, 0, p.w, share * p.h)
        y = p.head(p.x, p.right - p.x, share * p.h + 2.2 * p.s, lines, title) + 2.2 * p.s
    if k > 1:
        p.grid(sections, p.x, y, p.right - p.x, p.bottom, k, cards)
    elif sections:
        p.rows(sections, p.x, y, p.right - p.x, p.bottom, inner, beside, flip, cards=cards)
    keep(p, name, plan(body='cards' if k > 1 else 'rows', columns=max(k, 1), cards=cards, inner=inner, head=head, beside=beside, title=title,
                       hero='below' if below else 'top', hero_share=share, flip=flip))


def hero_side(kind, name, sections, share, right=False, inner='stack', title=3.2, lines=2, top=None, flip=False, cards=False):
    p = Page(kind)
    w, gap = share * p.w, 0.9 * p.m
    p.put('picture', p.w - w if right else 0, 0, w, p.h)
    x, tw = (p.x, p.w - w - gap - p.x) if right else (w + gap, p.right - w - gap)
    y = p.head(x, tw, top * p.h if top else p.y, lines, title) + 2.2 * p.s
    if sections:
        p.rows(sections, x, y, tw, p.bottom if not top else p.h * (1 - top), inner, cards=cards)
    keep(p, name, plan(hero='right' if right else 'left', hero_share=share, inner=inner, title=title, flip=flip, cards=cards))


def hero_full(kind, name, sections, share, upper=False, title=3.4, lines=2):
    p = Page(kind)
    p.put('picture', 0, 0, p.w, p.h)
    pad = 0.55 * p.m
    h = (p.bottom - p.y) * (1 - share)
    y0 = p.y if upper else p.bottom - h
    y = p.head(p.x + pad, p.right - p.x - 2 * pad, y0 + pad, lines, title)
    if sections:
        p.rows(sections, p.x + pad, y + 2 * p.s, p.right - p.x - 2 * pad, y0 + h - pad)
    keep(p, name, plan(hero='full', hero_share=share, title=title, flip=upper))


def plain(kind, name, sections, inner='stack', head='start', zigzag=False, cards=False, beside=0.42, title=3.2, lines=2, flip=False,
          lead=None, lead_h=0.2):
    p = Page(kind)
    y = p.head(p.x, p.right - p.x, p.y, lines, title) + (3.2 if head == 'band' else 2.2) * p.s
    if lead:
        y = lead_block(p, lead, y, lead_h) + 2.2 * p.s
    if sections:
        p.rows(sections, p.x, y, p.right - p.x, p.bottom, inner, beside, flip, zigzag, cards)
    keep(p, name, plan(body='zigzag' if zigzag else 'rows', inner=inner, head=head, cards=cards, beside=beside, title=title, flip=flip))


def lead_block(p, lead, y, share):
    if lead[0] == 'number':
        gap = 1.2 * p.s
        w = (p.right - p.x - gap * (len(lead) - 1)) / len(lead)
        for i in range(len(lead)):
            p.put('number', p.x + i * (w + gap), y, w, 5.2 * p.s)
        return y + 5.2 * p.s
    p.cell(lead, p.x, y, p.right - p.x, share * p.h)
    return y + share * p.h


def grid(kind, name, sections, k, head='start', cards=True, title=3.2, lines=2, lead=None, lead_h=0.2, columns=False):
    p = Page(kind)
    y = p.head(p.x, p.right - p.x, p.y, lines, title) + (3.2 if head == 'band' else 2.2) * p.s
    if lead:
        y = lead_block(p, lead, y, lead_h) + 2.2 * p.s
    p.grid(sections, p.x, y, p.right - p.x, p.bottom, k, cards)
    keep(p, name, plan(body='columns' if columns else 'cards', columns=k, cards=cards, head=head, title=title))


def feature(kind, name, sections, k, head='start', cards=True, title=3.2, lines=2, share=0.42, inner='beside'):
    p = Page(kind)
    y = p.head(p.x, p.right - p.x, p.y, lines, title) + (3.2 if head == 'band' else 2.2) * p.s
    h, gap, pad = (p.bottom - y) * 0.36, 1.1 * p.s, 1.4 * p.s if cards else 0
    if inner == 'beside' and sections[0][0] in ('picture', 'chart', 'icon', 'number'):
        p.beside(sections[0], p.x + pad, y + pad, p.right - p.x - 2 * pad, h - 2 * pad, share, False)
    else:
        p.cell(sections[0], p.x, y, p.right - p.x, h, 1.4 if cards else 0)
    p.grid(sections[1:], p.x, y + h + gap, p.right - p.x, p.bottom, k, cards)
    keep(p, name, plan(body='feature', columns=k, cards=cards, head=head, title=title, beside=share, inner=inner))


def side(kind, name, sections, inner='stack', cards=False, title=2.6, lines=4, k=1, lead=None, hero=0.0):
    p = Page(kind)
    gap = 3.4 * p.s
    w = (p.right - p.x - gap) * 0.36
    y = p.head(p.x, w, p.y, lines, title)
    if hero:
        p.put('picture', p.x, y + 1.6 * p.s, w, hero * p.h)
    x, y = p.x + w + gap, p.y
    if lead:
        for what in lead:
            tall = 5.2 * p.s if what == 'number' else 0.28 * p.h
            p.put(what, x, y, p.right - x, tall)
            y += tall + 2 * p.s
    if k > 1:
        p.grid(sections, x, y, p.right - x, p.bottom, k, cards)
    elif sections:
        p.rows(sections, x, y, p.right - x, p.bottom, inner, cards=cards)
    keep(p, name, plan(head='side', body='cards' if k > 1 else 'rows', columns=k, inner=inner, cards=cards, title=title,
                       hero='below' if hero else 'none', hero_share=hero or 0.34))


HB, HL = ['heading', 'body'], ['heading', 'list']
IHB, PHB, HC, NB, CHB = ['icon', *HB], ['picture', *HB], ['heading', 'chart'], ['number', 'body'], ['chart', *HB]
HNB, HCB, Q, PB = ['heading', 'number', 'body'], ['heading', 'chart', 'body'], ['quote'], ['picture', 'body']
NHB = ['number', *HB]


def infographic():
    k = 'infographic'
    for n in (3, 4, 5):
        hero_top(k, f'hero-rows-{n}', [HB] * n, 0.26)
        plain(k, f'zigzag-{n}', [PHB] * n, 'beside', zigzag=True)
        plain(k, f'icons-{n}', [IHB] * n, 'beside', title=3.6)
    hero_top(k, 'hero-cards-4', [IHB] * 4, 0.26, 2, True)
    hero_top(k, 'hero-cards-6', [IHB] * 6, 0.22, 2, True, head='centre')
    hero_top(k, 'hero-below-icons-4', [IHB] * 4, 0.24, inner='beside', below=True)
    hero_top(k, 'hero-below-numbers-3', [NHB] * 3, 0.26, inner='beside', below=True, beside=0.34)
    hero_top(k, 'hero-charts-2', [CHB] * 2, 0.24, inner='beside')
    hero_top(k, 'hero-mixed-4', [HB, HC, HB, HL], 0.22)
    plain(k, 'band-mixed-4', [IHB, CHB, NHB, IHB], 'beside', 'band', cards=True)
    plain(k, 'band-pictures-4', [PHB] * 4, 'beside', 'band', cards=True)
    plain(k, 'numbers-zigzag-4', [PHB] * 4, 'beside', zigzag=True, lead=['number'] * 3)
    grid(k, 'cards-6', [IHB] * 6, 2)
    grid(k, 'cards-8', [IHB] * 8, 2, 'centre', title=2.8)
    grid(k, 'cards-pictures-4', [PHB] * 4, 2, 'band')
    grid(k, 'numbers-cards-4', [IHB] * 4, 2, lead=['number'] * 3)
    feature(k, 'feature-4', [PHB, IHB, IHB, IHB, IHB], 2)
    feature(k, 'feature-chart-4', [CHB, NHB, NHB, HB, HB], 2, 'band')
    plain(k, 'charts-3', [HCB] * 3)
    plain(k, 'text-5', [HB] * 5, 'stack', 'band')
    plain(k, 'steps-6', [NHB] * 6, 'beside', cards=True, beside=0.25)
    hero_side(k, 'hero-left-4', [HB] * 4, 0.38)


def slide():
    k = 'slide'
    grid(k, 'columns-3', [IHB] * 3, 3, lines=1)
    grid(k, 'columns-3-open', [HB] * 3, 3, cards=False, lines=1)
    grid(k, 'columns-4', [IHB] * 4, 4, lines=1, title=2.8)
    grid(k, 'pictures-3', [PHB] * 3, 3, lines=1, cards=False)
    grid(k, 'pictures-2', [PHB] * 2, 2, lines=1, cards=False)
    grid(k, 'cards-2', [HL, HL], 2, lines=1)
    grid(k, 'chart-and-list', [HC, HL], 2, lines=1, cards=False)
    grid(k, 'band-3', [IHB] * 3, 3, 'band', lines=1)
    grid(k, 'centre-3', [NB] * 3, 3, 'centre', lines=1)
    grid(k, 'cards-2x2', [IHB] * 4, 2, lines=1)
    grid(k, 'numbers-columns-3', [HB] * 3, 3, lines=1, lead=['number'] * 3, cards=False)
    hero_side(k, 'hero-right', [HB], 0.44, True, title=3.6)
    hero_side(k, 'hero-right-list', [['list']], 0.42, True)
    hero_side(k, 'hero-left', [HB, HB], 0.4)
    hero_side(k, 'hero-left-3', [IHB] * 3, 0.38, inner='beside', title=2.8)
    hero_side(k, 'hero-right-title', [], 0.5, True, title=4.4, top=0.32, lines=3)
    hero_side(k, 'hero-left-quote', [Q], 0.4, title=2.6)
    hero_full(k, 'hero-full', [], 0.58, title=3.6)
    plain(k, 'chart', [['chart']], lines=1)
    plain(k, 'chart-beside', [CHB], 'beside', beside=0.6, lines=1, flip=True)
    plain(k, 'quote', [Q], head='centre')
    plain(k, 'list', [['list']], lines=1, title=3.6)
    side(k, 'side-3', [HB] * 3)
    side(k, 'side-icons-3', [IHB] * 3, 'beside')
    side(k, 'side-chart', [HC])
    side(k, 'side-cards-4', [IHB] * 4, cards=True, k=2)


def square():
    k = 'square'
    hero_top(k, 'hero-title', [], 0.6, title=3.6)
    hero_top(k, 'hero-body', [['body']], 0.46)
    hero_top(k, 'hero-2', [HB] * 2, 0.36, 2)
    hero_top(k, 'hero-3', [IHB] * 3, 0.32, 3, title=2.8)
    hero_top(k, 'hero-below', [HB], 0.4, below=True)
    hero_side(k, 'hero-left', [HB, HB], 0.42)
    hero_side(k, 'hero-right', [['list']], 0.42, True)
    hero_full(k, 'hero-full', [], 0.6, title=3.6)
    hero_full(k, 'hero-full-upper', [], 0.62, True, title=3.6)
    grid(k, 'cards-4', [IHB] * 4, 2)
    grid(k, 'cards-3', [NB] * 3, 3, 'centre')
    grid(k, 'band-4', [IHB] * 4, 2, 'band')
    plain(k, 'chart', [['chart']])
    plain(k, 'number', [NB], title=2.8)
    plain(k, 'numbers-3', [NHB] * 3, 'beside', beside=0.34)
    plain(k, 'quote', [Q], head='centre', title=2.8)
    plain(k, 'list', [['list']], title=3.6)
    plain(k, 'icons-3', [IHB] * 3, 'beside')
    side(k, 'side-3', [HB] * 3)


def story():
    k = 'story'
    hero_top(k, 'hero-title', [], 0.62, title=4)
    hero_top(k, 'hero-body', [HB], 0.5, title=3.6)
    hero_top(k, 'hero-3', [IHB] * 3, 0.36, inner='beside')
    hero_top(k, 'hero-below-2', [HB] * 2, 0.36, below=True, title=3.6)
    hero_full(k, 'hero-full', [], 0.64, title=4)
    hero_full(k, 'hero-full-body', [['body']], 0.55)
    plain(k, 'zigzag-3', [PHB] * 3, 'beside', zigzag=True)
    plain(k, 'icons-4', [IHB] * 4, 'beside', title=3.6)
    plain(k, 'numbers-4', [NHB] * 4, 'beside', 'band', beside=0.34)
    plain(k, 'quote', [Q], title=2.8, head='centre')
    plain(k, 'list', [['list']], title=4)
    plain(k, 'chart-2', [HC, HL])
    grid(k, 'cards-6', [IHB] * 6, 2)
    grid(k, 'cards-pictures-4', [PHB] * 4, 2, 'band')
    plain(k, 'cards-3', [IHB] * 3, 'beside', cards=True)


def a4():
    k = 'a4'
    hero_top(k, 'hero-columns-4', [HB] * 4, 0.3, 2)
    hero_top(k, 'hero-rows-3', [HB] * 3, 0.32)
    hero_top(k, 'hero-cards-6', [IHB] * 6, 0.26, 2, True, title=2.8)
    hero_top(k, 'hero-below-3', [HB] * 3, 0.28, 3, below=True, title=3.6)
    hero_side(k, 'hero-left-4', [HB] * 4, 0.4)
    hero_full(k, 'hero-full', [HB], 0.56, title=4)
    grid(k, 'columns-4', [HB] * 4, 2, cards=False, columns=True, title=3.6)
    grid(k, 'columns-6', [HB, HC, HB, HB, HL, HB], 2, cards=False, columns=True)
    grid(k, 'cards-6', [IHB] * 6, 2, 'band')
    grid(k, 'cards-9', [IHB] * 9, 3, title=2.8)
    grid(k, 'numbers-columns-4', [HB] * 4, 2, lead=['number'] * 4, cards=False, columns=True)
    plain(k, 'zigzag-3', [PHB] * 3, 'beside', zigzag=True)
    plain(k, 'report-3', [HCB, HB, HL], 'stack', 'band')
    plain(k, 'charts-3', [CHB] * 3, 'beside', beside=0.52)
    feature(k, 'feature-4', [PHB, IHB, IHB, IHB, IHB], 2)
    feature(k, 'feature-chart-3', [CHB, HB, HB, HB], 3, 'band')
    side(k, 'side-5', [HB] * 5, title=2.4)
    side(k, 'side-hero-4', [HB] * 4, title=2.4, hero=0.3)
    plain(k, 'steps-5', [NHB] * 5, 'beside', beside=0.25, cards=True)


for draw in (infographic, slide, square, story, a4):
    draw()
here = pathlib.Path(__file__).parent
for kind, all_ in EXEMPLARS.items():
    lines = ',\n'.join('    ' + json.dumps(e, separators=(', ', ': ')) for e in all_)
    w, h = CANVASES[kind]
    (here / f'{kind}.json').write_text(f'{{\n  "kinoloom_exemplars": 1,\n  "canvas": [{w}, {h}],\n  "exemplars": [\n{lines}\n  ]\n}}\n')
print({k: len(v) for k, v in EXEMPLARS.items()}, sum(len(v) for v in EXEMPLARS.values()))
