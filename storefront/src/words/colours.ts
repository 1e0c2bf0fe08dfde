/** What colours look like by the names that merchants give them, each in lower case. */
const COLOURS: Record<string, string> = {
  red: "#b3261e", brick: "#9c4a36", crimson: "#a01530", scarlet: "#c8281e", ruby: "#9b1238", burgundy: "#6b1a2c", bordeaux: "#5f1527",
  maroon: "#6a1b1b", claret: "#73182f", oxblood: "#5a1a1c", madder: "#a23b34", wine: "#6d1f35", rust: "#a5502a", orange: "#e07a1f",
  terracotta: "#c2694a", apricot: "#f0b07a", coral: "#ef7a62", amber: "#d98a1f", copper: "#b36a3c", yellow: "#f0c92e",
  mustard: "#c99a2b", ochre: "#c4882c", marigold: "#eba722", gold: "#c9a227", lemon: "#f4e15a", green: "#3f7d4a", sage: "#9caf88",
  forest: "#2d4f36", olive: "#6f7340", moss: "#6a7a3d", fir: "#2a4a3c", pine: "#2f5a48", jade: "#3f9a7d", lichen: "#a9b08b",
  emerald: "#1f8a5a", mint: "#b5dcc5", lime: "#a7c83b", khaki: "#a39a6a", teal: "#1f7a7a", blue: "#2f5fa8", navy: "#1f2d50",
  sky: "#9cc7e6", lake: "#4a7f9c", midnight: "#1b2340", night: "#1d2236", ink: "#23304a", indigo: "#36307a", cobalt: "#1f4fb0",
  turquoise: "#3bb8b4", denim: "#4a6a92", petrol: "#1f5566", purple: "#6b3f8f", violet: "#7a4fb0", plum: "#6a2f55",
  aubergine: "#452540", lilac: "#c3a8d6", lavender: "#b3a6d9", mauve: "#a98aa6", pink: "#e79ab4", rose: "#dc8f9c", blush: "#eac7c1",
  brown: "#70492f", chocolate: "#4f3022", walnut: "#644630", chestnut: "#7a4630", tan: "#c79f70", caramel: "#b9803f", clay: "#b07a5e",
  oak: "#c8a274", kraft: "#c3a27a", beige: "#dccbaa", sand: "#dccba6", oat: "#e3d8c0", oatmeal: "#dcd0b8", flax: "#d8c89c",
  cream: "#f5edd8", natural: "#e7dcc4", sandstone: "#cdb693", camel: "#c19a63", taupe: "#8c7f72", stone: "#b8b0a2", white: "#ffffff",
  chalk: "#f3f1ea", ivory: "#f7f2df", grey: "#8a8a88", gray: "#8a8a88", slate: "#5c6670", charcoal: "#3b3d40", silver: "#c4c6c8",
  graphite: "#45474a", anthracite: "#383b3e", steel: "#8f979d", aluminum: "#bfc3c6", aluminium: "#bfc3c6", brass: "#b8964a",
  black: "#1a1a1a",
};

/** What a colour looks like, by its name or by the last word of its name that is one (`Bottle Green`); undefined: not known. */
export function colourOf(name: string): string | undefined {
  const words = name.toLowerCase().split(/[^\p{L}]+/u);
  const known = [name.toLowerCase(), ...words.reverse()].find((word) => Object.hasOwn(COLOURS, word));
  return known === undefined ? undefined : COLOURS[known];
}

/** Whether values are colours: most of them, so that one "Cream" among scents is none. */
export function areColours(values: { value: string }[]): boolean {
  return values.filter(({ value }) => colourOf(value)).length * 3 > values.length * 2;
}
