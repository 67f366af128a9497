/* The card form of a payment. Its fields are frames of Stripe's: no number touches our pages. */
"use strict";
(() => {
  const root = document.documentElement;

  /* Our colours, as the browser works them out for the light one has chosen; Stripe's frames cannot read our names. */
  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function appearance() {
    const dark = getComputedStyle(root).colorScheme === "dark" || (root.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    return {
      theme: dark ? "night" : "stripe",
      variables: {
        colorPrimary: colour("accent"),
        colorBackground: colour("surface"),
        colorText: colour("ink"),
        colorTextSecondary: colour("ink-soft"),
        colorDanger: colour("late"),
        borderRadius: "7px",
        fontFamily: "system-ui, sans-serif",
        fontSizeBase: "16px",
      },
    };
  }

  function mount(form) {
    const part = (name) => form.querySelector(`[data-card-${name}]`);
    const { key, secret, back, locale } = form.dataset;
    const button = part("confirm");
    const word = button.textContent;
    let confirming = false;
    form.dataset.mounted = "";

    function tell(sentence) {
      part("error").textContent = sentence;
      part("error").hidden = !sentence;
    }

    function rest(sentence) {
      confirming = false;
      button.disabled = false;
      button.textContent = word;
      form.removeAttribute("aria-busy");
      tell(sentence);
    }

    if (!window.Stripe) {
      part("loading").remove();
      tell(form.dataset.unreachable);
      return;
    }
    const stripe = window.Stripe(key);
    const elements = stripe.elements({ clientSecret: secret, locale, appearance: appearance() });
    const element = elements.create("payment");
    element.on("ready", () => { part("loading").remove(); button.disabled = false; });
    element.on("loaderror", () => { part("loading")?.remove(); tell(form.dataset.unreachable); });
    element.on("change", () => tell(""));
    element.mount(part("fields"));
    new MutationObserver(() => elements.update({ appearance: appearance() })).observe(root, { attributeFilter: ["data-theme"] });

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (confirming) return; // a second press, while the first one is under way
      confirming = true;
      button.disabled = true;
      button.textContent = form.dataset.working;
      form.setAttribute("aria-busy", "true");
      tell("");
      try {
        const told = await stripe.confirmPayment({ elements, confirmParams: { return_url: new URL(back, location.href).href } });
        if (told.error) rest(told.error.message || form.dataset.refused);
      } catch {
        rest(form.dataset.unreachable);
      }
    });
  }

  function mountAll() {
    for (const form of document.querySelectorAll("[data-card-form]:not([data-mounted])")) mount(form);
  }
  document.addEventListener("htmx:load", mountAll);
  mountAll();
})();
