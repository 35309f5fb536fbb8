"""Writes what campaigns have run into docs/campaigns: a file of figures for each, and one page of all."""

from __future__ import annotations

import json
import os
import platform
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from campaign.entries import Entry
    from campaign.state import State

HEAD = """<!-- Written by tests/campaign; run `make campaign`. -->

# Campaigns

What the suite does in short, done at length: more seeds, more kills, more hours.
Each line says what was really run, not what was meant to be; an entry that has not reached its figure says so.
Where something failed, the seed stands below, and the command repeats it.
Not run by it yet: nodes behind a proxy that cuts and stalls (K3), and the soak of six hours (L1).
"""


def document(entries: Mapping[str, Entry], figures: Mapping[str, int], state: State, ended: str) -> dict[str, Any]:
    """Return the figures of a campaign as they stand."""
    rows = []
    for name, entry in entries.items():
        progress = state.of(name)
        rows.append(
            {
                "entry": name,
                "what": entry.what,
                "unit": entry.unit,
                "campaign_figure": entry.campaign,
                "asked": figures[name],
                "ran": progress.done,
                "in_ci": entry.in_ci,
                "failed": progress.failed,
                "seen": progress.seen,
                "seconds": round(progress.seconds),
                "load_average": median(progress.loads) if progress.loads else None,
            }
        )
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    return {"commit": state.commit, "begun": state.begun, "ended": ended, "machine": machine, "entries": rows}


def page(campaigns: Sequence[Mapping[str, Any]]) -> str:
    """Return the page of campaigns, the newest first."""
    newest_first = sorted(campaigns, key=lambda one: str(one["ended"]), reverse=True)
    return "\n".join([HEAD, *(line for one in newest_first for line in _told(one))]).rstrip() + "\n"


def _told(campaign: Mapping[str, Any]) -> list[str]:
    machine = campaign["machine"]
    lines = [
        f"## {campaign['ended'][:10]}, {campaign['commit'][:12]}",
        "",
        f"Begun {campaign['begun']}, ended {campaign['ended']}, at commit `{campaign['commit']}`.",
        f"The machine has {machine['cores']} cores and Python {machine['python']}.",
        "",
        "| entry | what | ran | of | in CI | failed | minutes | load |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in campaign["entries"]:
        short = "" if one["ran"] >= one["campaign_figure"] else " (not reached)"
        load = "" if one["load_average"] is None else f"{one['load_average']:.1f}"
        lines.append(
            f"| {one['entry']} | {one['what']} | {one['ran']:,} {one['unit']}{short} | {one['campaign_figure']:,} |"
            f" {one['in_ci']:,} | {len(one['failed'])} | {one['seconds'] / 60:.1f} | {load} |"
        )
    seen = [
        f"- Seen by {one['entry']}: " + ", ".join(f"{name} {value:,}" for name, value in sorted(one["seen"].items()))
        for one in campaign["entries"]
        if one["seen"]
    ]
    failures = [
        f"- Failed, {one['entry']}: `{what.splitlines()[0]}`" for one in campaign["entries"] for what in one["failed"]
    ]
    return [*lines, "", *seen, *(failures or ["- Nothing failed."]), ""]


def write(folder: Path, campaign: Mapping[str, Any]) -> Path:
    """Write the figures and the page into a folder; return the file of figures."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{campaign['begun'][:10]}-{campaign['commit'][:12]}.json"
    file.write_text(json.dumps(campaign, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    kept = [json.loads(one.read_text(encoding="utf-8")) for one in sorted(folder.glob("*.json"))]
    (folder / "index.md").write_text(page(kept), encoding="utf-8")
    return file
