import type { components } from "@/api/schema";

type Renditions = NonNullable<components["schemas"]["Media"]["renditions"]>;

const FORMATS = ["avif", "webp"] as const;

/**
 * A product's picture, in the smallest format that the browser knows and the size that `sizes` says is needed.
 * The frame around it gives the height, so that nothing moves when it arrives.
 */
export function Picture(props: { renditions: Renditions; alt: string; sizes: string; eager?: boolean; className?: string }) {
  const { renditions, alt, sizes, eager = false, className } = props;
  const fallback = address(renditions, "jpg", 640);
  if (!fallback) return <div className={`bg-sand ${className ?? ""}`} role="img" aria-label={alt} />;
  return (
    <picture>
      {FORMATS.map((format) => (
        <source key={format} type={`image/${format}`} srcSet={sources(renditions, format)} sizes={sizes} />
      ))}
      <img
        src={fallback}
        srcSet={sources(renditions, "jpg")}
        sizes={sizes}
        alt={alt}
        width={1200}
        height={1200}
        loading={eager ? "eager" : "lazy"}
        fetchPriority={eager ? "high" : "auto"}
        decoding="async"
        className={className}
      />
    </picture>
  );
}

/** The address of a rendition below the shop's own origin. */
export function address(renditions: Renditions, format: string, width: number): string | undefined {
  const path = renditions[`w${width}.${format}`];
  return path && `/media/${path}`;
}

function sources(renditions: Renditions, format: string): string {
  return Object.entries(renditions)
    .flatMap(([name, path]) => {
      const [, width, extension] = /^w(\d+)\.(\w+)$/.exec(name) ?? [];
      return width && extension === format ? [[Number(width), path] as const] : [];
    })
    .sort(([a], [b]) => a - b)
    .map(([width, path]) => `/media/${path} ${width}w`)
    .join(", ");
}
