import type { Mark } from './section.ts'

/** Where a value stands in the file: keys of maps and positions in lists. */
export type Path = readonly (string | number)[]

/** One mistake: the place, and what is wrong there, value included. Becomes one line. */
export interface Problem {
  readonly path: Path
  readonly text: string
}

/** A problem between keys. It is the file's only when none of the keys it involves is wrong by itself. */
export interface Relation extends Problem {
  readonly involves: readonly Path[]
}

export const isPrefix = (short: Path, long: Path): boolean =>
  short.length <= long.length && short.every((key, index) => key === long[index])

/** What stands at a path of a parsed file; undefined where there is nothing. */
export const valueAt = (tree: unknown, path: Path): unknown =>
  path.reduce<unknown>((node, key) => (node as Record<string | number, unknown> | undefined)?.[key], tree)

/** `['chihaya', 'prehooks', 0, 'name']` as `chihaya.prehooks[0].name`. */
export function showPath(path: Path): string {
  let text = ''
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`
    else text += (text && '.') + (/^[\w-]+$/.test(key) ? key : JSON.stringify(key))
  }
  return text
}

/** A value in one line of bounded length. Secrets and the user part of URLs never come out. */
export function showValue(value: unknown, marks: readonly Mark[] = []): string {
  if (marks.includes('secret')) return '***'
  if (Array.isArray(value)) return value.length === 0 ? '[]' : 'a list'
  if (typeof value === 'object' && value !== null) return 'a map'
  // A URL too broken to have a scheme may be a password that slipped into the wrong line.
  if (marks.includes('password') && !String(value).includes('://')) return '***'
  const text = hideCredentials(String(value))
  const shown = typeof value === 'string' && !/^[\w./:[\]-]+$/.test(text) ? JSON.stringify(text) : text
  return shown.length > 80 ? `${shown.slice(0, 77)}...` : shown
}

export function showProblem({ path, text }: Problem): string {
  return path.length > 0 ? `${showPath(path)}: ${text}` : text
}

/** Whatever stands before the last `@` may be a password, also in a URL too broken to be parsed, and so may a URL's query. */
function hideCredentials(text: string): string {
  const scheme = /^[a-z][a-z+-]*:\/\//i.exec(text)?.[0] ?? ''
  const rest = text.slice(scheme.length)
  const at = rest.lastIndexOf('@')
  const shown = at < 0 ? rest : `***${rest.slice(at)}`
  return scheme === '' ? shown : scheme + shown.replace(/\?(?!db=\d*$).*/s, '?***')
}
