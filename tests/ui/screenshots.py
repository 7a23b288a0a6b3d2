"""Pictures of the main views: screenshots.py FOLDER (meson compile screenshots puts them into BUILD/screenshots)."""
import pathlib
import re
import sys

from studio import Studio, wait

PROMPTS = ('a red heart grows bigger on a plain blue background', 'a strawberry shrinks on a plain yellow background')


def shot(s, folder, name):
    s.tool('mousemove', 1399, 899)
    s.screenshot(folder / f'{name}.png')
    print(folder / f'{name}.png', flush=True)


def make(s, prompt):
    s.write_prompt(prompt)
    s.key('ctrl+Return')
    wait(lambda: any(n.role == 'list item' for n in s.find('filler', 'KlQueueView').walk()), 'render in the queue')


def done(s):
    s.find('label', 'Nothing is being made', seconds=240)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with Studio() as s:
        s.launch()
        s.find('label', 'Try one of these')
        shot(s, folder, 'welcome')
        s.key('ctrl+n')
        make(s, PROMPTS[0])
        s.find('label', re.compile(r'^[2-9] of \d+ finished').match, seconds=120)
        shot(s, folder, 'rendering')
        done(s)
        make(s, PROMPTS[1])
        done(s)
        wait(lambda: next((n for n in s.find('filler', 'KlHistoryView').walk() if n.role == 'table cell'), None), 'result').click(button=3)
        s.find('menu item', re.compile('Timeline').search).act()
        wait(lambda: any(n.role == 'list item' and n.name.startswith('Clip') for n in s.find('list', 'Timeline').walk()), 'clip')
        s.key('0')
        shot(s, folder, 'project')
        s.key('ctrl+m')
        s.find('frame', 'Models')
        shot(s, folder, 'models')


main()
