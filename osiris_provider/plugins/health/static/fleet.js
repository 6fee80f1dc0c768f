// All connections: counts, filters, and a row for each.

import { FleetBar, Sparkline, Strip, uptimeSaid } from "./draw.js";
import { asCsv, save } from "./export.js";
import { Go, React, h, logPath, pageOf, runPath, useAnswer, useNow } from "./host.js";
import { LABELS, SOON, age, ago, date, daysLeft, duration, expiryWords, latency, moment, plural, word } from "./text.js";

const PAGE = 100; // rows that are drawn at first

const SORTS = {
  worst: ["Worst first", null],
  name: ["Name", (a, b) => (a.reference < b.reference ? -1 : 1)],
  since: ["Changed last", (a, b) => Date.parse(b.since) - Date.parse(a.since)],
  checked: ["Checked longest ago", (a, b) => Date.parse(a.last_check) - Date.parse(b.last_check)],
  slow: ["Slowest first", (a, b) => (b.latency_ms ?? -1) - (a.latency_ms ?? -1)],
  uptime: ["Lowest uptime", (a, b) => (a.uptime ?? 2) - (b.uptime ?? 2)],
};

export function Badge({ one }) {
  return h("span", { className: `osh-badge osh-of-${one.label}` }, word(one.label));
}

// Of a connection that is healthy as far as anyone can say without its credentials.
export function Unproven({ one }) {
  const said = "The server answers, but nothing has shown that it accepts the credentials.";
  return one.health === "healthy" && !one.proven && h("span", { className: "osh-muted", title: said }, "credentials not proven");
}

export function Since({ one, now }) {
  const lasted = duration(age(one.since, now));
  const said = `${one.health} ${one.since_is_exact ? "since" : "since the first known check,"} ${moment(one.since)}`;
  return h("time", { dateTime: one.since, title: said }, one.since_is_exact ? `for ${lasted}` : `for ${lasted} or longer`);
}

export function Checked({ one, now }) {
  const late = one.overdue ? "; the next check is overdue" : "";
  return h(
    "time",
    { dateTime: one.last_check, title: `${moment(one.last_check)}${late}`, className: one.overdue ? "osh-late" : undefined },
    `${one.overdue ? "overdue, " : ""}checked ${ago(one.last_check, now)}`,
  );
}

export function Links({ one }) {
  const [run, log] = [runPath(one.run), logPath(one.run)];
  return h(
    "span",
    { className: "osh-links" },
    h(Go, { to: `assets/${one.asset_id}` }, "Asset"),
    run && h(Go, { to: run }, "Run"),
    log && h(Go, { to: log }, "Log"),
  );
}

export function Expiries({ one, now, within = SOON }) {
  return one.expires
    .filter((expiry) => daysLeft(expiry, now) <= within)
    .map((expiry, i) =>
      h("span", { key: i, className: "osh-expiry", title: moment(expiry.at) }, expiryWords(expiry, now)),
    );
}

function Row({ one, days, now }) {
  return h(
    "li",
    { className: `osh-row osh-edge-${one.label}`, "data-reference": one.reference },
    h(
      "div",
      { className: "osh-who" },
      h("div", { className: "osh-title" }, h(Badge, { one }), h(Go, { to: pageOf(one.asset_id), className: "osh-name" }, one.reference), h(Unproven, { one })),
      one.health !== "healthy" && h("p", { className: "osh-message" }, one.message),
      h(Expiries, { one, now }),
    ),
    h("div", { className: "osh-when" }, h(Since, { one, now }), h(Checked, { one, now })),
    h("div", { className: "osh-latency" }, one.health !== "untested" && h(Sparkline, { latencies: one.latencies }), h("span", null, latency(one.latency_ms))),
    h("div", { className: "osh-month" }, h(Strip, { days, cells: one.days }), h("span", null, uptimeSaid(one))),
    h(Links, { one }),
  );
}

const isExpiring = (one, now) => one.expires.some((expiry) => daysLeft(expiry, now) <= SOON);

function Tiles({ answer, chosen, choose, now }) {
  const expiring = answer.connections.filter((one) => isExpiring(one, now)).length;
  const tile = (label, count, text) =>
    h(
      "button",
      {
        key: label,
        type: "button",
        className: `osh-tile osh-edge-${label}`,
        "aria-pressed": chosen === label,
        onClick: () => choose(chosen === label ? "" : label),
      },
      h("strong", null, count.toLocaleString()),
      h("span", null, text),
    );
  const shown = LABELS.filter((label) => answer.counts[label] || label === "ok");
  return h(
    "div",
    { className: "osh-tiles" },
    shown.map((label) => tile(label, answer.counts[label], word(label))),
    answer.overdue > 0 && tile("overdue", answer.overdue, "overdue"),
    expiring > 0 && tile("expiring", expiring, "expiring soon"),
  );
}

