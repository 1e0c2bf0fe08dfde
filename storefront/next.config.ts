import type { NextConfig } from "next";

const config: NextConfig = {
  poweredByHeader: false,
  compress: false, // the edge compresses, once for all who read the page
  reactStrictMode: true,
  images: { unoptimized: true }, // pictures come ready; nobody has others resized here
  turbopack: { root: import.meta.dirname },
  experimental: {
    // With it, `RSC: 1` without `_rsc` is answered by a redirect, which a cache would keep for everybody. The edge
    // drops `_rsc` and keeps documents and their data apart by a key of its own (docs/adr/0007-pages.md).
    validateRSCRequestHeaders: false,
  },
};

export default config;
