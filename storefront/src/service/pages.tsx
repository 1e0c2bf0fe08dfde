import Link from "next/link";
import type { ComponentType } from "react";
import { api } from "@/api/server";
import type { components } from "@/api/schema";
import { settings } from "@/settings";
import { money } from "@/words/money";
import { PostalAddress, Reach, sellerName } from "./merchant";

interface ServicePage {
  title: string;
  description: string;
  Content: ComponentType;
}

/**
 * The legal and service pages. They are templates for a shop in the European Union: what depends on the merchant comes
 * from the settings and is left out where it is not filled in. A lawyer should read them before the shop opens.
 */
export const SERVICE_PAGES = {
  shipping: { title: "Shipping", description: "How orders are sent, what that costs and how long it takes.", Content: Shipping },
  returns: { title: "Returns", description: "How to send something back, and when the money is refunded.", Content: Returns },
  contact: { title: "Contact", description: "How to reach the shop.", Content: Contact },
  terms: { title: "Terms", description: "The terms under which the shop sells.", Content: Terms },
  privacy: { title: "Privacy", description: "Which personal data the shop keeps, why and for how long.", Content: Privacy },
  withdrawal: { title: "Right of withdrawal", description: "How to withdraw from a purchase.", Content: Withdrawal },
  imprint: { title: "Imprint", description: "Who runs the shop.", Content: Imprint },
} satisfies Record<string, ServicePage>;

function To({ href, children }: { href: string; children: string }) {
  return <Link className="link" prefetch={false} href={href}>{children}</Link>;
}

async function Shipping() {
  const { locale, country } = settings();
  const { data, response } = await api.GET("/shipping/options");
  if (!data) throw new Error(`${response.status} for the ways of shipping`);
  const name = new Intl.DisplayNames(locale, { type: "region" }).of(country) ?? country;
  return (
    <>
      {data.options.length > 0 && (
        <>
          <h2>Delivery within {name}</h2>
          <ul>
            {data.options.map((option) => <li key={option.id}>{optionInWords(option, locale)}</li>)}
          </ul>
          <p>Heavy parcels may cost more. You see the exact price for your order and address before you pay.</p>
        </>
      )}
      <h2>Other countries</h2>
      <p>The checkout shows whether we ship to your country, what it costs and when your order should arrive. Customs duties of countries outside the European Union are not included.</p>
      <h2>Following your order</h2>
      <p>We e-mail you when your order is on its way. The e-mail has the tracking number, and your <To href="/account/orders">order page</To> shows where the parcel is.</p>
    </>
  );
}

function optionInWords(option: components["schemas"]["DeliveryOption"], locale: string): string {
  const { name, carrier, price, free_from, first_day, last_day } = option;
  const days = first_day === last_day ? `${first_day} working ${first_day === 1 ? "day" : "days"}` : `${first_day} to ${last_day} working days`;
  const cost = price.amount ? money(price, locale) : "free";
  return `${name} (${carrier}): ${cost}${free_from ? `, free for orders of ${money(free_from, locale)} or more` : ""}. Arrives ${days} after we hand the parcel to the carrier.`;
}

function Returns() {
  const { merchant } = settings();
  return (
    <>
      <p>You can send goods back within {merchant.return_days} days of receiving them, without giving a reason.</p>
      <h2>How to return something</h2>
      <ol className="list-decimal pl-5">
        <li>Tell us what you are sending back: <To href="/withdraw">withdraw from contract here</To>, or <To href="/contact">contact</To> us with the order number.</li>
        <li>Pack the goods well, with the order number in the parcel.</li>
        <li>Send the parcel to us within 14 days of telling us. You pay for sending it back, unless the goods were faulty or not what you ordered.</li>
      </ol>
      <PostalAddress />
      <h2>Your money</h2>
      <p>We refund the price to the card that you paid with, within 14 days of the day on which you told us. We may wait until we have the goods or you have shown that you sent them.</p>
      <h2>Faulty goods</h2>
      <p>If something is broken or missing, write to us. We repair or replace it, or refund the money. This is your right by law, for two years, and does not depend on the return period above.</p>
      <p>Your legal right of withdrawal is described on a <To href="/withdrawal">page of its own</To>.</p>
    </>
  );
}

function Contact() {
  const { email, phone } = settings().merchant;
  return (
    <>
      {email || phone ? (
        <>
          <p>We are glad to help. Please give the order number if your question is about an order.</p>
          <Reach />
        </>
      ) : (
        <p>Our contact details have not been published yet. You can follow your order on its <To href="/account/orders">order page</To>.</p>
      )}
      <PostalAddress />
      <p>Answers to many questions are on the pages about <To href="/shipping">shipping</To> and <To href="/returns">returns</To>.</p>
    </>
  );
}

function Terms() {
  const { merchant } = settings();
  return (
    <>
      <h2>1. Who sells</h2>
      <p>These terms apply to all purchases in this shop. You buy from {sellerName()}; the <To href="/imprint">imprint</To> has the details.</p>
      <h2>2. How a contract is made</h2>
      <p>The goods in the shop are an invitation to order. You place a binding order by pressing “Pay”. Until then you can correct or remove everything. The contract is made when we confirm your order by e-mail. We store the text of the contract; the confirmation has your order and a link to it.</p>
      <h2>3. Prices and payment</h2>
      <p>The price that counts is the one shown when you pay. The checkout shows the taxes and the cost of shipping before you pay. You pay by card. If a payment fails, nothing is sold and nothing is owed.</p>
      <h2>4. Delivery</h2>
      <p>We deliver to the address that you give. Costs and times are on the page about <To href="/shipping">shipping</To>, and the dates for your order are shown in the checkout.</p>
      <h2>5. Cancelling and withdrawing</h2>
      <p>You can cancel an order on its page until we have begun to pack it. After that you can withdraw from the contract within {merchant.return_days} days; see <To href="/withdrawal">right of withdrawal</To>.</p>
      <h2>6. Title and liability</h2>
      <p>The goods remain ours until they are paid in full. The statutory rights for faulty goods apply.</p>
      <h2>7. Law</h2>
      <p>The law of the country in which we are established applies. If you buy as a consumer, you keep the protection of the mandatory rules of the country in which you live.</p>
    </>
  );
}

