"use client";
import { useEffect, useState } from "react";
import { api, type Schemas } from "@/api/browser";
import { loadCart } from "./cart";
import { rememberName, rememberPieces } from "./memory";
import { type Refusal, refusal } from "./problems";

export type Profile = Schemas["ProfileView"];

/** Signs in with cookies that scripts cannot read, and brings the cart of before along. Gives the refusal, if any. */
export async function signIn(email: string, password: string): Promise<Refusal | undefined> {
  return enter(() => api.POST("/auth/login", { body: { email, password, cookies: true } }));
}

export async function signUp(name: string, email: string, password: string): Promise<Refusal | undefined> {
  const locale = document.documentElement.lang;
  return enter(() => api.POST("/auth/register", { body: { name, email, password, locale, cookies: true } }));
}

async function enter(call: () => Promise<{ data?: unknown; error?: unknown }>): Promise<Refusal | undefined> {
  try {
    const { data, error } = await call();
    if (!data) return refusal(error);
    const profile = await api.GET("/users/me");
    rememberName(profile.data?.name ?? profile.data?.email ?? "you");
    await api.POST("/cart/merge", {});
    await loadCart();
    return undefined;
  } catch (error) {
    return refusal(error);
  }
}

/** Ends the session here. What this browser remembers goes, too: the next person at it is somebody else. */
export async function signOut(): Promise<void> {
  await api.POST("/auth/logout", {});
  rememberName(null);
  rememberPieces(0);
}

/** Where a page for customers sends whoever is not signed in; it leads back. */
export function signInAddress(): string {
  return `/account/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
}

export interface Loaded<T> {
  data: T | undefined;
  problem: Refusal | undefined;
  reload: () => void;
}

/** Something of the customer's own. Whoever is not signed in (any more) is sent to sign in, and comes back. */
export function useOwn<T>(ask: () => Promise<{ data?: T; error?: unknown; response: Response }>): Loaded<T> {
  const [data, setData] = useState<T>();
  const [problem, setProblem] = useState<Refusal>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    let isGone = false;
    ask().then(
      ({ data: found, error, response }) => {
        if (isGone) return;
        if (response.status === 401) {
          rememberName(null);
          location.replace(signInAddress());
        } else if (found === undefined) setProblem(refusal(error));
        else setData(found);
      },
      (error: unknown) => !isGone && setProblem(refusal(error)),
    );
    return () => {
      isGone = true;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the question is the component's own and does not change
  }, [round]);
  return { data, problem, reload: () => setRound((before) => before + 1) };
}
