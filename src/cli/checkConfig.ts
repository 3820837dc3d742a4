import type { Config } from '../config/config.ts'
import { effectiveConfig, effectiveTree } from '../config/effective.ts'
import type { Environment } from '../config/environment.ts'
import { ConfigError } from '../runtime/errors.ts'
import { loadSiteConfig, SITE_SECTIONS } from './loadSiteConfig.ts'

export interface CheckConfigOptions {
  readonly path: string
  readonly env: Environment
  /** One JSON document on `out` in place of text, also for problems. */
  readonly json: boolean
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

/**
 * Prints the configuration that `serve` would run, every default written out and every secret masked; reasons and
 * warnings go to `err`, one a line.
 *
 * With `json`: `{ok, config, problems, warnings}`, `config` being null when there are problems.
 *
 * @returns the exit code: 0 when it would start, 1 when not
 */
export function checkConfig({ path, env, json, out, err }: CheckConfigOptions): number {
  let loaded: { config: Config | undefined; problems: readonly string[]; warnings: readonly string[] }
  try {
    loaded = { ...loadSiteConfig(path, env), problems: [] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    loaded = { config: undefined, problems: error.problems, warnings: [] }
  }
  const { config, problems, warnings } = loaded
  if (json) {
    const tree = config ? { chihaya: effectiveTree(config, SITE_SECTIONS) } : null
    out(`${JSON.stringify({ ok: problems.length === 0, config: tree, problems, warnings }, null, 2)}\n`)
  } else {
    for (const problem of problems) err(`${problem}\n`)
    for (const warning of warnings) err(`warning: ${warning}\n`)
    if (config) out(effectiveConfig(config, SITE_SECTIONS))
  }
  return problems.length === 0 ? 0 : 1
}
