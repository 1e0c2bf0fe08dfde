import type { ReactNode } from "react";
import { AccountNav } from "@/components/account/nav";

/** The frame of the customer's own pages. It says nothing about anybody: what is personal is asked for by the browser. */
export default function AccountLayout({ children }: { children: ReactNode }) {
  return (
    <div className="wrap grid min-h-svh content-start gap-8 pt-8 lg:grid-cols-[13rem_minmax(0,1fr)]">
      <AccountNav />
      <div className="min-w-0">{children}</div>
    </div>
  );
}
