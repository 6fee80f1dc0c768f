// The page "Connections health" and the warning on Airflow's home; Airflow's UI imports this file for both.
// It is as it is written: there is no build, and no library but what Airflow gives (host.js).

import { Connection } from "./connection.js";
import { Fleet } from "./fleet.js";
import { h, useAssetId, useStyle } from "./host.js";
import { STYLE } from "./style.js";
import { Warning } from "./warning.js";

function Page() {
  const assetId = useAssetId();
  useStyle(STYLE);
  return h("main", { className: "osh" }, assetId === undefined ? h(Fleet) : h(Connection, { key: assetId, assetId }));
}

function Home() {
  useStyle(STYLE);
  return h(Warning);
}

// Airflow looks for the components under the names that the plugin has given them.
globalThis["Connections health"] = Page;
globalThis["Connections health warning"] = Home;
