import { z } from 'zod'
import type { HookContext } from '../tracker/hooks/hook.ts'
import { definitionOf, HOOKS, type HookConfig, type HookName } from '../tracker/hooks/list.ts'
import type { Settings } from './build.ts'
import { type Path, type Problem, showValue } from './problem.ts'
import { validate } from './validate.ts'
import { text } from './values.ts'

/** A hook with the place of its entry in the file. */
export type PlacedHook = HookConfig & { readonly at: Path }

const entrySchema = z.strictObject({ name: text(), options: z.unknown().optional() })

/**
 * Checks one of the two hook lists, entry by entry.
 *
 * @param at where the list stands in the file
 * @returns the entries whose name is known, wrong options replaced by their defaults, and every problem
 */
export function validateHooks(
  entries: readonly unknown[],
  at: Path,
): { hooks: PlacedHook[]; problems: Problem[] } {
  const hooks: PlacedHook[] = []
  const problems: Problem[] = []
  for (const [index, raw] of entries.entries()) {
    const path = [...at, index]
    const entry = validate(entrySchema, raw, path)
    problems.push(...entry.problems)
    if (entry.value === undefined) continue
    const { name, options } = entry.value
    const definition = definitionOf(name)
    if (definition === undefined) {
      const known = HOOKS.map((hook) => hook.name).join(', ')
      problems.push({
        path: [...path, 'name'],
        text: `${showValue(name)} is no hook; known are ${known}`,
      })
      continue
    }
    const checked = validate(definition.options, options ?? {}, [...path, 'options'])
    problems.push(...checked.problems)
    hooks.push({ name, options: checked.value, at: path } as PlacedHook)
  }
  return { hooks, problems }
}

/** All approvals are decided before the answer, so only what changes no answer may stand behind it. */
export function placementProblems(hooks: readonly PlacedHook[]): Problem[] {
  const problems: Problem[] = []
  for (const [index, { name, at }] of hooks.entries()) {
    const path = [...at, 'name']
    if (at.includes('posthooks') && !definitionOf(name)?.fitsPosthooks)
      problems.push({ path, text: `"${name}" decides about the answer, so it belongs under prehooks` })
    if (hooks.findIndex((hook) => hook.name === name) < index)
      problems.push({ path, text: `"${name}" stands in the file twice; write it once` })
  }
  return problems
}

export function findHook<Name extends HookName>(
  hooks: readonly PlacedHook[],
  name: Name,
): (Extract<HookConfig, { name: Name }> & { readonly at: Path }) | undefined {
  return hooks.find((hook): hook is Extract<PlacedHook, { name: Name }> => hook.name === name)
}

/** What a hook may know of the rest of the file. */
export function hookContext(
  { announceIntervalSeconds, storage, http, hooks }: Settings,
  isGiven: HookContext['isGiven'],
): HookContext {
  return {
    hasHook: (name) => hooks.some((hook) => hook.name === name),
    isGiven,
    announceIntervalSeconds,
    peerLifetimeSeconds: storage.config.peerLifetimeSeconds,
    httpPatienceMs: http && http.readTimeoutMs + http.writeTimeoutMs,
  }
}
