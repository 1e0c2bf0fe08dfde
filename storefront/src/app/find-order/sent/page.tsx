import type { Metadata } from "next";
import Link from "next/link";

export const metadata: Metadata = { title: "Find your order", robots: { index: false } };

export default function SentPage() {
  return (
    <div className="wrap pt-8">
      <h1 className="title">Please check your e-mail.</h1>
      <p className="mt-4 max-w-xl text-lg text-soft">
        If there is an order with this number and e-mail address, a link to it is on its way to that address. It should be there within a minute.
      </p>
      <p className="mt-4 max-w-xl text-soft">
        Nothing arrived? Look in your junk folder, and check the number and the address. We send the link to an order at most once every ten minutes.
      </p>
      <p className="mt-8 flex flex-wrap gap-3">
        <Link className="button-quiet" prefetch={false} href="/find-order">Try again</Link>
        <Link className="button-quiet" prefetch={false} href="/contact">Contact us</Link>
      </p>
    </div>
  );
}
