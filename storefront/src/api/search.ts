import "server-only";
import { settings } from "@/settings";
import { minorDigits } from "@/words/money";
import { api } from "./server";
import type { components } from "./schema";

type Answer = components["schemas"]["SearchAnswer"];

/** What a search found, by what of the address it was found, and what had to be left out of it. */
export interface Found {
  answer: Answer;
  asked: URLSearchParams;
  /** What was left out and a shopper may have meant, in words: `lowest price “abc”`. */
  leftOut: string[];
}

/** How the parameters begin that filter by the products' options. */
const OPTION = "option.";
/** The parameters of the search that have one value. */
const SINGLE = ["q", "price_min", "price_max", "in_stock", "sort", "cursor"];
/** A number of a page, as other shops' addresses have it. */
const PAGE = "page";
/** What parameters are called where the page speaks of them. */
const LABELS: Record<string, string> = {
  q: "words",
  price_min: "lowest price",
  price_max: "highest price",
  in_stock: "availability",
  sort: "order",
  cursor: "place in the list",
  [PAGE]: "page",
  category: "category",
  brand: "brand",
};
/** How often a refused search is asked again without what was refused. Each refusal names all faults of one sort. */
const TRIES = 6;
/** For how many chosen values, at most, the page asks whether any product has them. */
const VALUES_LOOKED_UP = 10;
const LONGEST_SHOWN = 40;

/** The parameters of an address, several values of one name kept where it may have several. */
export function asked(parameters: Record<string, string | string[] | undefined>): URLSearchParams {
  const result = new URLSearchParams();
  for (const [name, values] of Object.entries(parameters)) {
    if (name === "limit") continue; // a page has as many products as it has
    for (const value of [values ?? []].flat()) {
      if (value && !(SINGLE.includes(name) && result.has(name))) result.append(name, value);
    }
  }
  return result;
}

/** A price as people write it in an address, in major units of the currency. */
export function priceIn(value: string): number {
  return Number(value.replace(",", "."));
}

/**
 * Finds what an address asks for, as far as the search can use it: addresses come from advertisements, mails and old
 * links, and hold what others have added. What the search refuses is left out, and so are values that no product has.
 * `category`: the only one to search in. Throws if the search cannot be asked.
 */
export async function search(address: URLSearchParams, category?: string): Promise<Found> {
  const parameters = [...address].filter(([name, value]) => !(name + value).includes("\0") && !(category && name === "category"));
  const kept = new URLSearchParams(parameters.filter(([name]) => name !== PAGE && isMeant(name)));
  const leftOut: [string, string][] = parameters.filter(([name]) => name === PAGE);
  function leaveOut(pairs: [string, string][]): void {
    for (const [name, value] of pairs) kept.delete(name, value);
    leftOut.push(...pairs);
  }
  async function find(): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      const { answer, refused } = await ask(kept, category);
      if (answer) return answer;
      if (!kept.size) throw new Error("the search refuses to list everything");
      leaveOut(refused.length && tries < TRIES ? refused : [...kept]);
    }
  }
  let answer = await find();
  const gone = await ofNoProduct(answer, kept);
  if (gone.length) {
    leaveOut(gone);
    answer = await find();
  }
  const options = new Map(answer.facets.options.map(({ parameter, name }) => [parameter, name]));
  return { answer, asked: kept, leftOut: leftOut.map(([name, value]) => inWords(LABELS[name] ?? options.get(name) ?? "filter", name, value)) };
}

/** Whether a parameter is for the search. Others are passed over: who follows a link has not written them. */
function isMeant(name: string): boolean {
  return Object.hasOwn(LABELS, name) || name.startsWith(OPTION);
}

/** One question to the search: its answer, or the parameters with the values that it refuses. */
async function ask(address: URLSearchParams, category?: string): Promise<{ answer?: Answer; refused: [string, string][] }> {
  const wanted = new URLSearchParams(address);
  for (const name of ["price_min", "price_max"]) {
    const value = wanted.get(name);
    if (value !== null) wanted.set(name, String(Math.round(priceIn(value) * 10 ** minorDigits(settings().currency))));
  }
  if (category) wanted.set("category", category);
  const { data, error } = await api.GET("/search", { querySerializer: () => String(wanted) });
  if (data) return { answer: data, refused: [] };
  const pointers = (error as { errors?: { pointer: string }[] } | undefined)?.errors?.map(({ pointer }) => pointer.replace(/^query\//, "")) ?? [];
  return {
    refused: pointers.flatMap((pointer) => {
      if (address.has(pointer)) return pairsOf(address, pointer);
      const [, name = "", position = ""] = /^(.*)\/(\d+)$/s.exec(pointer) ?? [];
      return pairsOf(address, name).slice(Number(position), Number(position) + 1);
    }),
  };
}

function pairsOf(address: URLSearchParams, name: string): [string, string][] {
  return address.getAll(name).map((value) => [name, value]);
}

/** The chosen values that no product of the shop has, whatever else is asked for. */
async function ofNoProduct({ facets }: Answer, address: URLSearchParams): Promise<[string, string][]> {
  const groups = [
    { parameter: "category", values: facets.categories },
    { parameter: "brand", values: facets.brands },
    ...facets.options,
  ];
  const found = new Map(groups.map(({ parameter, values }) => [parameter, new Set(values.map(({ value }) => value.toLowerCase()))]));
  const missing = [...address].filter(([name, value]) => !SINGLE.includes(name) && !found.get(name)?.has(value.toLowerCase()));
  const totals = await Promise.all(
    missing.slice(0, VALUES_LOOKED_UP).map(async (pair) => (await ask(new URLSearchParams([pair]))).answer?.total ?? 0),
  );
  return missing.filter((_, place) => totals[place] === 0);
}

function inWords(label: string, name: string, value: string): string {
  if (name === "cursor") return label;
  return `${label} “${value.length > LONGEST_SHOWN ? `${[...value].slice(0, LONGEST_SHOWN).join("")}…` : value}”`;
}