function Privacy() {
  const { merchant } = settings();
  return (
    <>
      <h2>Who is responsible</h2>
      <p>{sellerName()} is responsible for the personal data that this shop processes.</p>
      <PostalAddress />
      <Reach />
      <h2>What we keep, and why</h2>
      <ul>
        <li>For an order: your name, addresses, e-mail address, phone number if you give it, and what you bought. We need them to fulfil the contract and to keep the accounts that the law requires (GDPR, article 6(1)(b) and (c)).</li>
        <li>For an account: your name, e-mail address, a password that we cannot read, saved addresses, and the devices on which you are signed in (article 6(1)(b)).</li>
        <li>For an e-mail when something is back in stock: your e-mail address and the product, until that e-mail is sent or for 180 days at most. A link in the e-mail stops all such e-mails (article 6(1)(b)).</li>
        <li>For a withdrawal: what you write in it and when, as proof for both sides (article 6(1)(c)).</li>
        <li>For security: IP addresses and what they request, for a short time, to fend off attacks (article 6(1)(f)).</li>
      </ul>
      <h2>Who else gets data</h2>
      <ul>
        <li>The payment provider handles your card. We never see your card number.</li>
        <li>The carrier gets the name, address and contact that it needs to deliver the parcel.</li>
      </ul>
      <h2>Cookies</h2>
      <p>The shop sets only the cookies that it needs: for your cart and for being signed in. It has no advertising, no analytics and no trackers, so there is nothing to consent to.</p>
      <h2>How long</h2>
      <p>Order data is kept for as long as bookkeeping law requires. A cart that is not used expires after 30 days. An account is kept until you delete it.</p>
      <h2>Your rights</h2>
      <p>You can ask what we know about you, and have it corrected, deleted, restricted or handed over. In your <To href="/account">account</To> you can download your data and delete it yourself. You can object to processing that rests on our legitimate interests, and you can complain to a data protection authority.</p>
      {merchant.email && <p>Write to <a className="link" href={`mailto:${merchant.email}`}>{merchant.email}</a>.</p>}
    </>
  );
}

function Withdrawal() {
  const { merchant } = settings();
  const { email } = merchant;
  const address = [sellerName(), merchant.street, `${merchant.postal_code} ${merchant.city}`.trim(), email].filter(Boolean).join(", ");
  const days = merchant.return_days;
  return (
    <>
      <h2>Your right</h2>
      <p>You have the right to withdraw from this contract within {days} days without giving any reason. The period ends {days} days after the day on which you, or somebody you name who is not the carrier, receive the goods; if they come in several parcels, the last of them.</p>
      <p>To use this right, tell us clearly that you withdraw. You can do so here, with an account or without:</p>
      <p><Link className="button no-underline" prefetch={false} href="/withdraw">Withdraw from contract here</Link></p>
      <p>You confirm the withdrawal on a second page, and we send you a receipt by e-mail at once. An e-mail or a letter will do as well. You may use the form below, but you do not have to. It is enough to send your message before the period has ended.</p>
      <PostalAddress />
      <Reach />
      <h2>What happens next</h2>
      <p>If you withdraw, we refund all payments from you, including the cost of the cheapest ordinary delivery that we offer, within 14 days of the day on which we learn of your withdrawal. We use the means of payment that you used. There is no charge for it. We may wait until we have the goods back or you have shown that you sent them, whichever is earlier.</p>
      <p>Send the goods back within 14 days of the day on which you told us. You bear the direct cost of returning them. You pay for a loss of value only if it comes from handling the goods more than is needed to see what they are, what they are like and how they work.</p>
      <h2>Exceptions</h2>
      <p>There is no right of withdrawal for goods that were made to your specification, that spoil quickly, or that were sealed for hygiene and have been opened.</p>
      <h2>Model withdrawal form</h2>
      <div className="card p-5">
        <p>To {address}:</p>
        <p>I hereby give notice that I withdraw from my contract of sale of the following goods:</p>
        <ul>
          <li>Order number:</li>
          <li>Goods:</li>
          <li>Ordered on / received on:</li>
          <li>Name and address:</li>
          <li>Date, and signature if this form is sent on paper:</li>
        </ul>
      </div>
    </>
  );
}

function Imprint() {
  const { merchant, shopName } = settings();
  const facts = [
    ["Represented by", merchant.represented_by],
    ["Register", merchant.register_entry],
    ["VAT identification number", merchant.vat_id],
  ].filter(([, value]) => value);
  const isEmpty = !merchant.name && !merchant.street && !merchant.email && !facts.length;
  return (
    <>
      {isEmpty ? <p>The operator of {shopName} has not published these details yet.</p> : <p>{shopName} is run by:</p>}
      <PostalAddress />
      <Reach />
      {facts.length > 0 && (
        <dl>
          {facts.map(([name, value]) => (
            <div key={name} className="mt-2">
              <dt className="text-soft">{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </>
  );
}
