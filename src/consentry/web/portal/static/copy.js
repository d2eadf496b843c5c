// Buttons that copy a value or a piece of code. Without script they stay hidden, and everything can be selected by hand.

const SAID_FOR = 2500;

const announcer = document.createElement("p");
announcer.className = "hidden";
announcer.setAttribute("role", "status");
document.body.append(announcer);

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  copies(button, document.getElementById(button.dataset.copy));
}

// The reference comes without buttons: its boxes of code get theirs here.
for (const box of document.querySelectorAll(".reference .code")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  box.append(button);
  copies(button, box.querySelector("pre"));
}

function copies(button, source) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      say(button, "Copied");
    } catch {
      select(source);
      say(button, "Selected");
    }
  });
}

for (const field of document.querySelectorAll("input[readonly]")) {
  field.addEventListener("focus", () => field.select());
}

// A page that is left is kept by browsers for the way back: without what is shown once.
addEventListener("pagehide", () => {
  for (const secret of document.querySelectorAll("[data-once-shown]")) secret.remove();
});

function say(button, text) {
  const usual = "Copy";
  button.textContent = text;
  announcer.textContent = text === "Copied" ? "Copied" : "Selected; copy it with your keyboard";
  setTimeout(() => {
    button.textContent = usual;
    announcer.textContent = "";
  }, SAID_FOR);
}

function select(source) {
  source.focus();
  if (source.select) source.select();
  else getSelection().selectAllChildren(source);
}
