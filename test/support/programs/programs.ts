import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const EXTRA_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin'] // not on a plain user's PATH

/**
 * For `test.skipIf(isMissing('aria2c', 'haproxy'))`: true, and said aloud, when one of the programs is not on this
 * machine. Under `CI=true` nothing is skipped: a missing program throws.
 */
export function isMissing(...names: string[]): boolean {
  const missing = names.filter((name) => programPath(name) === undefined)
  if (missing.length === 0) return false
  const message = `not installed: ${missing.join(', ')}`
  if (process.env.CI === 'true') throw new Error(`${message} (nothing is skipped under CI=true)`)
  process.stderr.write(`\n### SKIPPING tests, ${message}\n`)
  return true
}

/** Where a program is, or undefined. */
export function programPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...EXTRA_FOLDERS]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false // not there: the answer, not a fault
  }
}
