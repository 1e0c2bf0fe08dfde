"use client";
import Link from "next/link";
import { usePathname, useRouter } from "next/navigation";
import { signOut } from "@/shop/account";

const PLACES = [
  ["/account", "Overview"],
  ["/account/orders", "Orders"],
  ["/account/addresses", "Addresses"],
  ["/account/notifications", "Notifications"],
  ["/account/security", "Sign-in and privacy"],
] as const;

export function AccountNav() {
  const here = usePathname();
  const router = useRouter();
  return (
    <nav aria-label="Account" className="border-b border-line pb-4 lg:border-0">
      <ul className="flex flex-wrap gap-x-5 gap-y-1 lg:block">
        {PLACES.map(([href, label]) => (
          <li key={href}>
            <Link href={href} prefetch={false} aria-current={here === href ? "page" : undefined} className="link block py-1.5 no-underline hover:underline aria-[current=page]:font-medium aria-[current=page]:underline">
              {label}
            </Link>
          </li>
        ))}
        <li>
          <button type="button" className="link py-1.5 no-underline hover:underline" onClick={() => void signOut().finally(() => router.push("/"))}>
            Sign out
          </button>
        </li>
      </ul>
    </nav>
  );
}
