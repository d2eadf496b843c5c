// What a bank's page does around the dashboard: opens it, sizes it, gives it a new token, and ends it at sign-out.

const dashboard = document.querySelector("#dashboard");

for (const choice of document.querySelectorAll(".demo-bar select")) {
  choice.addEventListener("change", () => choice.form.requestSubmit());
}
if (dashboard) embed(dashboard);

function embed(place) {
  const { origin, visit, home } = place.dataset;
  const frame = place.querySelector("iframe");
  const form = place.querySelector("form");
  const component = place.querySelector("consentry-dashboard");

  let renewed = 0;
  if (component) {
    // It sizes itself and asks for new tokens by itself.
    for (const name of ["ready", "changed", "expired", "close", "error"]) {
      component.addEventListener(`consentry-${name}`, (event) => {
        show(event.type, event.detail ?? {});
        if (name === "close") location.assign(home);
      });
    }
  } else {
    addEventListener("message", (event) => {
      if (event.origin !== origin || event.source !== frame.contentWindow) return;
      const { type, ...detail } = event.data;
      show(type, detail);
      if (type === "consentry:height") frame.style.height = `${Math.max(600, detail.height)}px`;
      if (type === "consentry:expired" && Date.now() - renewed > 10_000) renew();
      if (type === "consentry:close") location.assign(home);
    });
  }
  form?.submit();

  async function renew() {
    renewed = Date.now();
    const answer = await fetch(`/token?visit=${visit}`, { method: "POST" });
    if (!answer.ok) return; // signed out: the dashboard's own page says what to do
    const { access_token: token } = await answer.json();
    if (form) {
      form.elements.access_token.value = token;
      form.submit();
    } else {
      const address = new URL(frame.dataset.address);
      address.searchParams.set("access_token", token);
      frame.src = address;
    }
  }

  const signOut = document.querySelector("#sign-out");
  signOut.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await fetch(signOut.action, { method: "POST", body: new URLSearchParams({ visit }) });
    if (!answer.ok) return;
    signOut.hidden = true;
    document.querySelector("#signed-out").hidden = false;
  });
}

function show(type, detail) {
  const list = document.querySelector("#messages");
  list.querySelector(".none")?.remove();
  const line = document.createElement("li");
  const said = Object.keys(detail).length ? ` ${JSON.stringify(detail)}` : "";
  line.textContent = `${new Date().toLocaleTimeString()} ${type}${said}`;
  list.append(line);
  list.scrollTop = list.scrollHeight;
}
