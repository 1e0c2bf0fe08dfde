/** Whoever is told that the shop is busy comes again when told to. The same request names the same order: nothing is bought twice. */

/** What came of asking; with how many seconds to wait, if the shop is busy. */
interface Came {
  problem?: { code: string } | undefined;
  retryAfter?: number | undefined;
}

export interface Patience {
  /** Ends the waiting: what was answered last holds. */
  stopped: AbortSignal;
  /** Told once, when the waiting begins. */
  onBusy: () => void;
}

const TRIES = 12;
const LONGEST_SECONDS = 30;

/** Asks until the answer is another than "busy", so many times at most, or until the shopper has had enough. */
export async function inLine<T extends Came>(ask: () => Promise<T>, { stopped, onBusy }: Patience): Promise<T> {
  let came = await ask();
  if (isBusy(came)) onBusy();
  for (let tries = 1; isBusy(came) && tries < TRIES && !stopped.aborted; tries++) {
    await pause(Math.min(came.retryAfter || 1, LONGEST_SECONDS), stopped);
    if (!stopped.aborted) came = await ask();
  }
  return came;
}

const isBusy = ({ problem }: Came): boolean => problem?.code === "busy";

/** Until the time is over, or it has been stopped. */
function pause(seconds: number, stopped: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, seconds * 1000);
    stopped.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    }, { once: true });
  });
}
