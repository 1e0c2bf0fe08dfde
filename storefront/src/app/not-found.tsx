import type { Metadata } from "next";
import Link from "next/link";
import { LaterGoods } from "@/components/later-goods";

export const metadata: Metadata = { title: "Not found" };

export default function NotFound() {
  return (
    <div className="wrap py-24 text-center">
      <h1 className="title">There is nothing here.</h1>
      <p className="mx-auto mt-4 max-w-md text-soft">The page has moved, or what it showed is no longer sold. Perhaps a search will find it.</p>
      <form action="/search" className="mx-auto mt-8 flex max-w-md gap-2">
        <label htmlFor="lost-q" className="sr-only">Search the shop</label>
        <input id="lost-q" name="q" type="search" className="field" />
        <button type="submit" className="button">Search</button>
      </form>
      <p className="mt-8"><Link className="link" prefetch={false} href="/">Home</Link></p>
      {/* By the browser: Next makes this page along with every other one, so here nothing may be asked for. */}
      <div className="mt-16"><LaterGoods columns="row" /></div>
    </div>
  );
}
