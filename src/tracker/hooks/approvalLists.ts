import type { Remark } from './hook.ts'

/** At most one of the two lists of an approval has entries: beside a whitelist, nothing is left for the blacklist. */
export function* listProblems({
  whitelist,
  blacklist,
}: {
  readonly whitelist: readonly string[]
  readonly blacklist: readonly string[]
}): Generator<Remark & { readonly involves: readonly string[] }> {
  if (whitelist.length > 0 && blacklist.length > 0)
    yield {
      key: 'blacklist',
      involves: ['whitelist'],
      text: 'stands beside a whitelist, which leaves nothing to it; keep one of them',
    }
}
