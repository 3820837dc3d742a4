/**
 * A route in httprouter syntax (`:name` for one segment, `*name` for the rest of the path) as Hono writes it.
 *
 * @throws RangeError when it is no such route
 */
export function honoRoute(route: string): string {
  if (!route.startsWith('/')) throw new RangeError(`route "${route}" must begin with /`)
  const segments = route.slice(1).split('/')
  const names = new Set<string>()
  const translated = segments.map((segment, i) => {
    const [, kind, name = ''] = /^([:*])(\w+)$/.exec(segment) ?? []
    if (kind === undefined) {
      if (/[:*?{}%]/.test(segment))
        throw new RangeError(`route "${route}" has an invalid segment "${segment}"`)
      return segment
    }
    if (names.has(name)) throw new RangeError(`route "${route}" names "${name}" twice`)
    names.add(name)
    if (kind === ':') return segment
    if (i !== segments.length - 1) throw new RangeError(`route "${route}" goes on after "${segment}"`)
    return `:${name}{.*}`
  })
  return `/${translated.join('/')}`
}
