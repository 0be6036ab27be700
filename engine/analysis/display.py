"""Foreign text made fit for a screen: every character visible, of a known width, and unable to drive the terminal."""

from __future__ import annotations

import regex

_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "␡"}
"""U+2400 shows NUL as ␀, and so on to ␟."""

# controls, surrogates and private use have no agreed picture; format characters and VS have no width and may turn text
_LEFT_OUT = regex.compile(r"[\p{Cf}\p{Variation_Selector}\u034F\u115F\u1160\u17B4\u17B5\u3164\uFFA0]")
_SHOWN = regex.compile(r"[\x80-\x9f\p{Cs}\p{Co}]")
_BREAKS = regex.compile(r"\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")


def clean(text: str, *, newlines: bool = True, tab: int = 4) -> str:
    """The text for the screen.

    Line breaks of every kind are ``\\n``, or a space where ``newlines`` is False; a tab is ``tab`` spaces. C0 controls
    become their pictures (``␛``), C1, unpaired surrogates and private characters ``�``. Bidi controls, zero-width
    characters, variation selectors and joiners are left out: without them a cell's width is what the terminal shows.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _BREAKS.sub("\n" if newlines else " ", text).replace("\t", " " * tab)
    if not text.isascii():
        text = _SHOWN.sub("\N{REPLACEMENT CHARACTER}", _LEFT_OUT.sub("", text))
    return text.translate(_PICTURES | {0x0A: "\n"})
