import type { ReactNode } from "react";
import { Field } from "./field";

/** The form for who has lost the mail with an order's link. It works without scripts. `children`: what is said above it. */
export function FindOrder({ children }: { children?: ReactNode }) {
  return (
    <div className="wrap pt-8">
      <h1 className="title">Find your order</h1>
      {children}
      <p className="mt-4 max-w-xl text-soft">
        Enter your order number and the e-mail address that you ordered with. We will send you a link that opens the order without an account.
      </p>
      <form method="post" action="/find-order/send" className="mt-6 grid max-w-md gap-4">
        <Field label="Order number" name="number" required maxLength={40} autoComplete="off" hint="For example BDG-TNDA-FC5E. It is in all our e-mails about the order." />
        <Field label="E-mail" name="email" type="email" required autoComplete="email" />
        <p><button type="submit" className="button">Send me the link</button></p>
      </form>
    </div>
  );
}
