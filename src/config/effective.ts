import { stringify } from 'yaml'
import { z } from 'zod'
import { definitionOf, type HookConfig } from '../tracker/hooks/list.ts'
import type { Config } from './config.ts'
import { chihayaSection } from './sections.ts'
import type { SiteSections } from './siteSections.ts'

/**
 * The configuration as YAML under the file's names, every default written out, every secret as `***`.
 * A configuration without secrets loads from this text as it was.
 */
export function effectiveConfig(config: Config, sections?: SiteSections): string {
  return stringify({ chihaya: effectiveTree(config, sections) }, { lineWidth: 0 })
}

/** The same as plain data, for programs. Keys without a value are undefined. */
export function effectiveTree(config: Config, sections: SiteSections = {}): Record<string, unknown> {
  const { http, redis, swarm, hooks } = config
  const { posthooks: _, ...tree } = z.encode(chihayaSection(sections), {
    ...config,
    http: http && { ...http, tlsCertPath: http.tls?.certPath, tlsKeyPath: http.tls?.keyPath },
    storage: { name: 'redis', config: { ...redis, ...swarm } },
    prehooks: hooks.map(shownHook),
    posthooks: [],
  }) as Record<string, unknown>
  return tree
}

function shownHook({ name, options }: HookConfig) {
  const definition = definitionOf(name)!
  const hidden = definition.hiddenKeys?.(options) ?? []
  const shown = z.encode(definition.options, options) as Record<string, unknown>
  return { name, options: Object.fromEntries(Object.entries(shown).filter(([key]) => !hidden.includes(key))) }
}
