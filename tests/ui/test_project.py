"""From words to a film: what a person does with a project, on the real window with the built-in model."""
import os
import pathlib
import re
import sqlite3
import subprocess
import tempfile
import time

from studio import Studio, main, wait

PROMPT = 'a red heart grows bigger on a plain blue background'


def begin(s, prompt=PROMPT):
    """A new project with the prompt written."""
    s.launch()
    s.key('ctrl+n')
    page = s.find('filler', 'KlProjectPage')
    s.write_prompt(prompt)
    return page


def set_field(s, row, value):
    field = next(n for n in s.find('list item', row).walk() if n.role == 'text')
    field.click()
    s.key('ctrl+a')
    s.type(value)
    s.key('Tab')


def query(s, sql):
    """What the project file says, read by somebody else."""
    db = sqlite3.connect(f'file:{s.projects()[0]}?mode=ro', uri=True, timeout=10)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def outputs(s):
    return sorted((s.home / 'data').rglob('*.mp4'))


def frames(path):
    return int(subprocess.run(['ffprobe', '-v', 'error', '-count_packets', '-select_streams', 'v', '-show_entries', 'stream=nb_read_packets',
                               '-of', 'csv=p=0', str(path)], capture_output=True, text=True, check=True).stdout.strip().strip(','))


def chunks(s):
    return [n for n in s.find('list', 'Chunks').walk() if n.role == 'list item']


def in_queue(s):
    return [n for n in s.find('filler', 'KlQueueView').walk() if n.role == 'list item']


def rendered(s):
    """Waits until nothing is being made and the history has a result."""
    s.find('label', 'Nothing is being made', seconds=120)
    return wait(lambda: next((n for n in s.find('filler', 'KlHistoryView').walk() if n.role == 'table cell'), None), 'result in the history')


def test_generate():
    """a prompt becomes a video; chunks arrive one by one, the history has it, the file plays"""
    with Studio() as s:
        begin(s)
        s.find('label', re.compile(r'^Fits').match)
        s.key('ctrl+Return')
        wait(lambda: len(chunks(s)) > 2, 'chunks in the strip')
        s.find('label', re.compile(r'^[1-9]\d* of \d+ finished').match, seconds=60)
        rendered(s)
        assert frames(outputs(s)[0]) == 80, frames(outputs(s)[0])
        status = s.quit()
        assert status == 0, status


def test_unknown_word():
    """a word the model does not know is said, gently, and does not keep anyone from going on"""
    with Studio() as s:
        begin(s, 'a red heart on a xylofone')
        s.find('label', lambda n: 'xylofone' in n and 'words' in n)
        assert s.find('push button', re.compile('Generate').search).sensitive


def test_cancel():
    """cancel takes a running render out of the queue"""
    with Studio() as s:
        begin(s)
        set_field(s, 'Length', '60 s')
        s.key('ctrl+Return')
        row = wait(lambda: in_queue(s), 'render in the queue')[0]
        wait(lambda: outputs(s), 'output begun', 60)
        row.find('push button', 'Cancel').click()
        s.find('label', 'Nothing is being made')
        assert s.process.poll() is None


def test_crash():
    """after kill -9 the studio offers to resume, and the video ends with all its frames"""
    with Studio() as s:
        begin(s)
        set_field(s, 'Length', '12 s')
        s.key('ctrl+Return')
        wait(lambda: outputs(s) and outputs(s)[0].stat().st_size > 20000, 'some chunks in the output', 90)
        s.kill()
        before = outputs(s)[0].stat().st_size
        s.launch(s.projects()[0])
        s.find('push button', re.compile('Resume').search).click()
        rendered(s)
        assert outputs(s)[0].stat().st_size > before
        assert frames(outputs(s)[0]) == 192


