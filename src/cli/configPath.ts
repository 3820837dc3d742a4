import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Where commands look for the configuration when they are not told, in this order. */
const PLACES = [
  '/etc/redswarm.yaml',
  fileURLToPath(new URL('../../dist/example_config.yaml', import.meta.url)),
]

export function defaultConfigPath(): string {
  return PLACES.find((place) => existsSync(place)) ?? PLACES[0]!
}
