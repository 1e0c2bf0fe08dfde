import type { Metadata } from "next";
import { metadataOf, ServicePage } from "@/service/page";

export const generateMetadata = (): Metadata => metadataOf("privacy");

export default function Page() {
  return <ServicePage slug="privacy" />;
}
