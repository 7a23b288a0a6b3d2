"""The first minute: the window comes, everything on it has a name, it closes."""
import pathlib
import tempfile

from studio import Studio, main, wait

INTERACTIVE = {'push button', 'toggle button', 'check box', 'radio button', 'text', 'entry', 'spin button', 'slider', 'combo box',
               'list item', 'menu item', 'link', 'switch', 'page tab'}


def nameless(node):
    """Things a person can act on that a screen reader could only call by their class."""
    return [n for n in node.walk() if n.role in INTERACTIVE
            and (not n.name.strip() or n.name.startswith(('Gtk', 'Adw', 'Kl'))) and not n.description.strip()]


def test_library():
    """a fresh home shows the empty library and a way to begin"""
    with Studio() as s:
        s.launch()
        s.find(None, lambda n: 'New Project' in n)
        assert not nameless(s.app()), nameless(s.app())
        assert s.quit() == 0
        assert 'CRITICAL' not in s.output() and 'WARNING' not in s.output(), s.output()


def test_second_start():
    """a second start hands over to the first and ends"""
    with Studio() as s:
        s.launch()
        second = Studio(s.exe)
        second.env, first = s.env, s.process
        second.launch(wait_for_window=False)
        assert second.process.wait(20) == 0
        assert first.poll() is None
        s.quit()


def test_stalls_are_seen():
    """the watch on the main loop writes down its start, at least"""
    with Studio() as s, tempfile.TemporaryDirectory() as d:
        log = pathlib.Path(d, 'stalls')
        s.env['KINOLOOM_STALLS'] = str(log)
        s.launch()
        wait(lambda: log.exists() and log.read_text(), 'first paint in the log of stalls')


main([test_library, test_second_start, test_stalls_are_seen])
