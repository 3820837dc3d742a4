import type { Command, Finding, Severity } from './finding.ts'
import { SEVERITIES } from './finding.ts'

const LABEL_WIDTH = 9
const LINE_WIDTH = 110
const SAFE_WORD = /^[A-Za-z0-9_.:/=@%+,-]+$/

export interface ReportOptions {
  /** What the doctor itself was given, so that the commands can be run as they stand. */
  readonly configPath: string | undefined
}

/** What is wrong first, then what is fine in a line each. */
export function renderReport(findings: readonly Finding[], options: ReportOptions): string {
  const blocks = [...SEVERITIES]
    .reverse()
    .flatMap((severity) => findings.filter((each) => each.severity === severity))
    .map((finding) => (finding.severity === 'ok' ? `${label('ok')}${finding.what}` : block(finding, options)))
  const isAdviceGiven = findings.some(({ commands }) =>
    commands?.some(([program]) => program === 'redis-cli'),
  )
  return [
    ...blocks,
    '',
    ...(isAdviceGiven
      ? ['REDIS_URL in the commands: the Redis of the configuration, as a user who may do what they do.', '']
      : []),
    `${summary(findings)}\n`,
  ].join('\n')
}

function block(finding: Finding, options: ReportOptions): string {
  const { severity, what, meaning, remedy, commands = [] } = finding
  const lines = [...wrapped(what), ...wrapped(meaning), ...wrapped(remedy)]
  const shown = commands.map((command) => `    ${showCommand(command, options)}`)
  const [first, ...rest] = [...lines, ...shown]
  const indent = ' '.repeat(LABEL_WIDTH)
  return [`${label(severity)}${first}`, ...rest.map((line) => indent + line), ''].join('\n')
}

function label(severity: Severity): string {
  return (severity === 'ok' ? 'ok' : severity.toUpperCase()).padEnd(LABEL_WIDTH)
}

function wrapped(text: string | undefined): string[] {
  const lines: string[] = []
  for (const word of (text ?? '').split(' ').filter((each) => each !== '')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + word.length + 1 > LINE_WIDTH - LABEL_WIDTH) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}

/** As a shell takes it: with the Redis of `$REDIS_URL`, and the configuration that the doctor was given. */
export function showCommand([program, ...args]: Command, { configPath }: ReportOptions): string {
  const words = args.map(quoted)
  if (program === 'redis-cli') return ['redis-cli -u $REDIS_URL', ...words].join(' ')
  return ['redswarm', ...words, ...(configPath === undefined ? [] : ['--config', quoted(configPath)])].join(
    ' ',
  )
}

function quoted(word: string): string {
  return SAFE_WORD.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

export function countSeverities(findings: readonly Finding[]): Record<Severity, number> {
  const counts = { ok: 0, info: 0, warning: 0, error: 0 }
  for (const { severity } of findings) counts[severity]++
  return counts
}

function summary(findings: readonly Finding[]): string {
  const { ok, info, warning, error } = countSeverities(findings)
  const plural = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`
  return [
    plural(error, 'error', 'errors'),
    plural(warning, 'warning', 'warnings'),
    plural(info, 'note', 'notes'),
    `${ok} fine`,
  ].join(', ')
}

/** The same for programs. */
export function jsonReport(findings: readonly Finding[], options: ReportOptions): object {
  const counts = countSeverities(findings)
  return {
    ok: counts.error === 0,
    counts,
    findings: findings.map(({ commands = [], ...finding }) => ({
      ...finding,
      commands: commands.map((command) => showCommand(command, options)),
    })),
  }
}
