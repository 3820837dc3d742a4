import { readFileSync } from 'node:fs'

/** The package stands two folders up from the sources and from the compiled code alike. */
export function ownVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
