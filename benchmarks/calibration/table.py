"""The calibration's figures as one table for people, and as one plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def show(document: dict[str, Any], out: Console) -> None:
    """Print it all."""
    out.print(
        f"seeds for {document['seeds']}, from {document['first_seed']:,} on; "
        f"judge frozen at {document['commit']}"
    )
    out.print(_false_alarms(document))
    out.print(_delays(document))
    out.print(_harms(document))
    out.print(_rivals(document))


def _false_alarms(document: dict[str, Any]) -> Table:
    table = Table("identical builds", "streams", "rolled back", "%", "promotable in 300 s, %")
    rows = {f"noise: {k}": v for k, v in document["noise_by_kind"].items()}
    rows |= {f"noise at {k}/s": v for k, v in document["noise_by_rate"].items()}
    rows["noise, all"] = document["noise"]
    rows["noise, stable as third side"] = document["noise_with_stable"]
    rows |= {f"queueing, {k}": v for k, v in document["queueing"].items()}
    rows |= {f"queueing: {k}": v for k, v in document["queueing_by_kind"].items()}
    for name, score in rows.items():
        n = max(score["streams"], 1)
        table.add_row(
            name,
            f"{score['streams']:,}",
            str(score["false_alarms"]),
            f"{100 * score['false_alarms'] / n:.2f}",
            f"{100 * score['promotable_in_time'] / n:.1f}",
        )
    recorded = [r for r in document["recorded"] if not r["harm"]]
    alarms = sum(r["outcome"] == "ROLLBACK" for r in recorded)
    table.add_row("recorded services", str(len(recorded)), str(alarms), "", "")
    return table


def _delays(document: dict[str, Any]) -> Table:
    rates = list(next(iter(document["noise_harm"].values())))
    table = Table("harm (noise): seconds median/90 %, share caught", *(f"{r}/s" for r in rates))
    for harm, scores in document["noise_harm"].items():
        table.add_row(harm, *(cell(scores[rate]) for rate in rates))
    return table


def cell(score: dict[str, Any]) -> str:
    """`43/54`, with the share caught where it isn't all."""
    if not score["caught"]:
        return "none"
    delays = f"{score['median']:.0f}/{score['ninety']:.0f}"
    share = score["caught"] / score["streams"]
    return delays if share == 1 else f"{delays} ({100 * share:.0f} %)"


def _harms(document: dict[str, Any]) -> Table:
    table = Table("harm (queueing)", "two sides", "with stable", "promoted")
    two, three = (document["queueing_harm"][v] for v in ("two sides", "as it is"))
    for part in ("by_harm", "by_rate"):
        for name in two[part]:
            promoted = three[part][name]["promoted"]
            table.add_row(name, cell(two[part][name]), cell(three[part][name]), str(promoted))
    for part in ("all", "major", "minor"):
        table.add_row(part, cell(two[part]), cell(three[part]), str(three[part]["promoted"]))
    return table


def _rivals(document: dict[str, Any]) -> Table:
    table = Table(
        "judge on the same streams", "identical rolled back, %", "20 % errors at 200/s: seconds"
    )
    ours = document["queueing"]["with stable"]
    table.add_row("Davylamp", f"{100 * ours['false_alarm_share']:.1f}", cell(document["a_fifth"]))
    for name, found in document["rivals"].items():
        alarms = f"{100 * found['false_alarms']['false_alarm_share']:.1f}"
        table.add_row(name, alarms, cell(found["a_fifth"]))
    return table


def draw(document: dict[str, Any], file: Path) -> None:
    """False alarms of all judges, and how fast each sees 20 % errors."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1, 1.25]})
    judges = {"Davylamp": (document["queueing"]["with stable"], document["a_fifth"])}
    judges |= {n: (r["false_alarms"], r["a_fifth"]) for n, r in document["rivals"].items()}
    names = list(judges)[::-1]
    colours = ["#d9480f" if n == "Davylamp" else "#868e96" for n in names]
    shares = [100 * judges[n][0]["false_alarm_share"] for n in names]
    left.barh(names, shares, color=colours)
    left.bar_label(left.containers[0], fmt="%.1f %%", padding=3, fontsize=8)
    left.set_xlim(0, max(*shares, 1) * 1.2)
    left.set_title("identical builds rolled back (queueing service)", fontsize=9)
    for harm, scores in document["noise_harm"].items():
        points = [
            (float(r), s["median"]) for r, s in scores.items() if 2 * s["caught"] >= s["streams"]
        ]
        if points:
            right.plot(*zip(*points, strict=True), marker=".", label=harm)
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xlabel("requests/s of the candidate")
    right.set_ylabel("seconds from onset to roll-back (median)")
    right.set_title("harm, where at least half is caught (noise)", fontsize=9)
    right.legend(fontsize=7, frameon=False, ncols=2)
    right.grid(alpha=0.2)
    figure.savefig(file)
