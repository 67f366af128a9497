// Inside the frame: the fields, and the only code that sees a card number. It answers the page's script over the
// port that came with each question.
(() => {
  "use strict";
  const api = location.hostname === "js.stripe.com" ? "https://api.stripe.com" : location.origin;
  const field = (id) => document.getElementById(id);
  const told = field("told");
  let about = {};

  const tellHeight = () =>
    parent.postMessage({ sandboxStripe: "height", height: document.body.offsetHeight + 8 }, "*");

  const chosen = () => field("method").value;

  const show = () => {
    for (const kind of ["card", "sepa_debit"]) field(kind).hidden = chosen() !== kind;
    told.textContent = "";
    tellHeight();
  };

  const wanted = { card: ["number", "expiry", "cvc"], sepa_debit: ["name", "email", "iban"] };
  const empty = () => (wanted[chosen()] || []).filter((id) => !field(id).value.trim());

  const refuse = (error) => {
    told.textContent = error.message;
    tellHeight();
    return { error };
  };

  const submit = () => {
    const missing = empty();
    for (const id of wanted[chosen()] || []) field(id).setAttribute("aria-invalid", String(missing.includes(id)));
    if (!missing.length) return { selectedPaymentMethod: chosen() };
    field(missing[0]).focus();
    return refuse({ type: "validation_error", code: "incomplete", message: told.dataset.empty });
  };

  const method = () => {
    const data = new URLSearchParams({ "payment_method_data[type]": chosen() });
    const put = (name, id) => data.set(`payment_method_data${name}`, field(id).value.trim());
    if (chosen() === "card") {
      const [, month, year] = field("expiry").value.match(/^\s*(\d{2})\s*\/?\s*(\d{2}|\d{4})\s*$/) || [];
      put("[card][number]", "number");
      put("[card][cvc]", "cvc");
      data.set("payment_method_data[card][exp_month]", month || "0");
      data.set("payment_method_data[card][exp_year]", year?.length === 2 ? `20${year}` : year || "");
    }
    if (chosen() === "sepa_debit") {
      put("[sepa_debit][iban]", "iban");
      put("[billing_details][name]", "name");
      put("[billing_details][email]", "email");
      data.set("mandate_data[customer_acceptance][type]", "online");
      data.set("mandate_data[customer_acceptance][online][ip_address]", "127.0.0.1");
      data.set("mandate_data[customer_acceptance][online][user_agent]", navigator.userAgent);
    }
    return data;
  };

  const call = async (path, data, way = "POST") => {
    data.set("key", about.key);
    data.set("_stripe_version", about.version);
    const url = `${api}/v1/${path}`;
    try {
      const answer = way === "GET" ? await fetch(`${url}?${data}`) : await fetch(url, { method: way, body: data });
      return await answer.json();
    } catch {
      return { error: { type: "api_connection_error", message: told.dataset.failed } };
    }
  };

  const path = (secret) =>
    `${secret.startsWith("seti_") ? "setup_intents" : "payment_intents"}/${secret.split("_secret_")[0]}`;

  const confirm = async ({ clientSecret, kind, confirmParams }) => {
    const data = method();
    data.set("client_secret", clientSecret);
    if (confirmParams.return_url) data.set("return_url", confirmParams.return_url);
    const answer = await call(`${path(clientSecret)}/confirm`, data);
    return answer.error ? refuse(answer.error) : { [kind]: answer };
  };

  const start = async (given) => {
    about = given;
    if (!about.clientSecret) return {};
    const intent = await call(path(about.clientSecret), new URLSearchParams({ client_secret: about.clientSecret }), "GET");
    const kinds = intent.payment_method_types || ["card"];
    for (const option of [...field("method").options]) if (!kinds.includes(option.value)) option.remove();
    field("choice").hidden = field("method").options.length < 2;
    show();
    return {};
  };

  const verbs = { start, submit, confirm };
  window.addEventListener("message", async (message) => {
    const verb = verbs[message.data?.sandboxStripe];
    if (message.source === parent && verb) message.ports[0].postMessage(await verb(message.data));
  });
  field("method").addEventListener("change", show);
  field("fields").addEventListener("submit", (event) => event.preventDefault());
  field("fields").addEventListener("input", () => {
    const change = { complete: !empty().length, empty: false, value: { type: chosen() } };
    parent.postMessage({ sandboxStripe: "change", change }, "*");
  });
  parent.postMessage({ sandboxStripe: "loaded" }, "*");
  tellHeight();
})();
