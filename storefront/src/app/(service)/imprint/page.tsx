import type { Metadata } from "next";
import { metadataOf, ServicePage } from "@/service/page";

export const generateMetadata = (): Metadata => metadataOf("imprint");

export default function Page() {
  return <ServicePage slug="imprint" />;
}
