import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { Footer } from "@/components/footer";
import { Header } from "@/components/header";
import { EarlyInput } from "@/components/scripts";
import { settings } from "@/settings";
import { text, title } from "./fonts";
import "./globals.css";

// Every page is made when it is asked for: what it shows comes from the API, and the edge is what keeps it.
export const dynamic = "force-dynamic";

export function generateMetadata(): Metadata {
  const { shopName, siteUrl } = settings();
  return {
    metadataBase: new URL(siteUrl),
    title: { default: `${shopName}: things for the house, made to last`, template: `%s · ${shopName}` },
    description: "Things for the kitchen, the table, the desk and your travels, made to last.",
  };
}

export const viewport: Viewport = { themeColor: [{ media: "(prefers-color-scheme: light)", color: "#fbf9f5" }, { media: "(prefers-color-scheme: dark)", color: "#181613" }] };

export default function RootLayout({ children }: { children: ReactNode }) {
  const { locale } = settings();
  return (
    <html lang={locale} className={`${text.variable} ${title.variable}`}>
      <body className="flex min-h-dvh flex-col font-sans">
        <a href="#main" className="button sr-only focus:not-sr-only focus:absolute focus:top-2 focus:left-2 focus:z-50">
          Skip to content
        </a>
        <Header />
        <main id="main" className="flex-1">
          {children}
        </main>
        <Footer />
        <EarlyInput />
      </body>
    </html>
  );
}
