"""Drives the real studio window, as a person and a screen reader would: Xvfb, a window manager, a D-Bus session of its own,
AT-SPI for what is on the screen, xdotool for keys and the pointer.

    with Studio() as s:
        s.launch()
        s.button('New Project').click()
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import gi

gi.require_version('Atspi', '2.0')
from gi.repository import Atspi, GLib  # noqa: E402

NAME = 'kinoloom-studio'
PATIENCE = float(os.environ.get('KL_UI_PATIENCE', '40'))  # seconds; a loaded machine is slow, a hanging one is wrong


class NotThere(AssertionError):
    pass


def wait(condition, what, seconds=PATIENCE):
    """The first true value of condition(); errors of AT-SPI count as "not yet"."""
    end = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except GLib.Error:
            value = None
        if value:
            return value
        if time.monotonic() > end:
            raise NotThere(f'after {seconds:.0f} s still no {what}')
        time.sleep(.1)


class Node:
    """One accessible of the program."""

    def __init__(self, accessible, studio):
        self.a, self.studio = accessible, studio

    def __repr__(self):
        return f'{self.role} "{self.name}"'

    role = property(lambda self: self.a.get_role_name())
    name = property(lambda self: self.a.get_name() or '')
    description = property(lambda self: self.a.get_description() or '')

    def has(self, state):
        return self.a.get_state_set().contains(getattr(Atspi.StateType, state.upper()))

    @property
    def showing(self):
        """GTK 4.8 never says "showing"; what takes room and has only such things above it is (walk goes no further)."""
        if self.role in ('application', 'frame'):
            return True
        try:
            return self.has('visible') and min(self.box()[2:]) > 0
        except GLib.Error:  # an object without a place, such as the page of a stack
            return True

    @property
    def sensitive(self):
        return self.has('sensitive')

    @property
    def text(self):
        return Atspi.Text.get_text(self.a, 0, Atspi.Text.get_character_count(self.a))

    @property
    def value(self):
        return self.a.get_current_value()

    def children(self):
        return [Node(c, self.studio) for i in range(self.a.get_child_count()) if (c := self.a.get_child_at_index(i))]

    def walk(self, hidden=False):
        """This and everything below that shows."""
        yield self
        try:
            for c in self.children():
                if hidden or c.showing:
                    yield from c.walk(hidden)
        except GLib.Error:
            return  # went away while we looked

    def box(self):
        e = self.a.get_extents(Atspi.CoordType.WINDOW)
        return e.x, e.y, e.width, e.height

    def middle(self):
        """On the screen: the position inside the window and the window's own place, which GTK 4 does not tell."""
        x, y, w, h = self.box()
        wx, wy = self.studio.window_place()
        return wx + x + w // 2, wy + y + h // 2

    def act(self):
        """The action that a screen reader would take; for what lies on a surface of its own, such as a menu, whose place GTK does not tell."""
        if not self.a.do_action(0):
            raise AssertionError(f'{self} does nothing')
        return self

    def click(self, button=1):
        self.studio.click(*self.middle(), button=button)
        return self

    def focus(self):
        self.a.grab_focus()
        return self

    def find(self, role=None, name=None, **more):
        return self.studio.find(role, name, under=self, **more)

    def all(self, role=None, name=None):
        return [n for n in self.walk() if n.matches(role, name)]

    def matches(self, role, name):
        return (role is None or self.role == role) and (name is None or (name(self.name) if callable(name) else self.name == name))


