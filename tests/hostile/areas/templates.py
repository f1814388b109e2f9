"""Chat templates in Jinja that raise, loop, include, overflow, or look at the text."""

from __future__ import annotations

from tests.hostile.case import Area, toy
from tests.hostile.make import data, directory, fifo, link, repeated, text

AREA = Area("chat templates")
refuse, work = AREA.refuse, AREA.work

FILE = "mine.jinja"
USE = toy(f"data.template={FILE}")
PLAIN = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"

for name, content in {
    "open block": "{% for m in messages %}{{ m.content }}",
    "open brace": "{{ messages",
    "unknown filter": "{{ messages | nope }}",
    "unknown tag": "{% nope %}",
    "unknown test": "{% if messages is nope %}{% endif %}",
    "unknown function": "{{ nope() }}",
    "its own refusal": "{{ raise_exception('only for\nothers') }}",
    "division by zero": PLAIN + "{{ 1 / 0 }}",
    "addition of texts and numbers": PLAIN + "{{ 'a' + 1 }}",
    "missing attribute": PLAIN + "{{ messages.nope.nope }}",
    "missing index": PLAIN + "{{ messages[99].content.x }}",
    "include": "{% include 'other' %}" + PLAIN,
    "include of a file": "{% include '/etc/passwd' %}" + PLAIN,
    "import": "{% import 'os' as os %}" + PLAIN,
    "extends": "{% extends 'base' %}",
    "itself forever": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "a loop of ten to the nine": "{% for a in range(99999) %}{% for b in range(99999) %}"
    "{% endfor %}{% endfor %}" + PLAIN,
    "a range too long": "{% for a in range(10 ** 9) %}{% endfor %}" + PLAIN,
    "a huge power": PLAIN + "{{ 9 ** (9 ** 9) }}",
    "huge text": PLAIN + "{{ 'x' * 10 ** 10 }}",
    "huge output": "{% for a in range(99999) %}{% for b in range(99999) %}xxxxxxxxxx{% endfor %}"
    "{% endfor %}" + PLAIN,
    "text doubled forty times": "{% set ns = namespace(t='x') %}{% for a in range(40) %}"
    "{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}" + PLAIN,
    "a format of a huge width": PLAIN + "{{ '%1000000000d' % 1 }}",
    "centre of a huge width": PLAIN + "{{ 'x' | center(10 ** 10) }}",
    "Python's classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}" + PLAIN,
    "a cycle through globals": "{{ cycler.__init__.__globals__.os.system('touch x') }}" + PLAIN,
    "a message left out": "{{ messages[0].content }}",
    "a message twice": PLAIN + PLAIN,
    "messages in reverse": "{% for m in messages | reverse %}{{ m.content }}{% endfor %}",
    "nothing": "",
    "blanks": "  \n",
    "text trimmed to three letters": PLAIN.replace("m.content", "m.content[:3]"),
    "text in capitals": PLAIN.replace("m.content", "m.content | upper"),
    "text by its length": PLAIN.replace(
        "{{ m.content }}", "{% if m.content | length > 5 %}long{% endif %}{{ m.content }}"
    ),
    "text escaped": PLAIN.replace("m.content", "m.content | tojson"),
    "text by its first letter": PLAIN.replace(
        "{{ m.content }}", "{% if m.content[0] == 'S' %}S:{% endif %}{{ m.content }}"
    ),
    "text that is looked for": PLAIN.replace(
        "{{ m.content }}", "{% if 'number' in m.content %}n{% endif %}{{ m.content }}"
    ),
    "deep brackets": "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
    "lone surrogate": PLAIN + "{{ '\\ud800' }}",
    "bytes that are no UTF-8": "\udcff" + PLAIN,
}.items():
    refuse(name, USE, FILE, make=text(FILE, content))

refuse("a folder", toy("data.template=t"), "data.template", make=directory("t"))
refuse("a named pipe", USE, FILE, make=fifo(FILE))
refuse("a device without end", USE, FILE, make=link(FILE, "/dev/zero"))
refuse("binary", USE, FILE, make=data(FILE, bytes(range(256)) * 4))
refuse("no file", toy("data.template=none.jinja"), "none.jinja")
refuse("a file of 300 MB", USE, FILE, make=repeated(FILE, "", "x", 300_000_000))
refuse("audit: its own refusal", ["audit", *USE], FILE,
       make=text(FILE, "{{ raise_exception('no') }}"))  # fmt: skip
refuse("audit: text in capitals", ["audit", *USE], FILE,
       make=text(FILE, PLAIN.replace("m.content", "m.content | upper")))  # fmt: skip

DONE = ("runs/s/*/result.json",)
work("a plain one", USE, leaves=DONE, make=text(FILE, PLAIN))
work("text trimmed of blanks it has not", ["audit", *USE], "trained|weight|Σ",
     make=text(FILE, PLAIN.replace("m.content", "m.content | trim")))  # fmt: skip
