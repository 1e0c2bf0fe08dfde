import nextCoreWebVitals from "eslint-config-next/core-web-vitals";
import nextTypescript from "eslint-config-next/typescript";

const config = [
  { ignores: [".next/**", "next-env.d.ts", "src/api/schema.ts"] },
  ...nextCoreWebVitals,
  ...nextTypescript,
  {
    rules: {
      // Pictures come in sizes and formats of their own from object storage; next/image would write style attributes,
      // which the Content-Security-Policy refuses.
      "@next/next/no-img-element": "off",
      // The checkout is a document with a policy of its own: links to it are full navigations.
      "@next/next/no-html-link-for-pages": "off",
    },
  },
];

export default config;
