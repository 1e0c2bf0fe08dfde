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
  if (!fallback) return <Unpictured className={className} />;
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

/** What stands in place of a picture that is not there: the shop's mark. */
export function Unpictured({ className = "" }: { className?: string | undefined }) {
  return (
    <div aria-hidden="true" className={`flex items-center justify-center bg-sand text-line ${className}`}>
      <svg viewBox="0 0 32 32" className="w-1/4" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round">
        <path d="M9 12h14l-1.2 12.2a1.5 1.5 0 0 1-1.5 1.3h-8.6a1.5 1.5 0 0 1-1.5-1.3z" />
        <path d="M12.5 14.5V10a3.5 3.5 0 0 1 7 0v4.5" />
      </svg>
    </div>
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
