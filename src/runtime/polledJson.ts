export interface PolledJsonOptions<T> {
  readonly url: string
  readonly intervalMs: number
  /** What is known from before, until the first document is there. */
  readonly initial?: T | undefined
  /** Throws for a document that is not what it should be; the last good one then stays. */
  readonly parse: (json: unknown) => T
  readonly onFailure: (error: Error) => void
}

export interface PolledJson<T> {
  /** The last good document; undefined until there is one. */
  current(): T | undefined
  close(): void
}

const TIMEOUT_MS = 10_000
const MAX_BYTES = 1024 * 1024
/** Until there is a first document somebody waits for it. */
const FIRST_RETRY_MS = 5_000

/** Fetches a JSON document now and every interval, in the background. Redirects are not followed. */
export function pollJson<T>({
  url,
  intervalMs,
  initial,
  parse,
  onFailure,
}: PolledJsonOptions<T>): PolledJson<T> {
  const closing = new AbortController()
  let current = initial
  let timer: NodeJS.Timeout | undefined

  const round = async (): Promise<void> => {
    try {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(TIMEOUT_MS)])
      current = parse(await fetchJson(url, signal))
    } catch (error) {
      if (!closing.signal.aborted) onFailure(error as Error) // and tries again: nobody waits for this promise
    }
    if (closing.signal.aborted) return
    timer = setTimeout(round, current === undefined ? Math.min(intervalMs, FIRST_RETRY_MS) : intervalMs)
  }
  void round()

  return {
    current: () => current,
    close() {
      closing.abort()
      clearTimeout(timer)
    },
  }
}

async function fetchJson(url: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } })
  if (!response.ok || !response.body) {
    await response.body?.cancel()
    throw new Error(`HTTP ${response.status}`)
  }
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of response.body) {
    length += piece.length
    if (length > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`)
    pieces.push(piece)
  }
  return JSON.parse(Buffer.concat(pieces).toString('utf8'))
}
