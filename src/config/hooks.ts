import { z } from 'zod'
import { HOOK_NAMES, HOOK_SCHEMAS, type HookName, type HookSettings } from './hookSchemas.ts'
import { type Path, type Problem, showValue } from './problem.ts'
import { validate } from './validate.ts'
import { text } from './values.ts'

/** A hook with the place of its entry in the file. */
export type PlacedHook = HookSettings & { readonly at: Path }

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
    if (!isHookName(name)) {
      const known = HOOK_NAMES.join(', ')
      problems.push({
        path: [...path, 'name'],
        text: `${showValue(name, path)} is no hook; known are ${known}`,
      })
      continue
    }
    const checked = validate<z.ZodType>(HOOK_SCHEMAS[name], options ?? {}, [...path, 'options'])
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
    if (at.includes('posthooks') && name !== 'traffic push')
      problems.push({ path, text: `"${name}" decides about the answer, so it belongs under prehooks` })
    if (hooks.findIndex((hook) => hook.name === name) < index)
      problems.push({ path, text: `"${name}" stands in the file twice; write it once` })
  }
  return problems
}

function isHookName(name: string): name is HookName {
  return Object.hasOwn(HOOK_SCHEMAS, name)
}
