import type { MetadataRoute } from "next";
import { settings } from "@/settings";

export const dynamic = "force-dynamic";

/** What a phone is told that keeps the shop on its first screen. */
export default function manifest(): MetadataRoute.Manifest {
  const { shopName, locale } = settings();
  return {
    name: shopName,
    short_name: shopName.slice(0, 12),
    lang: locale,
    start_url: "/",
    scope: "/",
    display: "browser",
    background_color: "#fbf9f5",
    theme_color: "#fbf9f5",
    icons: [
      { src: "/icon.svg", sizes: "any", type: "image/svg+xml" },
      { src: "/icon.png", sizes: "512x512", type: "image/png" },
    ],
  };
}