function Empty() {
  return h(
    "div",
    { className: "osh-note" },
    h("h2", null, "No checks yet"),
    h("p", null, "Here is the health of every connection that OsirisDoctorOperator checks. To fill this page:"),
    h(
      "ol",
      null,
      h("li", null, "Copy the example DAG osiris_health, which checks all of the connections file each hour."),
      h("li", null, "Keep fail_on_unhealthy=False, as there: Airflow keeps no events of a task that fails."),
      h("li", null, "Unpause it. The first check is here as soon as its first run is done."),
    ),
  );
}

const matches = (one, words) =>
  words.every((text) => `${one.reference} ${one.label} ${one.fault ?? ""} ${one.message}`.toLowerCase().includes(text));

const TILES = { overdue: (one) => one.overdue, expiring: isExpiring };

function selected(answer, { label, text, sort }, now) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const is = (one) => !label || (TILES[label] ? TILES[label](one, now) : one.label === label);
  const kept = answer.connections.filter((one) => is(one) && matches(one, words));
  return SORTS[sort][1] ? [...kept].sort(SORTS[sort][1]) : kept;
}

function Toolbar({ view, change, rows, answer }) {
  const stamp = answer.generated_at.slice(0, 16).replaceAll(":", "");
  const exported = (kind, type, make) =>
    h("button", { type: "button", onClick: () => save(`connections-health-${stamp}.${kind}`, type, make()) }, kind.toUpperCase());
  return h(
    "div",
    { className: "osh-toolbar", role: "search" },
    h("input", {
      type: "search",
      placeholder: "Filter by name, fault or message",
      "aria-label": "Filter",
      value: view.text,
      onChange: (event) => change({ text: event.target.value }),
    }),
    h(
      "select",
      { "aria-label": "Sort", value: view.sort, onChange: (event) => change({ sort: event.target.value }) },
      Object.entries(SORTS).map(([name, [said]]) => h("option", { key: name, value: name }, said)),
    ),
    h("span", { className: "osh-spacer" }),
    exported("json", "application/json", () => JSON.stringify({ ...answer, connections: rows }, null, 2)),
    exported("csv", "text/csv;charset=utf-8", () => asCsv(rows)),
  );
}

export function headline({ counts, total, stopped }) {
  const tried = total - counts.untested;
  const sick = tried - counts.ok;
  if (stopped) return "Checks have stopped";
  if (sick) return `${sick.toLocaleString()} of ${plural(total, "connection")} ${sick === 1 ? "is" : "are"} unhealthy`;
  if (!tried) return "No connection could be tested";
  if (tried < total) return `All ${tried.toLocaleString()} connections that could be tested are healthy`;
  return total === 1 ? "The one connection is healthy" : `All ${total.toLocaleString()} connections are healthy`;
}

export function Problem({ problem, answer, now }) {
  if (!problem) return null;
  const old = answer ? ` What is shown is of ${ago(answer.generated_at, now)}.` : "";
  return h("p", { className: "osh-problem", role: "alert" }, problem + old);
}

export function Fleet() {
  const { answer, problem } = useAnswer("connections");
  const now = useNow();
  const [view, setView] = React.useState({ label: "", text: "", sort: "worst" });
  const [limit, setLimit] = React.useState(PAGE);
  const change = (changes) => setView({ ...view, ...changes });
  if (!answer) return problem ? h(Problem, { problem }) : h("p", { className: "osh-note", role: "status" }, "Reading …");
  if (!answer.connections.length) return h(React.Fragment, null, h("h1", null, "Connections health"), h(Empty));
  const rows = selected(answer, view, now);
  return h(
    React.Fragment,
    null,
    h(
      "header",
      { className: "osh-head" },
      h("h1", null, "Connections health"),
      h("p", { className: "osh-headline", role: "status" }, headline(answer)),
      h(
        "p",
        { className: "osh-muted" },
        `last check ${ago(answer.last_check, now)} · history since ${date(answer.history_since)}`,
        !answer.complete && ` · reading the days before ${answer.days[0]} …`,
      ),
    ),
    h(Problem, { problem, answer, now }),
    h(FleetBar, { counts: answer.counts, total: answer.connections.length }),
    h(Tiles, { answer, chosen: view.label, choose: (label) => change({ label }), now }),
    h(Toolbar, { view, change, rows, answer }),
    h("ul", { className: "osh-rows" }, rows.slice(0, limit).map((one) => h(Row, { key: one.asset_id, one, days: answer.days, now }))),
    !rows.length && h("p", { className: "osh-note" }, "No connection is like that."),
    rows.length > limit &&
      h(
        "button",
        { type: "button", className: "osh-more", onClick: () => setLimit(rows.length) },
        `Show ${plural(rows.length - limit, "more connection")}`,
      ),
  );
}
