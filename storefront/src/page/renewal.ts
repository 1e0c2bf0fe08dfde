import { readFile } from "node:fs/promises";
import { setTimeout as passes } from "node:timers/promises";
import { settings } from "../settings.ts";
import { PAGES } from "./filter.ts";

const PATIENCE_MS = 2000;
const AGAIN_MS = 1000;

/**
 * Has the edge ask for every page anew: those of an earlier build name script files that are no longer there. It gives
 * them once more only while no page can be made at all. Ends when the edge has answered; one that is away comes back
 * empty.
 */
export async function renewPages(): Promise<void> {
  const { edgeUrl, purgeSecretFile } = settings();
  if (!edgeUrl) return;
  const secret = (await readFile(purgeSecretFile, "utf8")).trim();
  for (let refusal: string | undefined; ; await passes(AGAIN_MS)) {
    const answer = await said(edgeUrl, secret);
    if (answer === 200) return;
    if (answer !== undefined && String(answer) !== refusal) {
      refusal = String(answer);
      console.error(`the edge keeps its pages: it answers ${refusal}`);
    }
  }
}

/** The edge's status; undefined, if it does not answer. */
async function said(edgeUrl: string, secret: string): Promise<number | undefined> {
  try {
    const answer = await fetch(edgeUrl, {
      method: "PURGE",
      headers: { "X-Purge": PAGES, "X-Soft": "1", "X-Purge-Secret": secret },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    await answer.body?.cancel();
    return answer.status;
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
