import type { Metadata } from "next";
import { FindOrder } from "@/components/find-order";

export const metadata: Metadata = { title: "Find your order", robots: { index: false } };

export default function RefusedPage() {
  return (
    <FindOrder>
      <p role="alert" className="mt-6 max-w-xl rounded-xl bg-sand p-4 text-alarm">
        We could not read that. Please check the number and the e-mail address, and try again.
      </p>
    </FindOrder>
  );
}
