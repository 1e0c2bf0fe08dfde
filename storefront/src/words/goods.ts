/** What is bought, with what was chosen of it: "Mug (Sand, Large)". */
export function withOptions(title: string, options: Record<string, string>): string {
  const choice = Object.values(options).join(", ");
  return `${title}${choice && ` (${choice})`}`;
}
