// One connection: what it is now, how it was, and what has changed.

import { HourChart, Strip, uptimeSaid } from "./draw.js";
import { Badge, Checked, Expiries, Links, Problem, Since, Unproven } from "./fleet.js";
import { Go, React, h, logPath, pageOf, useAnswer, useNow } from "./host.js";
import { ago, duration, latency, moment, plural, word } from "./text.js";

const SHOWN = 25; // checks that are listed at first

function Fact({ name, children }) {
  return h("div", { className: "osh-fact" }, h("dt", null, name), h("dd", null, children));
}

function Facts({ answer, now }) {
  const one = answer.connection;
  const details = Object.entries(one.details).filter(([name]) => name !== "note");
  return h(
    "dl",
    { className: "osh-facts" },
    h(Fact, { name: "Latency" }, latency(one.latency_ms) || "not reached"),
    h(Fact, { name: "30 days" }, `${uptimeSaid(one)}, ${plural(one.checks, "check")}`),
    h(Fact, { name: "History since" }, moment(one.history_since)),
    one.fault && h(Fact, { name: "Fault" }, one.fault),
    details.map(([name, value]) => h(Fact, { key: name, name: name.replaceAll("_", " ") }, value)),
  );
}

function was(change) {
  if (change.was === null || change.was === undefined) return "first known check";
  const lasted = change.lasted_s === null ? "" : ` for ${duration(change.lasted_s)}`;
  return `was ${word(change.was)}${lasted}`;
}

function Change({ change, now }) {
  const log = logPath(change.run);
  const label = change.health === "untested" ? "untested" : change.category;
  const body = change.properties
    ? change.properties.map((prop) => h("p", { key: prop.name }, `${prop.name.replaceAll("_", " ")}: ${prop.was} → ${prop.is}`))
    : [
        h("p", { key: "verdict" }, h(Badge, { one: { label } }), " ", h("span", { className: "osh-muted" }, was(change))),
        change.health !== "healthy" && h("p", { key: "message", className: "osh-message" }, change.message),
      ];
  return h(
    "li",
    { className: `osh-change osh-edge-${change.properties ? "property" : label}` },
    h("time", { dateTime: change.at, title: ago(change.at, now) }, moment(change.at)),
    h("div", null, body),
    log && h(Go, { to: log }, "Log"),
  );
}

function Checks({ checks }) {
  const [limit, setLimit] = React.useState(SHOWN);
  const rows = checks.slice(0, limit).map((check) => {
    const log = logPath(check.run);
    const label = check.health === "untested" ? "untested" : check.category;
    return h(
      "tr",
      { key: `${check.at} ${check.run.run_id}` },
      h("td", null, h("time", { dateTime: check.at }, moment(check.at))),
      h("td", null, h(Badge, { one: { label } })),
      h("td", { className: "osh-number" }, latency(check.latency_ms)),
      h("td", null, check.message),
      h("td", null, log && h(Go, { to: log }, "Log")),
    );
  });
  return h(
    "section",
    null,
    h("h2", null, "Last checks"),
    h("div", { className: "osh-scroll" }, h("table", null, h("tbody", null, rows))),
    checks.length > limit &&
      h("button", { type: "button", className: "osh-more", onClick: () => setLimit(checks.length) }, "Show more"),
  );
}

export function Connection({ assetId }) {
  const { answer, problem } = useAnswer(`connections/${assetId}`);
  const now = useNow();
  const back = h(Go, { to: pageOf(), className: "osh-back" }, "← All connections");
  if (!answer) {
    const waiting = h("p", { className: "osh-note", role: "status" }, "Reading …");
    return h(React.Fragment, null, back, problem ? h(Problem, { problem }) : waiting);
  }
  const one = answer.connection;
  const first = new Date(`${answer.days[0]}T00:00:00Z`);
  const start = answer.hours.length ? new Date(Math.max(first, Math.min(Date.parse(answer.hours[0][0]), now - 86_400_000))) : first;
  return h(
    React.Fragment,
    null,
    back,
    h(
      "header",
      { className: "osh-head" },
      h("h1", null, one.reference),
      h(
        "p",
        { className: "osh-title" },
        h(Badge, { one }),
        h(Since, { one, now }),
        h("span", { className: "osh-muted" }, h(Checked, { one, now })),
        h(Unproven, { one }),
      ),
      h("p", { className: "osh-message" }, one.message, one.details.note && `; ${one.details.note}`),
      h("p", null, h(Expiries, { one, now, within: Infinity })),
      h(Links, { one }),
    ),
    h(Problem, { problem, answer, now }),
    h(Facts, { answer, now }),
    h(
      "section",
      { "aria-label": "30 days" },
      h("h2", null, "30 days"),
      h("div", { className: "osh-month osh-wide" }, h(Strip, { days: answer.days, cells: one.days, width: 900, height: 28, detailed: true })),
      h("h2", null, "Latency by hour"),
      h(HourChart, { hours: answer.hours, start: start.toISOString(), end: answer.generated_at }),
    ),
    h(
      "section",
      null,
      h("h2", null, "What changed"),
      h("ol", { className: "osh-changes" }, answer.changes.map((change, i) => h(Change, { key: i, change, now }))),
    ),
    h(Checks, { checks: answer.checks }),
  );
}
