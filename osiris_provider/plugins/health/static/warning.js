// On Airflow's home: nothing while all are healthy, a line while something is not.

import { headline } from "./fleet.js";
import { Go, h, pageOf, useAnswer } from "./host.js";
import { word } from "./text.js";

const NAMED = 3;

export function Warning() {
  const { answer } = useAnswer("connections?unhealthy=true");
  if (!answer) return null;
  const sick = answer.connections;
  if (!sick.length && !answer.stopped) return null;
  const named = sick.slice(0, NAMED).map((one) => `${one.reference} (${word(one.label)})`);
  const more = sick.length > NAMED ? [`${sick.length - NAMED} more`] : [];
  return h(
    "div",
    { className: "osh osh-warning", role: "alert" },
    h("strong", null, headline(answer)),
    h("span", null, [...named, ...more].join(", ")),
    h(Go, { to: pageOf() }, "Connections health"),
  );
}
