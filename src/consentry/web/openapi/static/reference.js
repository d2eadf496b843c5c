// Comforts of the reference page: copy buttons, the marked chapter, the menu that closes.
// The page says everything without them.

const SAID_FOR = 2000;

function addCopyButton(box) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(box.querySelector("code").textContent);
      say(button, "Copied");
    } catch {
      select(box.querySelector("code"));
      say(button, "Selected");
    }
  });
  box.append(button);
}

function say(button, text) {
  button.textContent = text;
  announcer.textContent = text;
  setTimeout(() => {
    button.textContent = "Copy";
    announcer.textContent = "";
  }, SAID_FOR);
}

function select(element) {
  getSelection().selectAllChildren(element);
}

function markTheChapterInView() {
  const links = new Map();
  for (const link of document.querySelectorAll("[data-spy] a")) {
    links.set(link.hash.slice(1), link);
  }
  const headings = [...document.querySelectorAll("h2[id], h3[id]")].filter((heading) => links.has(heading.id));
  let marked = null;
  let waiting = false;

  function mark() {
    waiting = false;
    const above = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 4);
    const link = links.get(above.length ? above.at(-1).id : "top");
    if (link === marked) return;
    marked?.removeAttribute("aria-current");
    link.setAttribute("aria-current", "location");
    link.scrollIntoView({ block: "nearest" });
    marked = link;
  }

  addEventListener("scroll", () => {
    if (!waiting) requestAnimationFrame(mark);
    waiting = true;
  }, { passive: true });
  mark();
}

function closeTheMenuAfterUse() {
  const menu = document.querySelector(".menu");
  menu.addEventListener("click", (event) => {
    if (event.target.closest("a")) menu.open = false;
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

const announcer = document.createElement("p");
announcer.className = "hidden";
announcer.setAttribute("role", "status");
document.body.append(announcer);
document.querySelectorAll(".code").forEach(addCopyButton);
markTheChapterInView();
closeTheMenuAfterUse();
