// What Airflow's UI gives to a plugin: React, its router, the colours of its theme, and a session.

export const React = globalThis.React;
export const h = React.createElement;

const ROUTE = "plugin/connections-health";
const Router = globalThis.ReactRouterDOM ?? {};

// A link inside of Airflow's UI, without loading all of it again.
export function Go({ to, children, ...rest }) {
  if (Router.Link) return h(Router.Link, { to: `/${to}`, ...rest }, children);
  return h("a", { href: new URL(to, document.baseURI).href, ...rest }, children);
}

export const pageOf = (assetId) => (assetId === undefined ? ROUTE : `${ROUTE}/${assetId}`);

// The number of the connection that the address names; undefined is the page of all.
export function useAssetId() {
  const rest = Router.useParams ? (Router.useParams()["*"] ?? "") : location.pathname.split(`/${ROUTE}/`)[1] ?? "";
  return /^[0-9]{1,10}$/.test(rest) ? Number(rest) : undefined;
}

const part = encodeURIComponent;

export function runPath(run) {
  return run.dag_id && run.run_id ? `dags/${part(run.dag_id)}/runs/${part(run.run_id)}` : null;
}

export function logPath(run) {
  const path = runPath(run);
  if (!path || !run.task_id) return null;
  const task = `${path}/tasks/${part(run.task_id)}`;
  return run.map_index >= 0 ? `${task}/mapped/${run.map_index}` : task;
}

const EVERY = 60_000;
const AT_ONCE = 100;
const PROBLEMS = {
  TypeError: "Airflow does not answer.",
  TimeoutError: "Airflow does not answer.",
  SyntaxError: "What answers is not Airflow, but perhaps a login before it. Load the page again.",
};

async function ask(path, stopped) {
  const url = new URL(`osiris/health/${path}`, document.baseURI);
  // A browser by itself may wait for ever.
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(EVERY)]);
  const response = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json" }, signal });
  if (response.ok) return response.json();
  if (response.status === 401) throw new Error("You are not logged in any more. Load the page again.");
  if (response.status === 403) throw new Error("You may not read assets, and what is shown here is of their events.");
  if (response.status === 404) throw new Error("There are no checks of this connection any more.");
  throw new Error(`Airflow answers with status ${response.status}. Its API server's log says why.`);
}

// What a route answers, again each minute while the page is visible. An answer that fails leaves the last one.
export function useAnswer(path) {
  const [state, setState] = React.useState({ path, answer: null, problem: null });
  React.useEffect(() => {
    let stop = new AbortController();
    let timer;
    const next = async () => {
      const { signal } = stop;
      let wait = EVERY;
      try {
        if (document.visibilityState === "visible") {
          const answer = await ask(path, signal);
          // The server reads a month bit by bit: the rest is asked for at once.
          if (answer.complete === false && answer.connections) wait = AT_ONCE;
          setState({ path, answer, problem: null });
        }
      } catch (error) {
        if (signal.aborted) return;
        const problem = PROBLEMS[error.name] ?? error.message;
        setState((before) => ({ path, answer: before.path === path ? before.answer : null, problem }));
      }
      if (!signal.aborted) timer = setTimeout(next, wait);
    };
    const wake = () => {
      if (document.visibilityState !== "visible") return;
      clearTimeout(timer);
      // What is still asked for may never be answered, and two that ask would go on beside each other.
      stop.abort();
      stop = new AbortController();
      next();
    };
    next();
    document.addEventListener("visibilitychange", wake);
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", wake);
    };
  }, [path]);
  return state.path === path ? state : { path, answer: null, problem: null };
}

// The time, for "… ago".
export function useNow() {
  const [now, setNow] = React.useState(Date.now());
  React.useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 15_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export function useStyle(css) {
  React.useEffect(() => {
    const id = "osiris-health-style";
    if (document.getElementById(id)) return;
    const style = document.createElement("style");
    style.id = id;
    style.textContent = css;
    document.head.append(style);
  }, [css]);
}
