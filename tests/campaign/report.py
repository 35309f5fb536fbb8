"""Writes what a campaign has run into docs/campaigns: a file of figures, and one page of the newest."""

from __future__ import annotations

import json
import os
import platform
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from campaign.entries import Entry
    from campaign.state import State

HEAD = """<!-- Written by tests/campaign; run `make campaign`. -->

# Campaigns

What the suite does in short, done at length: more seeds, more kills, more hours.
Each line says what was really run, not what was meant to be; an entry that has not reached its figure says so.
Where something failed, the seed stands below, and the command repeats it.
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


def page(campaign: Mapping[str, Any]) -> str:
    """Return the page of a campaign."""
    machine = campaign["machine"]
    lines = [
        HEAD,
        f"Commit `{campaign['commit'][:12]}`, {campaign['begun']} to {campaign['ended']}.",
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
        f"- {one['entry']}: " + ", ".join(f"{name} {value:,}" for name, value in sorted(one["seen"].items()))
        for one in campaign["entries"]
        if one["seen"]
    ]
    failures = [f"- {one['entry']}: `{what.splitlines()[0]}`" for one in campaign["entries"] for what in one["failed"]]
    lines += ["", "## What was seen", "", *(seen or ["Nothing more."])]
    lines += ["", "## What failed", "", *(failures or ["Nothing."]), ""]
    return "\n".join(lines)


def write(folder: Path, campaign: Mapping[str, Any]) -> Path:
    """Write the figures and the page into a folder; return the file of figures."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{campaign['begun'][:10]}-{campaign['commit'][:12]}.json"
    file.write_text(json.dumps(campaign, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "index.md").write_text(page(campaign), encoding="utf-8")
    return file
