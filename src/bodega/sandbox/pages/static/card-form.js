// The card form's behaviour: what is typed stays in this frame; the shop's page is told of a token. See README.md.
"use strict";

const { parent: shop, key } = document.body.dataset;
const form = document.getElementById("card");
const { number, expiry, cvc } = form.elements;
const problem = document.getElementById("problem");

const BRANDS = [
  ["amex", /^3[47]/, [15], 4],
  ["mastercard", /^(5[1-5]|2[2-7])/, [16], 3],
  ["visa", /^4/, [13, 16, 19], 3],
  ["discover", /^6(011|4[4-9]|5)/, [16], 3],
  ["diners", /^3(0[0-5]|[68])/, [14, 16, 19], 3],
  ["jcb", /^35/, [16], 3],
  ["unionpay", /^62/, [16, 17, 18, 19], 3],
];
const digits = (text) => text.replace(/\D/g, "");
const tell = (message) => parent.postMessage(message, shop);

function brandOf(text) {
  const [name, , lengths, code] = BRANDS.find(([, start]) => start.test(text)) ?? ["", null, [16], 3];
  return { name, lengths, code };
}

function passesLuhn(text) {
  const sum = [...text].reverse().reduce((total, digit, place) => {
    const value = Number(digit) * (place % 2 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

function expires() {
  const [, month = "", year = ""] = /^(\d{1,2})(\d{2}|\d{4})$/.exec(digits(expiry.value)) ?? [];
  return { month: Number(month), year: year ? Number(year.length === 2 ? `20${year}` : year) : 0 };
}

/** The first thing that is wrong, and where; undefined for a whole card. */
function fault() {
  const card = digits(number.value);
  const { lengths, code } = brandOf(card);
  if (!lengths.includes(card.length) || !passesLuhn(card)) return [number, "Your card number is incomplete or mistyped."];
  const { month, year } = expires();
  if (month < 1 || month > 12 || !year) return [expiry, "Please enter the month and year in which the card expires."];
  if (new Date(year, month, 1) <= new Date()) return [expiry, "This card has expired."];
  if (digits(cvc.value).length !== code) return [cvc, `The security code has ${code} digits.`];
  return undefined;
}

function show(field, text) {
  for (const each of [number, expiry, cvc]) each.setAttribute("aria-invalid", String(each === field));
  problem.textContent = text;
  resize();
}

function resize() {
  tell({ type: "bodega:resize", height: Math.ceil(document.documentElement.getBoundingClientRect().height) });
}

function grouped(text) {
  const card = digits(text).slice(0, 19);
  const pattern = brandOf(card).name === "amex" ? /^(\d{1,4})(\d{1,6})?(\d{1,5})?$/ : /(\d{1,4})/g;
  return (pattern.global ? card.match(pattern) : (pattern.exec(card.slice(0, 15)) ?? []).slice(1).filter(Boolean))?.join(" ") ?? "";
}

form.addEventListener("input", ({ target }) => {
  if (target === number) {
    const atEnd = number.selectionStart === number.value.length;
    if (atEnd) number.value = grouped(number.value);
    const { name, code } = brandOf(digits(number.value));
    document.getElementById("brand").textContent = name;
    cvc.maxLength = code;
  }
  if (target === expiry && /^\d{3,4}$/.test(expiry.value)) expiry.value = `${expiry.value.slice(0, 2)} / ${expiry.value.slice(2)}`;
  show(null, "");
  report(null);
});

// What is wrong with a field is said when the shopper leaves it, not while it is being typed.
form.addEventListener("focusout", ({ target }) => {
  const [field, text] = fault() ?? [];
  if (target !== field || !target.value) return;
  show(field, text);
  report(text);
});

function report(error) {
  tell({ type: "bodega:change", complete: !fault(), empty: ![number, expiry, cvc].some((each) => each.value), error });
}

form.addEventListener("submit", (event) => event.preventDefault());
for (const button of document.querySelectorAll(".try")) {
  button.addEventListener("click", () => {
    number.value = grouped(button.dataset.number);
    expiry.value = `12 / ${String(new Date().getFullYear() + 3).slice(2)}`;
    cvc.value = brandOf(button.dataset.number).code === 4 ? "1234" : "123";
    number.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

addEventListener("message", async ({ origin, source, data }) => {
  if (origin !== shop || source !== parent || data?.type !== "bodega:submit") return;
  const wrong = fault();
  if (wrong) {
    show(...wrong);
    wrong[0].focus();
    tell({ type: "bodega:error", id: data.id, message: wrong[1] });
    return;
  }
  const { month, year } = expires();
  const fields = { type: "card", "card[number]": digits(number.value), "card[exp_month]": month, "card[exp_year]": year, "card[cvc]": digits(cvc.value) };
  try {
    const answer = await fetch("/v1/payment_methods", {
      method: "POST",
      headers: { Authorization: `Bearer ${key}` },
      body: new URLSearchParams(fields),
    });
    const said = await answer.json();
    if (!answer.ok) {
      show(null, said.error?.message ?? "The card could not be checked.");
      tell({ type: "bodega:error", id: data.id, message: problem.textContent });
      return;
    }
    const { brand, last4 } = said.card;
    tell({ type: "bodega:payment_method", id: data.id, payment_method: { id: said.id, brand, last4 } });
  } catch {
    tell({ type: "bodega:error", id: data.id, message: "The card processor cannot be reached. Nothing was charged." });
  }
});

document.querySelector("details").addEventListener("toggle", resize);
new ResizeObserver(resize).observe(document.body);
tell({ type: "bodega:ready" });
