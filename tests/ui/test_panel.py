"""The generator panel, the queue and the models, with the built-in model: words to a finished video, what stands in the way,
and what is taken back."""
import pathlib

from studio import Studio, main, wait


def begin(s):
    s.launch()
    s.key('ctrl+n')
    s.find('text', 'Prompt')
    return s


def prompt(s, text):
    """Writes into the prompt; Escape closes what is offered."""
    s.key('ctrl+p')
    box = s.find('text', 'Prompt')
    wait(lambda: box.has('focused'), 'focus in the prompt')
    s.type(text)
    s.key('Escape')


def verdict(s, part):
    return s.find(None, lambda n: part in n)


def set_entry(s, name, text):
    entry = s.find('text', lambda n: n.startswith(name)).click()
    wait(lambda: entry.has('focused'), f'focus in {name}')
    s.key('ctrl+a')
    s.type(text)
    return entry


def test_generate():
    """a prompt gets a verdict, goes to the queue, and becomes a video with its settings in the history"""
    with begin(Studio()) as s:
        assert not s.button('Generate').sensitive
        prompt(s, 'a heart on a plain red background')
        verdict(s, 'Fits')
        set_entry(s, 'Length', '1')
        set_entry(s, 'Width in pixels', '128')
        set_entry(s, 'Height in pixels', '128')
        wait(lambda: s.button('Generate').sensitive, 'button')
        s.key('ctrl+Return')
        s.find('list item', lambda n: n.startswith('a heart'))
        s.find(None, 'Nothing is being made')
        video = wait(lambda: list((s.home / 'data').rglob('*.mp4')), 'video')[0]
        assert video.stat().st_size > 1000
        assert s.quit() == 0


def test_unknown_word():
    """a word that the model does not know is named, and one press writes the one that was meant"""
    with begin(Studio()) as s:
        prompt(s, 'a haert rises up')
        s.find(None, lambda n: '“haert”' in n)
        s.button('heart').click()
        wait(lambda: s.find('text', 'Prompt').text == 'a heart rises up', 'the right word')
        s.gone(None, lambda n: '“haert”' in n)


def test_wrong_value():
    """what is no value is marked and keeps the button from being pressed"""
    with begin(Studio()) as s:
        prompt(s, 'a heart')
        verdict(s, 'Fits')
        set_entry(s, 'Length', 'long')
        wait(lambda: not s.button('Generate').sensitive, 'button that cannot be pressed')
        verdict(s, 'not a value')


def test_cancel_and_undo():
    """a render that is cancelled leaves the queue at once; undo brings it back"""
    with begin(Studio()) as s:
        prompt(s, 'a heart')
        verdict(s, 'Fits')
        s.key('ctrl+shift+p')
        s.find(None, 'The queue is paused')
        s.key('ctrl+Return')
        row = s.find('list item', lambda n: n.startswith('a heart'))
        row.find('push button', 'Cancel').click()
        s.find(None, 'Nothing is being made')
        s.find(None, 'Render cancelled')
        s.app().all('push button', 'Undo')[-1].click()  # the toast's; the first one is the window's
        s.find('list item', lambda n: n.startswith('a heart'))


def test_damaged_model():
    """a file that only calls itself a model is refused with its error, and nothing is imported"""
    with Studio() as s:
        bad = pathlib.Path(s.home, 'bad')
        bad.mkdir()
        (bad / 'model.json').write_text('{"format": 1, "name": "bad", "transformer": 7}')
        s.launch()
        s.key('ctrl+m')
        s.find(None, 'Nothing yet')
        s.key('ctrl+o')
        wait(lambda: s.tool('search', '--name', 'Folder of a Model').strip(), 'the chooser')
        s.type(f'{bad}\n')
        s.key('alt+i')
        s.find(None, 'This is Not a Model')
        assert not (s.home / 'data' / 'kinoloom' / 'models').exists()


main([test_generate, test_unknown_word, test_wrong_value, test_cancel_and_undo, test_damaged_model])
