// What script adds to the dashboard, which works without: screens change in place, the embedding page is told what it
// needs, and the customer is warned before the page ends. The page's secret stays in this module and in the page.

const body = document.body;
const main = document.getElementById("main");
const live = document.getElementById("live");
const secret = document.querySelector("#go [name=session]")?.value ?? "";
const parents = (body.dataset.parents || "").split(" ").filter(Boolean);

// ---------------------------------------------------------------------------------------------- the embedding page

// Several origins may embed the page; which one does is known when it has greeted, or there is only one.
let parent_origin = parents.length === 1 ? parents[0] : "";
const untold = [];

function tell(type, more = {}) {
  const message = { type: `consentry:${type}`, ...more };
  for (const deliver of bridges()) deliver(message);
  if (window.parent === window) return;
  if (parent_origin) window.parent.postMessage(message, parent_origin);
  else if (type !== "height" && parents.length) untold.push(message);
}

function bridges() {
  const text = (send) => (message) => send(JSON.stringify(message));
  return [
    window.webkit?.messageHandlers?.consentry && ((message) => window.webkit.messageHandlers.consentry.postMessage(message)),
    window.Consentry?.postMessage && text((message) => window.Consentry.postMessage(message)),
    window.ReactNativeWebView?.postMessage && text((message) => window.ReactNativeWebView.postMessage(message)),
  ].filter(Boolean);
}

window.addEventListener("message", (event) => {
  if (event.source !== window.parent || window.parent === window || !parents.includes(event.origin)) return;
  if (event.data?.type !== "consentry:hello") return;
  parent_origin = event.origin;
  for (const message of untold.splice(0)) window.parent.postMessage(message, parent_origin);
  told_height = 0;
  tell_height();
});

let told_height = 0;
function tell_height() {
  const height = Math.ceil(body.getBoundingClientRect().height);
  if (height === told_height) return;
  told_height = height;
  tell("height", { height });
}

// ---------------------------------------------------------------------------------------------- words of this device

// Where nobody has told the customer's time zone, the server writes times in UTC; here they become the device's.
function localise(root) {
  if (document.documentElement.hasAttribute("data-zone")) return;
  const language = document.documentElement.lang;
  const day = new Intl.DateTimeFormat(language, { dateStyle: "long" });
  const clock = new Intl.DateTimeFormat(language, { timeStyle: "short" });
  const starts = new Date().setHours(0, 0, 0, 0);
  for (const element of root.querySelectorAll("time[data-as]")) {
    const at = new Date(element.dateTime);
    const time = clock.format(at);
    const as = element.dataset.as;
    if (as === "recently" && at >= starts) element.textContent = body.dataset.today.replace("{}", time);
    else if (as === "recently" && at >= starts - 86400000) element.textContent = body.dataset.yesterday.replace("{}", time);
    else element.textContent = as === "moment" ? `${day.format(at)}, ${time}` : day.format(at);
  }
}

function say(text) {
  live.textContent = "";
  setTimeout(() => { live.textContent = text; }, 50);
}

// ---------------------------------------------------------------------------------------------- screens

let turn = 0;
const under_way = new Set();

async function post(action, fields) {
  const answer = await fetch(action, {
    method: "POST",
    headers: { "Consentry-Page": secret },
    body: new URLSearchParams([...fields].filter(([name]) => name !== "session")),
    credentials: "omit",
    cache: "no-store",
    referrerPolicy: "no-referrer",
  });
  if (!(answer.headers.get("content-type") || "").startsWith("text/html")) throw new Error("no screen");
  // This page has the style already, and its policy knows no nonce but its own.
  const text = (await answer.text()).replace(/<style[^]*?<\/style>/, "");
  return new DOMParser().parseFromString(text, "text/html");
}

async function go(form, submitter) {
  const action = submitter?.getAttribute("formaction") || form.getAttribute("action");
  // The second half of a double click is nobody's decision.
  if (under_way.has(action) && !form.hasAttribute("data-live")) return;
  under_way.add(action);
  const mine = ++turn;
  const toggled = submitter?.getAttribute("role") === "switch" ? submitter : null;
  const was = toggled?.getAttribute("aria-checked");
  // FormData with a submitter is younger than some web views; no button of ours has a value.
  const fields = new FormData(form);
  if (toggled) {
    toggled.setAttribute("aria-checked", String(was !== "true"));
    toggled.setAttribute("aria-busy", "true");
  }
  try {
    const screen = await post(action, fields);
    if (mine === turn) show(screen, { action, focus: submitter?.id, only: form.hasAttribute("data-live") ? "apps" : "" });
  } catch {
    if (toggled) {
      toggled.setAttribute("aria-checked", was);
      toggled.removeAttribute("aria-busy");
    }
    if (mine === turn) fail();
  } finally {
    under_way.delete(action);
  }
}

