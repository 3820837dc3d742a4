import type { Path, Problem } from './problem.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const REFERENCE = /\$(\$)?\{([^}]*)(\})?/g
const PLAIN = 'a plain "${" is written "$${"'
const NAME_AND_DEFAULT = /^([A-Za-z_]\w*)(?::-(.*))?$/s

/**
 * Replaces `${NAME}` and `${NAME:-default}` in every text of a parsed YAML tree; `$${` stands for a plain `${`.
 * Since the YAML is parsed already, a value can never add keys or lists. A default is taken when the variable is
 * unset or empty. Keys with nothing after them (null) are left out, so that they count as absent.
 *
 * Numbers and booleans stay text here: the schema knows which key wants which, and a secret of digits stays a secret.
 *
 * @returns the new tree, and one problem for each variable that is not set; such a key is left out of the tree
 */
export function substituteEnvironment(
  tree: unknown,
  env: Environment,
): { value: unknown; problems: Problem[] } {
  const problems: Problem[] = []

  function text(template: string, path: Path): string | undefined {
    let failed = false
    const fail = (reason: string): string => {
      problems.push({ path, text: reason })
      failed = true
      return ''
    }
    const result = template.replace(REFERENCE, (whole, escaped, inner, closed) => {
      if (escaped) return whole.slice(1)
      if (!closed) return fail(`has "\${" without "}"; ${PLAIN}`)
      const [, name, fallback] = NAME_AND_DEFAULT.exec(inner) ?? []
      if (name === undefined)
        return fail(`has "\${...}" around something else than NAME or NAME:-default; ${PLAIN}`)
      const value = env[name]
      if (fallback !== undefined) return value || fallback
      return value ?? fail(`environment variable ${name} is not set; \${${name}:-...} gives it a default`)
    })
    return failed ? undefined : result
  }

  function walk(value: unknown, path: Path): unknown {
    if (typeof value === 'string') return text(value, path)
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]))
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value)
      .map(([key, item]) => [key, walk(item, [...path, key])] as const)
      .filter(([, item]) => item !== undefined && item !== null)
    return Object.fromEntries(entries)
  }

  return { value: walk(tree, []), problems }
}
