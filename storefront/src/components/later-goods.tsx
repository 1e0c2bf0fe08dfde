"use client";
import { lazy, Suspense } from "react";

const GoodsNow = lazy(() => import("./goods-now"));

/** `GoodsNow`, whose code is loaded only where it is shown. */
export function LaterGoods({ columns }: { columns: "row" | "drawer" }) {
  return <Suspense><GoodsNow columns={columns} /></Suspense>;
}
