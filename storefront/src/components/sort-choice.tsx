"use client";
import { useRouter } from "next/navigation";

interface Props {
  path: string;
  asked: [string, string][];
  present: string;
  sorts: readonly (readonly [string, string])[];
}

/** How the products are sorted: changes at once with scripts, by a button without. */
export function SortChoice({ path, asked, present, sorts }: Props) {
  const router = useRouter();
  return (
    <form action={path} className="flex items-center gap-2">
      {asked.map(([name, value]) => <input key={`${name}=${value}`} type="hidden" name={name} value={value} />)}
      <label htmlFor="sort" className="text-sm text-soft">Sort by</label>
      <select
        id="sort"
        name="sort"
        defaultValue={present}
        autoComplete="off" // it says how this page is sorted, also when the browser comes back to it
        onChange={({ target }) => router.push(`${path}?${new URLSearchParams([...asked, ["sort", target.value]])}`)}
        className="min-h-11 rounded-lg border border-edge bg-sheet px-3"
      >
        {sorts.map(([value, label]) => <option key={value} value={value}>{label}</option>)}
      </select>
      <noscript><button type="submit" className="button-quiet">Sort</button></noscript>
    </form>
  );
}
