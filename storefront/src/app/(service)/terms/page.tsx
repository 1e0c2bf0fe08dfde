import type { Metadata } from "next";
import { metadataOf, ServicePage } from "@/service/page";

export const generateMetadata = (): Metadata => metadataOf("terms");

export default function Page() {
  return <ServicePage slug="terms" />;
}
