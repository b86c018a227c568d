"""Writes what `ivsd explain` says of the example configuration into the README (`make docs`)."""

from __future__ import annotations

import re
from pathlib import Path

from ivsd.config import salvage
from ivsd.controller.explain import explain
from ivsd.rules import rules_of

ROOT = Path(__file__).parent.parent
PLACE = re.compile(r"(?<=<!-- explain -->\n```\n).*?(?=```\n<!-- /explain -->)", re.DOTALL)


def with_table(readme: str) -> str:
    """Return the README with the table of today's code."""
    example = salvage(ROOT / "config" / "ivsd.yaml")
    lines = explain(rules_of(example.controls, example.recording, example.badges))
    return PLACE.sub(lambda _: "".join(f"{line}\n" for line in lines), readme)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8")), encoding="utf-8")
