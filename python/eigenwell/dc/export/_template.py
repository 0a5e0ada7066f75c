"""Fill a template of the ``templates`` folder: placeholders and conditional lines, nothing else."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

_PLACEHOLDER = re.compile(r"@(\w+)@")
_DIRECTIVE = re.compile(r"\s*(?://|#)% (?:(if|if not) (\w+)|(else)|(end))\s*")


def render(template: str, values: Mapping[str, object], flags: AbstractSet[str]) -> str:
    """Return the text of a template with its placeholders filled and its conditions resolved.

    ``@key@`` becomes ``values[key]``, which is not scanned again. Lines between ``//% if flag`` (or
    ``#% if flag``; also ``if not``, ``else``) and ``//% end`` stay if the flag is set; they nest.

    Args:
        template: File name in the ``templates`` folder.
        values: Text for each placeholder.
        flags: Names of the conditions that hold.
    """
    source = (importlib.resources.files(__package__) / "templates" / template).read_text("ascii")
    kept: list[str] = []
    conditions: list[bool] = []
    for line in source.splitlines():
        directive = _DIRECTIVE.fullmatch(line)
        if directive is None:
            if all(conditions):
                kept.append(line)
        elif directive[1]:
            conditions.append((directive[2] in flags) == (directive[1] == "if"))
        elif directive[3]:
            conditions[-1] = not conditions[-1]
        else:
            conditions.pop()
    text = "\n".join(kept) + "\n"
    return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), text)
