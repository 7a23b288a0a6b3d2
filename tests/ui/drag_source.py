#!/usr/bin/env python3
"""A small window of another program that a file can be dragged out of: drag_source.py FILE"""
import sys

import gi

gi.require_version('Gdk', '4.0')
gi.require_version('Gtk', '4.0')
from gi.repository import Gdk, Gio, GLib, Gtk  # noqa: E402


def main():
    window = Gtk.Window(title='kl-drag-source', default_width=90, default_height=60, decorated=False)
    source = Gtk.DragSource(actions=Gdk.DragAction.COPY)
    source.connect('prepare', lambda *_: Gdk.ContentProvider.new_for_bytes(
        'text/uri-list', GLib.Bytes.new((Gio.File.new_for_path(sys.argv[1]).get_uri() + '\r\n').encode())))
    label = Gtk.Label(label='drag me', hexpand=True, vexpand=True)
    label.add_controller(source)
    window.set_child(label)
    window.connect('map', lambda *_: print('ready', flush=True))
    window.present()
    GLib.MainLoop().run()


main()
