// <consentry-dashboard>: the dashboard as a web component for a bank's own page.
//
//   <script src="https://consent.bank.example/embed/consentry.js" async></script>
//   <consentry-dashboard token-url="/consentry-token"></consentry-dashboard>
//
// It asks for a token when it is shown, posts it into an iframe of its own, and sizes itself.
//   token-url   an address of the bank's own site that answers a POST of the signed-in customer with {"access_token": "..."}
//   getToken    instead: a property, a function that gives such a token or a promise of one
//   src         where consentry is, if not where this script came from
//   locale, theme ("light", "dark"), time-zone   how it is to be shown; without them as browser and device are set
// Events that bubble: consentry-ready, consentry-changed {consent_id, kind}, consentry-expired, consentry-close and
// consentry-error {message}. When the dashboard has expired it is opened anew by itself if the customer is still there;
// cancel consentry-expired to do something else. open() opens it anew at any time.

(() => {
  const own = new URL(document.currentScript?.src ?? location.href).origin;
  const SANDBOX = "allow-scripts allow-forms allow-same-origin allow-downloads";
  let number = 0;

  class ConsentryDashboard extends HTMLElement {
    #frame = null;
    #listen = (event) => this.#hear(event);

    connectedCallback() {
      window.addEventListener("message", this.#listen);
      if (!this.style.display) this.style.display = "block";
      this.open();
    }

    disconnectedCallback() {
      window.removeEventListener("message", this.#listen);
      this.#frame?.remove();
      this.#frame = null;
    }

    get #origin() {
      return new URL(this.getAttribute("src") ?? own, location.href).origin;
    }

    /** Ask for a token and open the dashboard with it. */
    async open() {
      try {
        const token = await this.#token();
        if (this.isConnected) this.#post(token);
      } catch (error) {
        this.#tell("error", { message: String(error?.message ?? error) });
      }
    }

    async #token() {
      if (typeof this.getToken === "function") return this.getToken();
      const address = this.getAttribute("token-url");
      if (!address) throw new Error("consentry-dashboard needs token-url or getToken.");
      const answer = await fetch(address, { method: "POST", credentials: "same-origin", headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`${address} answered with ${answer.status}.`);
      return (await answer.json()).access_token;
    }

    #post(token) {
      this.#frame?.remove();
      const frame = document.createElement("iframe");
      frame.name = `consentry-${++number}`;
      frame.title = this.getAttribute("title") ?? "Connected apps";
      frame.setAttribute("sandbox", SANDBOX);
      frame.referrerPolicy = "no-referrer";
      Object.assign(frame.style, { border: "0", display: "block", inlineSize: "100%", blockSize: "600px" });
      frame.addEventListener("load", () => this.#greet());
      this.append(frame);
      this.#frame = frame;
      const form = document.createElement("form");
      form.method = "POST";
      form.target = frame.name;
      form.action = this.#address();
      form.hidden = true;
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = "access_token";
      field.value = token;
      form.append(field);
      document.body.append(form);
      form.submit();
      form.remove();
    }

    #address() {
      const address = new URL("/embed/authorizations", this.#origin);
      const zone = this.getAttribute("time-zone") ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
      for (const [name, value] of [["locale", this.getAttribute("locale")], ["theme", this.getAttribute("theme")], ["time_zone", zone]]) {
        if (value) address.searchParams.set(name, value);
      }
      return address.href;
    }

    #greet() {
      // Where it loads something else, nobody hears this.
      this.#frame?.contentWindow?.postMessage({ type: "consentry:hello" }, this.#origin);
    }

    #hear(event) {
      if (!this.#frame || event.source !== this.#frame.contentWindow || event.origin !== this.#origin) return;
      const { type, height, consent_id, kind } = event.data ?? {};
      switch (type) {
        case "consentry:ready": return this.#tell("ready");
        case "consentry:height":
          if (Number.isFinite(height)) this.#frame.style.blockSize = `${Math.max(600, Math.min(height, 20000))}px`;
          return undefined;
        case "consentry:changed": return this.#tell("changed", { consent_id, kind });
        case "consentry:close": return this.#tell("close");
        case "consentry:expired": return this.#expired();
        default: return undefined;
      }
    }

    #expired() {
      if (this.#tell("expired") && document.visibilityState === "visible" && !this.#reopens()) this.open();
    }

    // A dashboard that expires at once, again and again, is not opened for ever.
    #openings = [];
    #reopens() {
      const now = Date.now();
      this.#openings = [...this.#openings.filter((at) => at > now - 60000), now];
      return this.#openings.length > 3;
    }

    #tell(name, detail = {}) {
      return this.dispatchEvent(new CustomEvent(`consentry-${name}`, { bubbles: true, composed: true, cancelable: true, detail }));
    }
  }

  if (!customElements.get("consentry-dashboard")) customElements.define("consentry-dashboard", ConsentryDashboard);
})();
