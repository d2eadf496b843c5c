// What makes the portals a little nicer. Everything works without it.

// A set-up code comes behind the # of its link, where no server and no log sees it; here it goes into its field.
const code = document.querySelector("[data-from-fragment]");
if (code && location.hash.length > 1) {
  code.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
}

// The first field that was refused is where one goes on.
document.querySelector("[aria-invalid=true]")?.focus();

// A form that makes something is sent once, however often its button is pressed.
const sent = new WeakSet();
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (sent.has(form)) event.preventDefault();
    sent.add(form);
  });
}

// Coming back to a page by the browser's own button asks for it anew: it may show what has changed or ended.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// A form whose only purpose is to lead on is sent by itself.
document.querySelector("form[data-send]")?.submit();
