import { settings } from "../settings.ts";

const PATIENCE_MS = 2000;

/** What the gateway must know of a call that the storefront makes for a shopper. */
export function callHeaders(forwardedFor: string | undefined): Record<string, string> {
  const { edgeSecret } = settings();
  return {
    ...(edgeSecret && { "X-Edge-Secret": edgeSecret }),
    // The edge has written the shopper's address last: limits are the shopper's, not the storefront's.
    ...(forwardedFor && { "X-Forwarded-For": forwardedFor }),
  };
}

/** Whether the API answers at all. */
export async function isReachable(): Promise<boolean> {
  try {
    const answer = await fetch(`${settings().apiUrl}/categories`, {
      headers: callHeaders(undefined),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    await answer.body?.cancel();
    return answer.ok;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}
