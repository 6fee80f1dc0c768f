// What is shown, as a file.

const COLUMNS = [
  "family", "alias", "category", "fault", "health", "since", "last_check", "overdue",
  "latency_ms", "uptime", "checks", "message", "asset_id",
];

// A spreadsheet runs what begins like a formula.
function cell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  const plain = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

export function asCsv(connections) {
  const lines = connections.map((one) => COLUMNS.map((name) => cell(one[name])).join(","));
  return [COLUMNS.join(","), ...lines, ""].join("\r\n");
}

export function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
