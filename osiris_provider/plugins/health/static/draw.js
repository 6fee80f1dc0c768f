// Small pictures, as SVG: the latency of the last checks, the days of a month, the hours of a month.

import { h } from "./host.js";
import { calendarDay, latency, moment, plural, share, word } from "./text.js";

const number = (value) => Number(value.toFixed(1));

// The latencies of the last checks; a gap and a mark below where the server was not reached.
export function Sparkline({ latencies, width = 96, height = 22 }) {
  const known = latencies.filter((ms) => ms !== null);
  const top = Math.max(...known, 1);
  const step = width / Math.max(latencies.length - 1, 1);
  const points = latencies.map((ms, i) => (ms === null ? null : [i * step, height - 3 - (ms / top) * (height - 6)]));
  let line = "";
  points.forEach((point, i) => {
    if (point) line += `${points[i - 1] ? "L" : "M"}${number(point[0])} ${number(point[1])}`;
    if (point && !points[i - 1] && !points[i + 1]) line += "h0.1";
  });
  const missing = latencies.map((ms, i) => (ms === null ? `M${number(i * step)} ${height - 4}v4` : "")).join("");
  const said = known.length ? `Latency of the last ${plural(latencies.length, "check")}, up to ${latency(top)}` : "";
  return h(
    "svg",
    { className: "osh-spark", viewBox: `-2 0 ${width + 4} ${height}`, role: "img", "aria-label": said || "No latency" },
    said && h("title", null, said),
    line && h("path", { d: line, className: "osh-line" }),
    missing && h("path", { d: missing, className: "osh-missing" }),
  );
}

function daySaid(day, cell) {
  if (!cell) return `${calendarDay(day)}: no check`;
  const [checks, healthy, tried, trouble] = cell;
  if (!tried) return `${calendarDay(day)}: ${plural(checks, "check")}, nothing could be tested`;
  const bad = tried - healthy;
  const what = bad ? `${bad} of ${plural(tried, "check")} unhealthy, mostly ${trouble}` : `${plural(tried, "check")}, all healthy`;
  return `${calendarDay(day)}: ${what}`;
}

function dayClass(cell) {
  if (!cell) return "osh-none";
  const [, healthy, tried] = cell;
  if (!tried) return "osh-untested";
  if (healthy === tried) return "osh-ok";
  return healthy === 0 ? "osh-bad" : "osh-partly";
}

// A bar a day. Days that are healthy are one shape, so that 500 strips are no burden; all others say what they were.
export function Strip({ days, cells, total = 30, width = 210, height = 22, detailed = false }) {
  const step = width / total;
  const missing = total - cells.length;
  const bar = (i) => `M${number((i + missing) * step)} 0h${number(step - 1.5)}v${height}h-${number(step - 1.5)}z`;
  const plain = { "osh-ok": "", "osh-none": "" };
  const special = [];
  cells.forEach((cell, i) => {
    const kind = dayClass(cell);
    if (kind in plain && !detailed) plain[kind] += bar(i);
    else special.push(h("path", { key: i, d: bar(i), className: kind }, h("title", null, daySaid(days[i], cell))));
  });
  const waiting = Array.from({ length: missing }, (_, i) => bar(i - missing)).join("");
  const bad = cells.filter((cell) => cell && cell[1] < cell[2]).length;
  const said = bad ? `${plural(bad, "day")} of ${total} with unhealthy checks` : `No unhealthy check in ${total} days`;
  return h(
    "svg",
    { className: "osh-strip", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": said },
    waiting && h("path", { d: waiting, className: "osh-waiting" }),
    ...Object.entries(plain).map(([kind, d]) => d && h("path", { key: kind, d, className: kind })),
    ...special,
  );
}

// How much of the fleet is in which state.
export function FleetBar({ counts, total }) {
  const parts = Object.entries(counts).filter(([, count]) => count);
  return h(
    "div",
    { className: "osh-fleetbar", role: "img", "aria-label": parts.map(([label, n]) => `${n} ${word(label)}`).join(", ") },
    parts.map(([label, count]) =>
      h("span", { key: label, className: `osh-fill-${label}`, style: { flexGrow: count / total } }),
    ),
  );
}

// Mean and longest latency of each hour; hours with unhealthy checks have a band.
export function HourChart({ hours, start, end, width = 900, height = 130 }) {
  const [from, to] = [Date.parse(start), Date.parse(end)];
  const top = Math.max(...hours.map(([, , longest]) => longest ?? 0), 1);
  const x = (at) => number(((Date.parse(at) - from) / (to - from)) * width);
  const y = (ms) => number(height - 1 - (ms / top) * (height - 2));
  const bar = Math.max(1.5, (3600_000 / (to - from)) * width);
  const path = (column) => {
    let drawn = "";
    let last = -Infinity;
    for (const hour of hours) {
      if (hour[column] === null) continue;
      const at = Date.parse(hour[0]);
      drawn += `${at - last > 6 * 3600_000 ? "M" : "L"}${x(hour[0])} ${y(hour[column])}`;
      last = at;
    }
    return drawn;
  };
  const band = ([at, , , sick]) =>
    h(
      "rect",
      { key: at, x: x(at), y: 0, width: bar, height, className: "osh-band" },
      h("title", null, `${moment(at)}: ${plural(sick, "unhealthy check")}`),
    );
  const said = `Latency by hour, up to ${latency(top)}`;
  const ticks = Array.from({ length: 5 }, (_, i) => new Date(from + ((to - from) * i) / 4).toISOString());
  return h(
    "div",
    null,
    h("div", { className: "osh-ticks" }, h("span", null, latency(top))),
    h(
      "svg",
      { className: "osh-chart", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": said },
      h("path", { d: `M0 ${y(top)}H${width}M0 ${y(0)}H${width}`, className: "osh-rule" }),
      hours.filter(([, , , sick]) => sick).map(band),
      h("path", { d: path(2), className: "osh-line osh-longest" }),
      h("path", { d: path(1), className: "osh-line" }),
    ),
    h("div", { className: "osh-ticks" }, ticks.map((tick) => h("span", { key: tick }, calendarDay(tick)))),
  );
}

export const uptimeSaid = (one) => (one.uptime === null ? "not tested" : `${share(one.uptime)} up`);
