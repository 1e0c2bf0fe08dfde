import Link from "next/link";
import { settings } from "@/settings";

export function Footer() {
  const { shopName } = settings();
  return (
    <footer className="mt-24 border-t border-line bg-sand">
      <div className="wrap grid gap-8 py-12 text-sm sm:grid-cols-3">
        <div>
          <p className="font-serif text-xl">{shopName}</p>
          <p className="mt-2 max-w-xs text-soft">Fewer things, and better ones. What we show is in stock, and what you see is what you pay.</p>
        </div>
        <nav aria-label="Your orders">
          <h2 className="font-medium">Your orders</h2>
          <ul className="mt-2 space-y-1.5">
            <li><Link className="link" prefetch={false} href="/account">Account</Link></li>
            <li><Link className="link" prefetch={false} href="/account/orders">Orders</Link></li>
            <li><Link className="link" prefetch={false} href="/cart">Cart</Link></li>
          </ul>
        </nav>
        <div>
          <h2 className="font-medium">Good to know</h2>
          <ul className="mt-2 space-y-1.5 text-soft">
            <li>Prices include tax where the law says so; the checkout shows it.</li>
            <li>Cards are handled by the card processor alone.</li>
            <li>An order can be cancelled until it is packed.</li>
          </ul>
        </div>
      </div>
    </footer>
  );
}
