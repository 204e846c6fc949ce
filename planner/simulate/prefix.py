"""Beginnings of prompts that a replica keeps for the next call of the group, least recently used first out."""

from __future__ import annotations

from collections import OrderedDict


class Prefix:
    """A kept beginning."""

    __slots__ = ("size", "tokens", "users")

    def __init__(self, tokens: int, size: float) -> None:
        """Hold so many tokens in so many bytes, in use by the call that computed them."""
        self.tokens, self.size, self.users = tokens, size, 1


class PrefixCache:
    """Kept beginnings, by group."""

    def __init__(self) -> None:
        """Begin empty."""
        self._kept: OrderedDict[int, Prefix] = OrderedDict()
        self.bytes = 0.0
        """Memory of all of them, in use or not [B]."""
        self.unused = 0.0
        """Memory of those no running call uses [B]."""

    def take(self, group: int) -> Prefix | None:
        """Return a group's beginning, now in use, if it is kept."""
        kept = self._kept.get(group)
        if kept is not None:
            self._kept.move_to_end(group)
            self.unused -= 0.0 if kept.users else kept.size
            kept.users += 1
        return kept

    def release(self, kept: Prefix) -> None:
        """Let go of a beginning; it stays until its memory is needed."""
        kept.users -= 1
        self.unused += 0.0 if kept.users else kept.size

    def keep(self, group: int, tokens: int, size: float) -> Prefix | None:
        """Return the beginning a call has just computed, in use by it; None if another call's is kept already."""
        if group in self._kept:
            return None
        kept = self._kept[group] = Prefix(tokens, size)
        self.bytes += size
        return kept

    def evict(self, needed: float) -> bool:
        """Give up unused beginnings, the longest unused first, until so many bytes are free [B]; return whether any went."""
        if needed <= 0:
            return False
        before = len(self._kept)
        for group in [group for group, kept in self._kept.items() if not kept.users]:
            if needed <= 0:
                break
            kept = self._kept.pop(group)
            self.bytes -= kept.size
            self.unused -= kept.size
            needed -= kept.size
        return len(self._kept) < before
