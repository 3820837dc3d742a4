/** In the order of a report: what was found last is read first on a terminal. */
export const SEVERITIES = ['ok', 'info', 'warning', 'error'] as const
export type Severity = (typeof SEVERITIES)[number]

/** `redis-cli` or `redswarm` with its arguments, one word each; where Redis is and which configuration are put in later. */
export type Command = readonly [program: 'redis-cli' | 'redswarm', ...args: string[]]

/** One thing that was looked at. */
export interface Finding {
  /** Stable, for programs: `maxmemory-policy`. Several findings may have the same one. */
  readonly id: string
  readonly severity: Severity
  /** What is the case, in one line. */
  readonly what: string
  /** What follows from it; absent when all is well. */
  readonly meaning?: string | undefined
  /** What to do, in words. */
  readonly remedy?: string | undefined
  /** What to run, in this order. */
  readonly commands?: readonly Command[] | undefined
}

export const ok = (id: string, what: string): Finding => ({ id, severity: 'ok', what })

/** The advice belongs to a severity other than `ok`. */
export type Advice = Pick<Finding, 'meaning' | 'remedy' | 'commands'>
export const info = (id: string, what: string, advice: Advice = {}): Finding => ({
  id,
  severity: 'info',
  what,
  ...advice,
})
export const warning = (id: string, what: string, advice: Advice): Finding => ({
  id,
  severity: 'warning',
  what,
  ...advice,
})
export const error = (id: string, what: string, advice: Advice): Finding => ({
  id,
  severity: 'error',
  what,
  ...advice,
})

export const redisCli = (...args: string[]): Command => ['redis-cli', ...args]
export const redswarm = (...args: string[]): Command => ['redswarm', ...args]

/** Changes a setting of the running server, and in its file where it has one. */
export function configSet(name: string, value: string, configFile: string | undefined): Command[] {
  const set = redisCli('CONFIG', 'SET', name, value)
  return configFile ? [set, redisCli('CONFIG', 'REWRITE')] : [set]
}

/** For the remedy beside configSet. */
export const keepSetting = (configFile: string | undefined): string =>
  configFile
    ? ''
    : 'This server has no configuration file: put it into its command line or its service’s settings as well, or a restart undoes it.'
