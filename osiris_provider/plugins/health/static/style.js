// How it looks. Colours are those of Airflow's theme, so that light and dark follow it; after the comma is what they
// are if a version of Airflow calls them otherwise.

const fill = (name, colour) => `
  .osh-of-${name} { color: var(--chakra-colors-${colour}-fg, inherit); background: var(--chakra-colors-${colour}-subtle, transparent); }
  .osh-edge-${name} { --edge: var(--chakra-colors-${colour}-solid, currentColor); }
  .osh-fill-${name} { background: var(--chakra-colors-${colour}-solid, currentColor); }`;

export const STYLE = `
.osh {
  --fg: var(--chakra-colors-fg, inherit);
  --muted: var(--chakra-colors-fg-muted, #6b7280);
  --line: var(--chakra-colors-border, #8884);
  --soft: var(--chakra-colors-bg-muted, transparent);
  --ok: var(--chakra-colors-green-solid, #16a34a);
  --bad: var(--chakra-colors-red-solid, #dc2626);
  --partly: var(--chakra-colors-orange-solid, #ea580c);
  --none: var(--chakra-colors-bg-emphasized, #8883);
  --edge: var(--line);
  box-sizing: border-box; width: 100%; max-width: 1320px; margin: 0 auto; padding: 20px 24px 48px;
  color: var(--fg); font-size: 14px; line-height: 1.45; overflow-wrap: anywhere;
}
.osh *, .osh *::before { box-sizing: border-box; }
.osh h1 { font-size: 22px; font-weight: 600; line-height: 1.25; }
.osh h2 { font-size: 15px; font-weight: 600; margin: 26px 0 10px; }
.osh a { color: var(--chakra-colors-fg-info, #2563eb); }
.osh a:hover { text-decoration: underline; }
.osh :focus-visible { outline: 2px solid var(--chakra-colors-fg-info, #2563eb); outline-offset: 2px; }
.osh-muted, .osh-links, .osh-when, .osh-latency, .osh-month { color: var(--muted); }
.osh-head { display: grid; gap: 4px; margin-bottom: 14px; }
.osh-headline { font-size: 16px; }
.osh-fleetbar { display: flex; gap: 2px; height: 8px; margin: 14px 0; border-radius: 4px; overflow: hidden; }
.osh-fleetbar span { min-width: 4px; flex-basis: 0; }
.osh-tiles { display: flex; flex-wrap: wrap; gap: 8px; }
.osh-tile {
  display: grid; min-width: 92px; padding: 8px 14px 8px 12px; text-align: left; cursor: pointer;
  border: 1px solid var(--line); border-left: 4px solid var(--edge); border-radius: 6px; background: var(--soft);
}
.osh-tile strong { font-size: 20px; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums; }
.osh-tile span { color: var(--muted); font-size: 13px; }
.osh-tile[aria-pressed=true] { border-color: var(--edge); box-shadow: inset 0 0 0 1px var(--edge); }
.osh-edge-overdue { --edge: var(--muted); }
.osh-edge-expiring { --edge: var(--chakra-colors-orange-solid, #ea580c); }
.osh-toolbar { display: flex; flex-wrap: wrap; gap: 8px; margin: 16px 0 10px; }
.osh-toolbar input, .osh-toolbar select, .osh-toolbar button, .osh-more {
  height: 34px; padding: 0 10px; border: 1px solid var(--line); border-radius: 6px;
  background: var(--chakra-colors-bg, transparent); color: inherit; font-size: 13px;
}
.osh-toolbar input { flex: 0 1 300px; min-width: 160px; }
.osh-toolbar button, .osh-more { cursor: pointer; }
.osh-toolbar button:hover, .osh-more:hover, .osh-tile:hover { background: var(--chakra-colors-bg-muted, #8882); }
.osh-more { display: block; margin: 14px auto 0; }
.osh-spacer { flex: 1; }
.osh-rows { list-style: none; padding: 0; border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.osh-rows:empty { display: none; }
.osh-row {
  display: grid; grid-template-columns: minmax(220px, 1fr) 160px 156px 210px 112px; gap: 6px 20px; align-items: center;
  padding: 10px 16px 10px 12px; border-left: 4px solid var(--edge);
}
.osh-row + .osh-row { border-top: 1px solid var(--line); }
.osh-title { display: flex; flex-wrap: wrap; gap: 4px 10px; align-items: center; }
.osh-name.osh-name { color: var(--fg); font-weight: 600; }
.osh-message { color: var(--fg); margin-top: 3px; }
.osh-badge { display: inline-block; padding: 1px 8px; border-radius: 10px; font-size: 12px; font-weight: 500; white-space: nowrap; }
.osh-expiry {
  display: inline-block; margin: 4px 8px 0 0; padding: 1px 8px; border-radius: 10px; font-size: 12px;
  color: var(--chakra-colors-orange-fg, inherit); background: var(--chakra-colors-orange-subtle, transparent);
}
.osh-when { display: grid; font-size: 13px; }
.osh-when time:first-child { color: var(--fg); }
.osh-late { color: var(--chakra-colors-orange-fg, inherit); }
.osh-latency { display: grid; grid-template-columns: 96px 1fr; gap: 8px; align-items: center; font-size: 13px; }
.osh-latency, .osh-number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.osh-month { display: grid; gap: 2px; font-size: 12px; }
.osh-links { display: flex; gap: 4px 12px; font-size: 13px; }
.osh-row > .osh-links { justify-content: flex-end; }
.osh-spark { width: 96px; height: 22px; overflow: visible; }
.osh-line { fill: none; stroke: var(--chakra-colors-fg-info, #2563eb); stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
.osh-longest { opacity: .3; }
.osh-missing { fill: none; stroke: var(--bad); stroke-width: 2; }
.osh-strip { width: 100%; height: 22px; display: block; }
.osh-strip .osh-ok { fill: var(--ok); opacity: .75; }
.osh-strip .osh-bad { fill: var(--bad); }
.osh-strip .osh-partly { fill: var(--partly); }
.osh-strip .osh-none, .osh-strip .osh-waiting { fill: var(--none); }
.osh-strip .osh-untested { fill: var(--muted); opacity: .5; }
.osh-strip .osh-waiting { animation: osh-wait 1.2s ease-in-out infinite alternate; }
.osh-strip path:hover { opacity: 1; }
@keyframes osh-wait { from { opacity: .35; } to { opacity: .9; } }
@media (prefers-reduced-motion: reduce) { .osh-strip .osh-waiting { animation: none; } }
.osh-wide .osh-strip { height: 28px; }
.osh-chart { width: 100%; height: 130px; display: block; }
.osh-chart path { vector-effect: non-scaling-stroke; }
.osh-chart .osh-line { stroke-width: 1.2; }
.osh-rule { stroke: var(--line); }
.osh-ticks { display: flex; justify-content: space-between; color: var(--muted); font-size: 12px; }
.osh-band { fill: var(--bad); opacity: .22; }
.osh-back { display: inline-block; margin-bottom: 10px; font-size: 13px; }
.osh-head .osh-links { display: flex; gap: 16px; margin-top: 4px; }
.osh-facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 10px 20px; padding: 12px 16px; border: 1px solid var(--line); border-radius: 8px; background: var(--soft); }
.osh-fact dt { color: var(--muted); font-size: 12px; }
.osh-changes { list-style: none; padding: 0; border-left: 2px solid var(--line); margin-left: 6px; }
.osh-change { position: relative; display: grid; grid-template-columns: 190px 1fr 40px; gap: 4px 16px; padding: 6px 0 10px 18px; }
.osh-change::before { content: ""; position: absolute; left: -7px; top: 11px; width: 12px; height: 12px; border-radius: 6px; background: var(--edge); }
.osh-change > time { color: var(--muted); font-size: 13px; }
.osh-edge-property { --edge: var(--chakra-colors-blue-solid, #2563eb); }
.osh-scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
.osh table { width: 100%; font-size: 13px; border-collapse: collapse; }
.osh td { padding: 5px 12px; vertical-align: top; }
.osh td:nth-child(-n+3) { white-space: nowrap; }
.osh tr + tr td { border-top: 1px solid var(--line); }
.osh-note { padding: 18px; color: var(--muted); }
.osh-note ol { padding-left: 22px; margin-top: 6px; }
.osh-problem { margin: 8px 0; padding: 8px 12px; border: 1px solid var(--partly); border-radius: 6px; }
.osh-warning {
  display: flex; flex-wrap: wrap; gap: 4px 14px; max-width: none; margin: 0; padding: 10px 14px;
  border: 1px solid var(--line); border-left: 4px solid var(--bad); border-radius: 6px; background: var(--soft);
}
.osh-warning a { margin-left: auto; }
@media (max-width: 1180px) {
  .osh-row { grid-template-columns: 1fr 156px 210px; }
  .osh-who { grid-column: 1 / span 2; }
  .osh-when { display: flex; flex-wrap: wrap; gap: 4px 12px; }
  .osh-row > .osh-month { grid-row: 1; grid-column: 3; }
}
@media (max-width: 720px) {
  .osh { padding: 14px 12px 40px; }
  .osh-row { grid-template-columns: 1fr; }
  .osh-who, .osh-row > .osh-month { grid-column: 1; grid-row: auto; }
  .osh-row > .osh-links { justify-content: flex-start; }
  .osh-toolbar input, .osh-toolbar select { flex: 1 1 100%; }
  .osh-spacer { display: none; }
  .osh-change { grid-template-columns: 1fr 40px; }
  .osh-change > div { grid-column: 1; grid-row: 2; }
}
${fill("auth", "red")}${fill("permission", "red")}${fill("network", "orange")}${fill("timeout", "orange")}
${fill("unknown", "purple")}${fill("untested", "gray")}${fill("ok", "green")}
`;
