"""How pages look: light and dark, narrow and wide. No font or file from elsewhere."""

from __future__ import annotations

from davylamp.report.html import Html

STYLE = Html("""<style>
:root { color-scheme: light dark;
  --ground: #f6f7f9; --card: #fff; --ink: #1c2127; --faint: #5c6570; --line: #d9dee4;
  --good: #1b7a34; --bad: #c92a2a; --doubt: #9a5b00; --link: #1864ab; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #14171a; --card: #1d2126; --ink: #e6e9ec; --faint: #9aa4ae; --line: #343b43;
  --good: #69db7c; --bad: #ff8787; --doubt: #ffc078; --link: #74c0fc; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 20px 16px 48px; }
h1 { font-size: 1.65rem; line-height: 1.2; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 .6rem; }
h3 { font-size: 1rem; margin: 1rem 0 .4rem; }
p { margin: .3rem 0 .7rem; max-width: 75ch; overflow-wrap: anywhere; }
a { color: var(--link); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 16px; margin: 16px 0; min-width: 0; }
.lead { font-size: 1.08rem; }
.faint, footer { color: var(--faint); font-size: .87rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .doubt { color: var(--doubt); }
code { font: .88em ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.chip { display: inline-block; border: 1px solid currentColor; border-radius: 99px;
  padding: 0 .6em; font-size: .8em; font-weight: 600; white-space: nowrap; vertical-align: middle; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px;
  margin: 0; }
.figures div { border-left: 3px solid var(--line); padding-left: 10px; min-width: 0; }
.figures dt { color: var(--faint); font-size: .85rem; line-height: 1.3; }
.figures dd { margin: 2px 0 0; font-size: 1.25rem; font-weight: 600; line-height: 1.25;
  overflow-wrap: anywhere; }
.figures small { display: block; font-size: .8rem; font-weight: 400; color: var(--faint); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 0; }
.facts dt { color: var(--faint); } .facts dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.figures + p { margin-top: .9rem; }
.wide { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 5px 14px 5px 0;
  border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--faint); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; white-space: nowrap; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td { white-space: nowrap; } td.t { font-variant-numeric: tabular-nums; }
td.long { min-width: 22ch; white-space: normal; overflow-wrap: anywhere; }
td code { overflow-wrap: normal; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr));
  gap: 14px; justify-items: center; }
figure { margin: 0; max-width: 100%; }
figure img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: 6px; }
figcaption { color: var(--faint); font-size: .85rem; padding: 4px 2px; max-width: 62ch; }
@media (min-width: 900px) {
  header .facts { grid-template-columns: max-content 1fr max-content 1fr; } }
@media (max-width: 520px) { .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: 6px; } main { padding: 14px 10px 32px; } section { padding: 12px; } }
@media print { section { break-inside: avoid; } }
</style>""")
