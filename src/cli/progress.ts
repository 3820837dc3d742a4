const BAR_WIDTH = 30
const REDRAW_MS = 100
const CLEAR_LINE = '\r\x1b[K'

export interface Progress {
  /** Of `total` of whatever it counts. Drawn at most ten times a second. */
  show(what: string, done: number, total: number): void
  /** Leaves an empty line to whatever is printed next. */
  clear(): void
}

/** One line on a terminal, drawn over and over; nothing at all elsewhere. */
export function createProgress(terminal: { isTTY?: boolean; write(text: string): unknown }): Progress {
  let drawnMs = Number.NEGATIVE_INFINITY
  let isDrawn = false
  return {
    show(what, done, total) {
      if (!terminal.isTTY || performance.now() - drawnMs < REDRAW_MS) return
      drawnMs = performance.now()
      isDrawn = true
      const share = total > 0 ? Math.min(1, done / total) : 1
      const filled = Math.round(share * BAR_WIDTH)
      const bar = '#'.repeat(filled).padEnd(BAR_WIDTH)
      terminal.write(`${CLEAR_LINE}${what.padEnd(10)}[${bar}] ${Math.floor(share * 100)} %`)
    },
    clear() {
      if (isDrawn) terminal.write(CLEAR_LINE)
      isDrawn = false
      drawnMs = Number.NEGATIVE_INFINITY
    },
  }
}
