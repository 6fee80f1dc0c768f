// Words and numbers for people. Nothing here makes HTML: React sets what is returned as text.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const LABELS = ["auth", "permission", "network", "timeout", "unknown", "untested", "ok"];
export const WORDS = { ok: "healthy", untested: "not tested" };
export const SOON = 30; // days before an expiry is said on the fleet's page

const CALENDAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const FORMATS = new Map();

function styles(zone) {
  const style = (more) => new Intl.DateTimeFormat(undefined, { dateStyle: "medium", ...zone, ...more });
  return { moment: style({ timeStyle: "medium" }), date: style() };
}

// How moments are written: in the time zone that the user has chosen in Airflow's UI, else in the browser's.
function formats() {
  const chosen = localStorage.getItem("timezone");
  if (!FORMATS.has(chosen)) {
    try {
      FORMATS.set(chosen, styles({ timeZone: JSON.parse(chosen) }));
    } catch {
      FORMATS.set(chosen, styles());
    }
  }
  return FORMATS.get(chosen);
}

export const word = (label) => WORDS[label] ?? label;

export const moment = (text) => formats().moment.format(new Date(text));

export const date = (text) => formats().date.format(new Date(text));

// A day as the server counts it, in UTC.
export const calendarDay = (text) => CALENDAR.format(new Date(`${text.slice(0, 10)}T00:00:00Z`));

export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < MINUTE) return `${s} s`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)} min`;
  if (s < DAY) {
    const minutes = Math.floor((s % HOUR) / MINUTE);
    return `${Math.floor(s / HOUR)} h${minutes ? ` ${minutes} min` : ""}`;
  }
  const hours = Math.floor((s % DAY) / HOUR);
  return `${Math.floor(s / DAY)} d${hours && s < 10 * DAY ? ` ${hours} h` : ""}`;
}

export const age = (text, now) => (now - Date.parse(text)) / 1000;

export function ago(text, now) {
  const seconds = age(text, now);
  return seconds < 45 ? "just now" : `${duration(seconds)} ago`;
}

export function latency(ms) {
  if (ms === null || ms === undefined) return "";
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

// 99.97 % must not be shown as 100 %.
export function share(fraction) {
  if (fraction === null || fraction === undefined) return "";
  if (fraction === 1) return "100 %";
  const percent = Math.floor(fraction * 10000) / 100;
  return `${percent.toFixed(percent < 90 ? 0 : percent < 99 ? 1 : 2)} %`;
}

export function plural(number, noun, more = `${noun}s`) {
  return `${number.toLocaleString()} ${number === 1 ? noun : more}`;
}

export function daysLeft(expiry, now) {
  return Math.floor((Date.parse(expiry.at) - now) / 1000 / DAY);
}

export function expiryWords(expiry, now) {
  const days = daysLeft(expiry, now);
  const what = expiry.what || "Something";
  if (days < 0) return `${what} has expired`;
  return days === 0 ? `${what} expires within a day` : `${what} expires in ${plural(days, "day")}`;
}
