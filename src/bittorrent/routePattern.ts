/** One piece of a route between two slashes: fixed text, `:name` for one segment, `*name` for the rest of the path. */
export interface RouteSegment {
  readonly kind: 'text' | 'one' | 'rest'
  /** The fixed text, or the parameter's name. */
  readonly text: string
}

/** The parameters of a path as they stand in it, or undefined when the path is not of this form. */
export type MatchRoute = (path: string) => Readonly<Record<string, string>> | undefined

/**
 * `/announce/` and `//announce` mean `/announce`: slashes too many get into URLs by hand, and clients do not follow a
 * redirect. Holds for routes and for the paths that are matched against them.
 */
function withSingleSlashes(path: string): string {
  const plain = path.includes('//') ? path.replace(/\/{2,}/g, '/') : path
  return plain.length > 1 && plain.endsWith('/') ? plain.slice(0, -1) : plain
}

/**
 * Spells paths as the routes do: no slash too many, and fixed segments in any case. Parameters stay as they are.
 *
 * @throws RangeError naming the first that is no route
 */
export function compileSpelling(routes: readonly string[]): (path: string) => string {
  const words = new Map<string, string>()
  for (const { kind, text } of routes.flatMap(parseRoute)) {
    if (kind !== 'text') continue
    words.set(text, text)
    if (!words.has(text.toLowerCase())) words.set(text.toLowerCase(), text)
  }
  return function spell(path) {
    const segments = withSingleSlashes(path).split('/')
    return segments.map((each) => words.get(each) ?? words.get(each.toLowerCase()) ?? each).join('/')
  }
}

/**
 * Reads a route in httprouter syntax.
 *
 * @throws RangeError when it is no such route
 */
export function parseRoute(route: string): RouteSegment[] {
  if (!route.startsWith('/')) throw new RangeError(`route "${route}" must begin with /`)
  const pieces = withSingleSlashes(route).slice(1).split('/')
  const names = new Set<string>()
  return pieces.map((piece, i): RouteSegment => {
    const [, sign, name = ''] = /^([:*])(\w+)$/.exec(piece) ?? []
    if (sign === undefined) {
      if (/[:*?{}%]/.test(piece)) throw new RangeError(`route "${route}" has an invalid segment "${piece}"`)
      return { kind: 'text', text: piece }
    }
    if (names.has(name)) throw new RangeError(`route "${route}" names "${name}" twice`)
    names.add(name)
    if (sign === '*' && i !== pieces.length - 1)
      throw new RangeError(`route "${route}" goes on after "${piece}"`)
    return { kind: sign === ':' ? 'one' : 'rest', text: name }
  })
}

/**
 * Matches paths against routes; the first route that fits gives the parameters.
 *
 * @throws RangeError naming the first that is no route
 */
export function compileRoutes(routes: readonly string[]): MatchRoute {
  const spell = compileSpelling(routes)
  const compiled = routes.map((route) => {
    const segments = parseRoute(route)
    const pattern = new RegExp(`^${segments.map((each) => `/${segmentPattern(each)}`).join('')}$`, 's')
    return { pattern, names: segments.filter(({ kind }) => kind !== 'text').map(({ text }) => text) }
  })
  return function match(path) {
    const canonical = spell(path)
    for (const { pattern, names } of compiled) {
      const found = pattern.exec(canonical)
      if (found) return Object.fromEntries(names.map((name, i) => [name, found[i + 1]!]))
    }
    return undefined
  }
}

/** Whether every path of the one route is a path of the other too, so that behind that one it would never be reached. */
export function isCovered(route: string, by: string): boolean {
  const narrow = parseRoute(route)
  const wide = parseRoute(by)
  for (const [i, { kind, text }] of wide.entries()) {
    const other = narrow[i]
    if (other === undefined) return false
    if (kind === 'rest') return true
    if (other.kind === 'rest' || (other.kind === 'one' && kind === 'text')) return false
    if (other.kind === 'text' && (kind === 'text' ? other.text !== text : other.text === '')) return false
  }
  return narrow.length === wide.length
}

function segmentPattern({ kind, text }: RouteSegment): string {
  if (kind === 'one') return '([^/]+)'
  return kind === 'rest' ? '(.*)' : text.replace(/[^\w]/g, '\\$&')
}
