#!/usr/bin/env python3
"""Translations are whole: every file with strings for people is in po/POTFILES, and every language of po/LINGUAS has every
string, none of them fuzzy, with the same placeholders.

Usage: translations.py SOURCE_ROOT     Exit status 1 and one line for each thing that is wrong; needs gettext's tools."""
import pathlib
import re
import subprocess
import sys
import tempfile

MARKED = re.compile(r'\b(?:_|N_|C_|ngettext|g_dngettext|g_dpgettext2)\s*\(')
PARTS = ('ui', 'app/studio', 'app/core', 'resources/desktop')


def run(*command, cwd=None):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def has_strings(path):
    text = path.read_text()
    if path.suffix == '.c':
        return MARKED.search(re.sub(r'/\*.*?\*/', '', text, flags=re.S)) is not None
    return 'translatable="yes"' in text or path.name.endswith(('.desktop.in', '.metainfo.xml.in'))


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    bad = []
    listed = {l for l in (root / 'po/POTFILES').read_text().split('\n') if l and not l.startswith('#')}
    there = {str(p.relative_to(root)) for part in PARTS for p in (root / part).rglob('*')
             if (p.suffix in ('.c', '.ui') or p.name.endswith(('.desktop.in', '.metainfo.xml.in'))) and has_strings(p)}
    bad += [f'po/POTFILES lacks {p}' for p in sorted(there - listed)]
    bad += [f'po/POTFILES names {p}, which has no strings' for p in sorted(listed - there)]
    with tempfile.TemporaryDirectory() as work:
        pot = pathlib.Path(work, 'kinoloom.pot')
        made = run('xgettext', '--from-code=UTF-8', '--add-comments', '-k_', '-kN_', '-kC_:1c,2', '-kngettext:1,2',
                   '-kg_dngettext:2,3', '-kg_dpgettext2:2c,3', f'--output={pot}', '--package-name=kinoloom', *sorted(there), cwd=root)
        if made.returncode:
            sys.exit(made.stderr)
        for lang in (root / 'po/LINGUAS').read_text().split():
            po = root / 'po' / f'{lang}.po'
            if not po.exists():
                bad.append(f'po/{lang}.po is missing')
                continue
            checked = run('msgfmt', '--check', '--output-file=/dev/null', str(po))
            if checked.returncode:
                bad.append(f'po/{lang}.po: {checked.stderr.strip()}')
            merged = pathlib.Path(work, f'{lang}.po')
            run('msgmerge', '--quiet', '--no-fuzzy-matching', f'--output-file={merged}', str(po), str(pot))
            for what, option in (('untranslated', '--untranslated'), ('fuzzy', '--only-fuzzy')):
                left = run('msgattrib', option, '--no-obsolete', '--no-wrap', str(merged)).stdout
                for text in re.findall(r'^msgid (".+")$', left, re.M):
                    if text != '""':
                        bad.append(f'po/{lang}.po: {what}: {text}')
    print('\n'.join(bad) if bad else f'{len(listed)} files with strings; every language is whole')
    sys.exit(bool(bad))


main()
