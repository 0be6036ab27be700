"""What an index holds otherwise than before it was opened again. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.numbers import counted

if TYPE_CHECKING:
    from engine.stores.base import StoreInfo


def changes(before: StoreInfo, after: StoreInfo) -> str:
    """One line: documents and fields that came or went."""
    count = counted(after.documents, "document")
    told = [count if before.documents == after.documents else f"{before.documents:,} → {count}"]
    was, now = _fields(before), _fields(after)
    told += [f"new: {', '.join(came)}"] if (came := [name for name in now if name not in was]) else []
    told += [f"gone: {', '.join(went)}"] if (went := [name for name in was if name not in now]) else []
    if before.dimension != after.dimension:
        told.append(f"vectors of {after.dimension} dimensions, not {before.dimension}")
    return f"{after.name}: {' · '.join(told)}"


def _fields(info: StoreInfo) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*info.text_fields, *info.keyword_fields, *info.numeric_fields)))
