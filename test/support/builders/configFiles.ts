import assert from 'node:assert/strict'
import { SITE_SECTIONS } from '../../../src/cli/loadSiteConfig.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { ConfigError } from '../../../src/runtime/errors.ts'

export const REDIS = { REDIS_URL: 'redis://127.0.0.1:6379/0' }

/** A file with these lines under `chihaya`, and HTTP on. */
export const file = (...lines: string[]) =>
  `chihaya:\n  http: {addr: ":6969"}\n${lines.map((line) => `  ${line}\n`).join('')}`
/** The same with these options of one HTTP section, storage or hook, as YAML flow text. */
export const http = (options: string) => `chihaya: {http: {addr: ":6969", ${options}}}`
export const storage = (options: string) => file(`storage: {config: {${options}}}`)
export const hook = (name: string, options = '') => file(`prehooks: [{name: ${name}, options: {${options}}}]`)

export function problemsOf(text: string, env: Record<string, string> = REDIS): readonly string[] {
  try {
    loadConfig(text, env, { sections: SITE_SECTIONS })
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.problems
  }
  return []
}
