import type { Metadata } from "next";
import { metadataOf, ServicePage } from "@/service/page";

export const generateMetadata = (): Metadata => metadataOf("withdrawal");

export default function Page() {
  return <ServicePage slug="withdrawal" />;
}
