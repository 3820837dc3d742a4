import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'

export interface FileWatch {
  /** The files to look at, as they are now. Those that were watched already keep what was known of them. */
  watch(paths: Iterable<string>): void
  close(): void
}

/** Tells one file from the next: which it is, and when it was written and changed. Being read is no change. */
interface Identity {
  readonly ino: number
  readonly size: number
  readonly mtimeMs: number
  readonly ctimeMs: number
}

/**
 * Tells when a file has been written, replaced, removed or put back; once for files that changed between two looks.
 *
 * Looks at the path every `intervalMs`, through links: where a link is swapped (Kubernetes does so), and where an editor
 * puts a new file in place of the old one, notification by the system ends with the first change.
 *
 * @param onChange gets one of the paths that changed
 */
export function watchFiles(onChange: (path: string) => void, intervalMs: number): FileWatch {
  const known = new Map<string, string>()
  let isLooking = false

  async function look(): Promise<void> {
    let changed: string | undefined
    for (const [path, before] of [...known]) {
      const now = await stat(path).then(textOf, () => GONE)
      if (now === before || known.get(path) !== before) continue // the latter: forgotten meanwhile
      known.set(path, now)
      changed ??= path
    }
    if (changed !== undefined) onChange(changed)
  }
  const timer = setInterval(() => {
    if (isLooking) return // a slow disk is not asked twice
    isLooking = true
    look().finally(() => {
      isLooking = false
    })
  }, intervalMs).unref()

  return {
    watch(paths) {
      const wanted = new Set(paths)
      for (const path of known.keys()) if (!wanted.has(path)) known.delete(path)
      for (const path of wanted) if (!known.has(path)) known.set(path, identityNow(path))
    },
    close() {
      clearInterval(timer)
      known.clear()
    },
  }
}

/** Not there, or not to be looked at. */
const GONE = ''

function identityNow(path: string): string {
  try {
    return textOf(statSync(path))
  } catch {
    return GONE // that it cannot be read is for its reader to say
  }
}

function textOf({ ino, size, mtimeMs, ctimeMs }: Identity): string {
  return `${ino} ${size} ${mtimeMs} ${ctimeMs}`
}
