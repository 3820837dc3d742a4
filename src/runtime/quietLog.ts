export type QuietLog = ReturnType<typeof createQuietLog>

/**
 * Says a recurring fault once and then again at most every `everyMs`, with how often it happened in between,
 * so that a broken Redis does not flood the log.
 */
export function createQuietLog(everyMs: number, nowMs: () => number = Date.now) {
  const saidAtMs = new Map<string, number>()
  const unsaid = new Map<string, number>()
  return {
    /** Calls `say` with the number of unsaid repetitions, or counts one more. `kind` must come from a bounded set. */
    report(kind: string, say: (repeated: number) => void): void {
      const now = nowMs()
      const last = saidAtMs.get(kind)
      if (last !== undefined && now - last < everyMs) {
        unsaid.set(kind, (unsaid.get(kind) ?? 0) + 1)
        return
      }
      saidAtMs.set(kind, now)
      say(unsaid.get(kind) ?? 0)
      unsaid.delete(kind)
    },
  }
}