function show(screen, { action, focus = "", only = "", travels = true }) {
  const fresh = screen.getElementById("main");
  used(screen.body);
  if (only && fresh.dataset.screen === main.dataset.screen) {
    document.getElementById(only).replaceWith(screen.getElementById(only));
    localise(main);
    say(document.querySelector("[data-count]")?.textContent ?? "");
    return;
  }
  const same = fresh.dataset.screen === main.dataset.screen;
  if (!screen.getElementById("go")) end(fresh.dataset.screen);
  document.title = screen.title;
  main.replaceChildren(...fresh.childNodes);
  main.classList.toggle("arriving", !same);
  for (const name of ["screen", "told", "consent"]) {
    if (name in fresh.dataset) main.dataset[name] = fresh.dataset[name];
    else delete main.dataset[name];
  }
  prepare();
  const target = (same && focus && document.getElementById(focus)) || main.querySelector("[data-focus]") || main.querySelector("h1");
  target?.focus({ preventScroll: same });
  if (!same) scroll_up();
  const notice = main.querySelector("[role=status]");
  if (notice) say(notice.textContent);
  if (!same && travels) history.pushState({ action }, "");
}

function prepare() {
  localise(main);
  hold_back();
  if (main.dataset.told) tell("changed", { consent_id: main.dataset.consent, kind: main.dataset.told });
  delete main.dataset.told;
}

function scroll_up() {
  window.scrollTo(0, 0);
  if (window.parent !== window) document.querySelector(".bar").scrollIntoView({ block: "nearest" });
}

// What can't be taken back is not pressed by the second half of a double click, nor by who was about to press another.
function hold_back() {
  for (const button of main.querySelectorAll("[data-careful]")) {
    button.disabled = true;
    setTimeout(() => { button.disabled = false; }, 500);
  }
}

function fail() {
  main.querySelector("[data-failure]")?.remove();
  const bar = document.createElement("div");
  bar.className = "notice warn";
  bar.dataset.failure = "";
  const words = document.createElement("p");
  words.textContent = body.dataset.unreachable;
  bar.append(words);
  main.prepend(bar);
  say(words.textContent);
  bar.scrollIntoView({ block: "nearest" });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.hasAttribute("data-native")) return;
  event.preventDefault();
  go(form, event.submitter);
});

let typing;
for (const kind of ["input", "change"]) {
  document.addEventListener(kind, (event) => {
    const form = event.target.form;
    if (!form?.hasAttribute("data-live")) return;
    clearTimeout(typing);
    typing = setTimeout(() => go(form, null), kind === "input" ? 200 : 0);
  });
}

window.addEventListener("popstate", async (event) => {
  const action = event.state?.action;
  if (!action || !secret || ended) return;
  const mine = ++turn;
  try {
    const screen = await post(action, []);
    if (mine === turn) show(screen, { action, travels: false });
  } catch {
    if (mine === turn) fail();
  }
});

// ---------------------------------------------------------------------------------------------- the page's time

const warning = document.getElementById("warning");
let ended = !secret;
let last_use = performance.now();
let longest = Number(body.dataset.left) * 1000;
let warned = false;

function used(fresh) {
  if (!fresh.dataset.left) return;
  last_use = performance.now();
  longest = last_use + Number(fresh.dataset.left) * 1000;
  if (warning?.open) warning.close();
  warned = false;
}

function look_at_the_clock() {
  if (ended) return;
  const now = performance.now();
  const grace = (Number(body.dataset.idle) - Number(body.dataset.warning)) * 1000;
  const ends = Math.min(last_use + Number(body.dataset.idle) * 1000, longest);
  if (now >= ends) expire();
  else if (now >= ends - grace && !warned) {
    warned = true;
    const goes_on = longest > ends;
    for (const part of warning.querySelectorAll("[data-goes-on]")) part.hidden = !goes_on;
    for (const part of warning.querySelectorAll("[data-runs-out]")) part.hidden = goes_on;
    warning.showModal();
  }
}

function expire() {
  if (warning?.open) warning.close();
  main.replaceChildren(document.getElementById("ended").content.cloneNode(true));
  main.dataset.screen = "ended";
  end("ended");
  main.querySelector("h1").focus();
}

function end(screen) {
  if (ended) return;
  ended = true;
  for (const id of ["go", "done", "warning", "ended"]) document.getElementById(id)?.remove();
  tell(screen === "done" ? "close" : "expired");
}

document.getElementById("continue")?.addEventListener("click", async () => {
  try {
    const screen = await post("/embed/continue", []);
    used(screen.body);
    if (!screen.getElementById("go")) expire();
  } catch {
    warning.close();
    fail();
  }
});
document.getElementById("understood")?.addEventListener("click", () => warning.close());

// ---------------------------------------------------------------------------------------------- the beginning

// The token of a GET stands in the address no longer than this; a reload tells whose page it was, and asks for a new one.
const address = new URLSearchParams();
for (const [name, value] of [["institution", body.dataset.institution], ["locale", body.dataset.locale], ["theme", body.dataset.mode]]) {
  if (value) address.set(name, value);
}
history.replaceState({ action: "/embed/apps" }, "", secret || body.dataset.institution ? `/embed/authorizations?${address}` : location.pathname);

if (main.dataset.screen === "ended") tell("expired");
else if (!ended) {
  tell("ready");
  longest += performance.now();
  setInterval(look_at_the_clock, 1000);
  document.addEventListener("visibilitychange", look_at_the_clock);
}
prepare();
// It is called at the first drawing, too: measuring sooner would lay the page out before its style sheet has come.
new ResizeObserver(tell_height).observe(body);
