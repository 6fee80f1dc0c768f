"""The documents of this repository, and the code in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import dedent

from tests.architecture.source import ROOT


@dataclass(frozen=True)
class Block:
    """A block of code in a document; ``path`` is what its first line, a comment, names."""

    language: str
    code: str
    path: str | None


def blocks_of(document: str) -> list[Block]:
    """Return the fenced blocks of a document, in order.

    :param document: path within the repository.
    """
    text = (ROOT / document).read_text(encoding="utf-8")
    matches = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    blocks = [(language, dedent(code) if indent else code) for indent, language, code in matches]
    return [Block(language, code, _path(code)) for language, code in blocks]


def _path(code: str) -> str | None:
    match = re.match(r"# (\S+\.\w+)\n", code)
    return match[1] if match else None
