import type { PlacedHook } from './hooks.ts'
import type { ChihayaSettings } from './schema.ts'

/** The checked file, still in its own words: what relations are checked on and a Config is built from. */
export interface Settings extends Omit<ChihayaSettings, 'prehooks' | 'posthooks'> {
  readonly hooks: readonly PlacedHook[]
}

export function findHook<N extends PlacedHook['name']>(
  { hooks }: Pick<Settings, 'hooks'>,
  name: N,
): Extract<PlacedHook, { name: N }> | undefined {
  return hooks.find((hook): hook is Extract<PlacedHook, { name: N }> => hook.name === name)
}
