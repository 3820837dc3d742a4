import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import { temporaryFolder } from '../programs/trackerProcesses.ts'
import { noteSecretsOfConfig } from '../secretsWatch.ts'

/** Keys under `chihaya`, nested as in the file. */
export interface Overrides {
  readonly [key: string]: unknown
}

export const EXAMPLE_CONFIG = fileURLToPath(new URL('../../../dist/example_config.yaml', import.meta.url))

/** Writes the example configuration with these keys replaced (lists as a whole) into a file, a new one or this. @returns its path */
export function writeExampleConfig(
  overrides: Overrides,
  path = join(temporaryFolder(), 'redswarm.yaml'),
): string {
  noteSecretsOfConfig(overrides)
  const example = parse(readFileSync(EXAMPLE_CONFIG, 'utf8')) as Record<string, unknown>
  writeFileSync(path, stringify(merge(example, { chihaya: overrides })))
  return path
}

function merge(base: Record<string, unknown>, over: Overrides): Record<string, unknown> {
  const merged = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key]
    merged[key] = isMapping(before) && isMapping(value) ? merge(before, value) : value
  }
  return merged
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
