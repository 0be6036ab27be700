"""What a service sent, as one line that may be shown."""

from __future__ import annotations

import re

LONGEST = 300
"""Characters kept of a message."""
EXCERPT = 200
"""Characters kept of a body that says nothing in a known form."""

_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def shortened(text: str, longest: int = LONGEST) -> str:
    """The text as one line of at most so many characters; no control character survives."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 20 * longest]).split())
    return line if len(line) <= longest else line[:longest] + "…"


def excerpt(body: bytes) -> str:
    """The beginning of a body, without markup; '' for an empty one."""
    return shortened(_TAGS.sub(" ", body[: 20 * EXCERPT].decode("utf-8", "replace")), EXCERPT)