class Studio:
    """A program with a home of its own. exe: the studio; home: kept between launches, gone at the end."""

    def __init__(self, exe=None, screen='1400x900x24'):
        self.exe = exe or os.environ['KL_STUDIO']
        self.home = pathlib.Path(tempfile.mkdtemp(prefix='kl-ui-'))
        self.screen, self.process, self.helpers = screen, None, []
        self.env = dict(os.environ, HOME=str(self.home), GSK_RENDERER='cairo', GDK_BACKEND='x11', GTK_A11Y='atspi', LC_ALL='C.UTF-8',
                        GSETTINGS_BACKEND='keyfile', NO_AT_BRIDGE='0', G_DEBUG='fatal-criticals')
        for key, part in (('DATA_HOME', 'data'), ('CONFIG_HOME', 'config'), ('CACHE_HOME', 'cache'), ('STATE_HOME', 'state'), ('RUNTIME_DIR', 'run')):
            self.env['XDG_' + key] = str(self.home / part)
            (self.home / part).mkdir(mode=0o700)
        self.log = open(self.home / 'studio.log', 'w+')

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            sys.stdout.write(f'---- log of the studio\n{self.output()[-4000:]}\n')
            if shot := os.environ.get('KL_UI_FAILED'):
                self.screenshot(shot)
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def launch(self, *args, wait_for_window=True):
        self.process = subprocess.Popen([self.exe, *map(str, args)], env=self.env, stdout=self.log, stderr=subprocess.STDOUT)
        if wait_for_window:
            self.app()
            wait(lambda: self.window_id(), 'window on the screen')
        return self

    def output(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text(errors='replace')

    # ---- what is on the screen

    def app(self):
        def look():
            if self.process.poll() is not None:
                raise AssertionError(f'the studio ended with {self.process.returncode}')
            desktop = Atspi.get_desktop(0)
            for i in range(desktop.get_child_count()):
                a = desktop.get_child_at_index(i)
                if a and a.get_process_id() == self.process.pid and a.get_child_count():
                    a.clear_cache()  # what is kept of names and places may be old
                    return Node(a, self)
        return wait(look, 'studio on the accessibility bus')

    def find(self, role=None, name=None, under=None, seconds=PATIENCE, hidden=False):
        """The first that shows; waits for it."""
        def look():
            return next((n for n in (under or self.app()).walk(hidden) if n.matches(role, name)), None)
        return wait(look, f'{role or "thing"} "{name}"', seconds)

    def gone(self, role=None, name=None, seconds=PATIENCE):
        wait(lambda: not any(n.matches(role, name) for n in self.app().walk()), f'end of {role} "{name}"', seconds)

    def button(self, name, **more):
        return self.find('push button', name, **more)

    def tree(self):
        """For people who write tests."""
        def lines(n, depth):
            shown = '' if n.showing else ' (hidden)'
            yield '  ' * depth + f'{n.role} "{n.name}"{shown}'
            for c in n.children():
                yield from lines(c, depth + 1)
        return '\n'.join(lines(self.app(), 0))

    # ---- hands

    def tool(self, *args):
        return subprocess.run(['xdotool', *map(str, args)], env=self.env, capture_output=True, text=True).stdout

    def window_id(self):
        """The window on top."""
        if top := self.tool('getactivewindow').strip():
            return top
        return (self.tool('search', '--onlyvisible', '--pid', self.process.pid).split() or [None])[-1]

    def window_place(self):
        shell = dict(l.split('=') for l in self.tool('getwindowgeometry', '--shell', self.window_id()).split())
        return int(shell['X']), int(shell['Y'])

    def click(self, x, y, button=1):
        self.tool('mousemove', '--sync', x, y, 'click', button)

    def drag(self, start, end, steps=12):
        """With the pointer, slowly enough for GTK to see a drag."""
        self.tool('mousemove', '--sync', *start, 'mousedown', 1)
        for i in range(1, steps + 1):
            self.tool('mousemove', '--sync', *(round(a + (b - a) * i / steps) for a, b in zip(start, end)))
            time.sleep(.03)
        time.sleep(.2)
        self.tool('mouseup', 1)

    def key(self, *keys):
        """"ctrl+z", "Return"."""
        for k in keys:
            self.tool('key', '--clearmodifiers', k)

    def type(self, text):
        self.tool('type', '--delay', 15, text)

    def write_prompt(self, prompt):
        """Into the generator panel, in place of what stands there; Escape closes the words that are offered."""
        field = self.find('text', 'Prompt')
        field.click()
        self.key('ctrl+a')
        self.type(prompt)
        wait(lambda: field.text == prompt, 'prompt in its field')
        self.key('Escape')

    def screenshot(self, path):
        subprocess.run(['import', '-window', 'root', str(path)], env=self.env, check=False)

    # ---- the end

    def kill(self):
        """As a power cut would."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def quit(self, seconds=PATIENCE):
        """Closes the window as a person would and gives the exit status."""
        self.key('ctrl+q')
        return self.process.wait(seconds)

    def projects(self):
        return sorted((self.home / 'data' / 'kinoloom' / 'projects').glob('*.kinoloom'))


def main(tests):
    """Runs the functions; prints one line for each. A name on the command line picks one."""
    wanted = sys.argv[1:]
    failed = 0
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        begin = time.monotonic()
        try:
            test()
            print(f'ok   {test.__name__} ({time.monotonic() - begin:.1f} s): {(test.__doc__ or "").strip()}', flush=True)
        except Exception as e:  # a test that breaks has failed; the others still run
            failed += 1
            print(f'FAIL {test.__name__}: {type(e).__name__}: {e}', flush=True)
            if os.environ.get('KL_UI_TRACE'):
                raise
    sys.exit(bool(failed))
