// A stand-in for Stripe.js, with the part of it that a payment page uses. The card fields are a frame of this
// script's own origin; the page that loads it never sees a number.
(() => {
  "use strict";
  const home = new URL(document.currentScript.src).origin;
  const api = home === "https://js.stripe.com" ? "https://api.stripe.com" : home;
  const VERSION = "2026-10-28.endive";
  const HEIGHT_BEFORE_MEASURED = 320;

  const invalid = (message) => {
    throw new Error(`IntegrationError: ${message}`);
  };

  const place = (target) =>
    (typeof target === "string" ? document.querySelector(target) : target) ||
    invalid(`no element was found for ${target}`);

  // One question to a frame, and its answer.
  const ask = (frame, verb, told) =>
    new Promise((resolve) => {
      const channel = new MessageChannel();
      channel.port1.onmessage = (message) => {
        channel.port1.close();
        resolve(message.data);
      };
      frame.contentWindow.postMessage({ sandboxStripe: verb, ...told }, home, [channel.port2]);
    });

  class Element {
    constructor(group, options) {
      this.group = group;
      this.options = options;
      this.listeners = {};
    }

    mount(target) {
      const frame = document.createElement("iframe");
      frame.src = `${home}/element?locale=${encodeURIComponent(this.group.language())}`;
      frame.title = this.group.language() === "fr" ? "Formulaire de paiement sécurisé" : "Secure payment form";
      frame.setAttribute("allow", "payment");
      frame.style.cssText = `display:block;width:100%;height:${HEIGHT_BEFORE_MEASURED}px;border:0`;
      this.frame = frame;
      this.ready = new Promise((resolve) => {
        this.listener = (message) => {
          if (message.source !== frame.contentWindow || message.origin !== home) return;
          this.heard(message.data, resolve);
        };
        window.addEventListener("message", this.listener);
      });
      place(target).replaceChildren(frame);
      return this;
    }

    heard(told, resolve) {
      if (told.sandboxStripe === "loaded") {
        ask(this.frame, "start", this.group.about()).then(() => {
          resolve();
          this.say("ready", {});
        });
      } else if (told.sandboxStripe === "height") {
        this.frame.style.height = `${told.height}px`;
      } else if (told.sandboxStripe === "change") {
        this.say("change", told.change);
      }
    }

    on(event, handler) {
      (this.listeners[event] ||= []).push(handler);
      return this;
    }

    say(event, told) {
      for (const handler of this.listeners[event] || []) handler({ elementType: "payment", ...told });
    }

    update() {}

    unmount() {
      window.removeEventListener("message", this.listener);
      this.frame?.remove();
    }

    destroy() {
      this.unmount();
      this.group.element = null;
    }
  }

  class Elements {
    constructor(key, options) {
      if ("paymentMethodTypes" in options)
        invalid("`paymentMethodTypes` is no longer supported: use `allowedPaymentMethodTypes`.");
      this.key = key;
      this.options = options;
    }

    language() {
      const wanted = this.options.locale && this.options.locale !== "auto" ? this.options.locale : navigator.language;
      return wanted.toLowerCase().startsWith("fr") ? "fr" : "en";
    }

    about() {
      return { key: this.key, clientSecret: this.options.clientSecret, version: VERSION };
    }

    create(type, options = {}) {
      if (type !== "payment") invalid(`the sandbox has no ${type} element`);
      if (this.element) invalid("Can only create one Element of type payment.");
      this.element = new Element(this, options);
      return this.element;
    }

    getElement() {
      return this.element || null;
    }

    update(options) {
      Object.assign(this.options, options);
    }

    async submit() {
      if (!this.element?.frame) invalid("the payment Element must be mounted first");
      await this.element.ready;
      return ask(this.element.frame, "submit", {});
    }
  }

  const confirming = (kind) =>
    async ({ elements, clientSecret, confirmParams = {}, redirect = "always" }) => {
      if (redirect === "always" && !confirmParams.return_url) invalid("`confirmParams.return_url` is needed");
      const checked = await elements.submit();
      if (checked.error) return checked;
      const secret = clientSecret || elements.options.clientSecret;
      const answer = await ask(elements.element.frame, "confirm", { clientSecret: secret, kind, confirmParams });
      if (answer.error) return answer;
      const intent = answer[kind];
      const action = intent.next_action;
      const page = action?.redirect_to_url?.url || action?.use_stripe_sdk?.stripe_js;
      if (page) {
        window.location.assign(page);
        return new Promise(() => {});
      }
      if (redirect !== "always") return answer;
      const back = new URL(confirmParams.return_url);
      const name = kind === "paymentIntent" ? "payment_intent" : "setup_intent";
      back.searchParams.set(name, intent.id);
      back.searchParams.set(`${name}_client_secret`, secret);
      back.searchParams.set("redirect_status", "succeeded");
      window.location.assign(back);
      return new Promise(() => {});
    };

  const retrieving = (key, kind, path) => async (secret) => {
    const query = new URLSearchParams({ key, client_secret: secret, _stripe_version: VERSION });
    const answer = await fetch(`${api}/v1/${path}/${secret.split("_secret_")[0]}?${query}`);
    const read = await answer.json();
    return read.error ? { error: read.error } : { [kind]: read };
  };

  window.Stripe = (key, defaults = {}) => {
    if (!/^pk_/.test(key || "")) invalid("a publishable key (pk_…) is needed");
    return {
      elements: (options = {}) => new Elements(key, { ...defaults, ...options }),
      confirmPayment: confirming("paymentIntent"),
      confirmSetup: confirming("setupIntent"),
      retrievePaymentIntent: retrieving(key, "paymentIntent", "payment_intents"),
      retrieveSetupIntent: retrieving(key, "setupIntent", "setup_intents"),
    };
  };
  window.Stripe.version = "endive";
})();