def test_close_while_rendering():
    """closing the window with a render running loses nothing: it is there, paused or queued, next time"""
    with Studio() as s:
        begin(s)
        set_field(s, 'Length', '30 s')
        s.key('ctrl+Return')
        wait(lambda: outputs(s) and outputs(s)[0].stat().st_size > 20000, 'some chunks in the output', 90)
        s.key('ctrl+q')
        assert s.process.wait(20) == 0
        assert query(s, 'PRAGMA integrity_check') == [('ok',)]
        s.launch(s.projects()[0])
        wait(lambda: in_queue(s), 'the render in the queue again')


def test_undo():
    """a queued render is taken back by Ctrl+Z and comes again by Ctrl+Shift+Z"""
    with Studio() as s:
        begin(s)
        s.find('push button', 'Pause the Whole Queue').click()
        s.key('ctrl+Return')
        wait(lambda: len(in_queue(s)) == 1, 'render in the queue')
        s.find('push button', 'Library')  # the focus leaves the prompt, whose own undo comes first
        s.find('label', 'Queue').click()
        s.find('push button', 'Undo').click()
        wait(lambda: not in_queue(s), 'empty queue')
        s.find('push button', 'Redo').click()
        wait(lambda: len(in_queue(s)) == 1, 'render in the queue again')


def test_timeline():
    """a result goes to the timeline; Delete takes the clip out, Ctrl+Z brings it back"""
    with Studio() as s:
        begin(s)
        set_field(s, 'Length', '2 s')
        s.key('ctrl+Return')
        rendered(s).click(button=3)
        s.find('menu item', re.compile('Timeline').search).act()
        timeline = s.find('list', 'Timeline')
        clip = wait(lambda: next((n for n in timeline.walk() if n.role == 'list item' and 'heart' in n.name), None), 'clip on the timeline')
        length = query(s, 'SELECT sum(length) FROM clip')[0][0]
        assert length == 32, length
        clip.click()
        s.key('Delete')
        wait(lambda: query(s, 'SELECT count(*) FROM clip')[0][0] == 0, 'clip gone')
        s.key('ctrl+z')
        wait(lambda: query(s, 'SELECT count(*) FROM clip')[0][0] == 1, 'clip back')


def test_own_output():
    """the job of an output of ours, opened again, stands in the panel"""
    with Studio() as s, tempfile.TemporaryDirectory() as d:
        video = pathlib.Path(d, 'star.png')
        subprocess.run([os.environ['KL_CLI'], 'render', 'text-to-video', '--prompt', 'a yellow star stays still on a plain purple background',
                        '--size', '128x128', '--frames', '1', '--seed', '77', '-o', str(video), '-q', '-y'], check=True, timeout=120)
        begin(s)
        drag_in(s, video, s.find('filler', 'KlPreview'))
        field = s.find('text', 'Prompt')
        wait(lambda: 'yellow star' in field.text, 'prompt of the output in the panel')


def test_well():
    """a picture dropped on the well becomes the first frame"""
    with Studio() as s, tempfile.TemporaryDirectory() as d:
        picture = pathlib.Path(d, 'blue.png')
        subprocess.run(['convert', '-size', '64x64', 'xc:royalblue', str(picture)], check=True)
        begin(s)
        drag_in(s, picture, s.find('push button', 'First Frame: empty'))
        s.find('push button', re.compile('^First Frame: (?!empty)').match)


def drag_in(s, path, onto):
    """A drag of a file from another program."""
    source = subprocess.Popen(['/usr/bin/python3', str(pathlib.Path(__file__).with_name('drag_source.py')), str(path)], env=s.env, stdout=subprocess.PIPE, text=True)
    try:
        assert source.stdout.readline().strip() == 'ready'
        window = wait(lambda: s.tool('search', '--name', '^kl-drag-source$').split(), 'window to drag from')[0]
        target = onto.middle()
        s.tool('windowmove', window, 1300, 820)
        s.tool('windowraise', window)
        time.sleep(.3)
        s.drag((1330, 850), target)
    finally:
        time.sleep(.5)
        source.kill()


main([test_generate, test_unknown_word, test_cancel, test_crash, test_close_while_rendering, test_undo, test_timeline, test_own_output, test_well])
