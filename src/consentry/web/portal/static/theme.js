// The preview follows what is chosen, and each colour can be picked. Without script it follows when the theme is saved.

const form = document.querySelector("[data-look]");
const look = document.getElementById("look");
const COLOUR = /^#[0-9a-f]{6}$/i;
const WAIT = 150;
let asked = 0;
let waiting = 0;

for (const field of form.querySelectorAll("[data-colour]")) {
  const picker = document.createElement("input");
  picker.type = "color";
  picker.value = field.value;
  picker.setAttribute("aria-label", `Pick a colour: ${field.labels[0].textContent}`);
  const row = document.createElement("div");
  row.className = "colour";
  field.replaceWith(row);
  row.append(field, picker);
  picker.addEventListener("input", () => {
    field.value = picker.value;
  });
  field.addEventListener("input", () => {
    if (COLOUR.test(field.value)) picker.value = field.value;
  });
}

// Whoever was led to a refused colour is still there: what is moved in a page loses the focus.
form.querySelector("[aria-invalid=true]")?.focus();

form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(follow, WAIT);
});

// What is half typed can't be drawn: the preview stays as it is, and nothing is asked.
function is_whole() {
  const colours = [...form.querySelectorAll("[data-colour]")];
  return colours.every((field) => COLOUR.test(field.value)) && form.elements.radius.value && form.elements.radius.validity.valid;
}

async function follow() {
  if (!is_whole()) return;
  const number = ++asked;
  const chosen = new URLSearchParams();
  for (const name of ["accent", "header", "background", "radius", "font"]) chosen.set(name, form.elements[name].value);
  try {
    const answer = await fetch(`${form.dataset.look}?${chosen}`, { credentials: "same-origin", redirect: "error" });
    // What was overtaken leaves the preview as it is.
    if (answer.ok && number === asked) look.innerHTML = await answer.text();
  } catch {
    // The service is away: saving will say so.
  }
}
